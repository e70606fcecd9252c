"""The one place where what a spider found is judged: a line of JSON a visit, pictures in the job's folder."""

import json
import logging
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from scrapy.crawler import Crawler

from include.collect.spiders.records import LONGEST_KEY, UNSTORABLE, Found, Page, Seen
from include.core.crawl import KILLED, Link

log = logging.getLogger(__name__)

Rejection = tuple[str, str | None, dict[str, Any], list[str]]


class Judge:
    """A Scrapy item pipeline that writes a line to stdout for each visit, with its rows and rejections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Each is written once: the parent may be reading it already.
        self._written: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Path(crawler.settings["JOB_FOLDER"]))

    def process_item(self, item: Seen) -> Seen:
        if item.found:
            announce(item.link)
        rows: list[tuple[str, str, list[str | None]]] = []
        rejected = [
            _rejected(Page.table, each.path, {Page.key: each.path}, [each.reason]) for each in item.refused
        ]
        if item.reason is not None:
            rejected.append(_unread(item.link, item.reason))
        pictures: list[str] = []
        for found in item.found:
            self._judge(found, rows, rejected, pictures)
        say(seen=_visit(item, rows, rejected, pictures))
        return item

    def _judge(self, found: Found, rows: list[Any], rejected: list[Rejection], pictures: list[str]) -> None:
        model = found.model
        try:
            record = model.model_validate(dict(found.values))
        except ValidationError as error:
            reasons = [f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['type']}" for e in error.errors()]
            rejected.append(_rejected(model.table, found.values.get(model.key), found.values, reasons))
            return
        except Exception as error:  # A model that fails on one page's content must not cost the whole crawl.
            log.exception("%s failed on a record", model.__name__)
            reasons = [f"record: {type(error).__name__}"]
            rejected.append(_rejected(model.table, found.values.get(model.key), found.values, reasons))
            return
        row = record.row()
        key = row[[name for name, _ in model.columns()].index(model.key)]
        for picture in record.pictures():
            pictures.append(picture.path)
            if picture.path not in self._written:
                self._written.add(picture.path)
                place = self.folder / picture.path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(picture.png)
        rows.append((model.table, key, row))


def announce(link: Link) -> None:
    """Say, before a page is read, what is to be told of it if this process does not live to tell."""
    say(reading=_visit(Seen(link, "unread", reason=KILLED), [], [_unread(link, KILLED)], []))


def _visit(seen: Seen, rows: list[Any], rejected: list[Rejection], pictures: list[str]) -> dict[str, Any]:
    link = seen.link
    return {
        "visit": link.visit, "path": link.path, "outcome": seen.outcome, "depth": link.depth,
        "links": [each.pack() for each in seen.links], "etag": seen.etag, "last_modified": seen.last_modified,
        "rows": rows, "rejected": rejected, "pictures": pictures, "reason": seen.reason,
    }  # fmt: skip


def _unread(link: Link, reason: str) -> Rejection:
    return _rejected(Page.table, link.path, {Page.key: link.path}, [reason])


def say(**facts: Any) -> None:
    """One line of JSON to the parent process."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _rejected(table: str, key: Any, values: Mapping[str, Any], reasons: list[str]) -> Rejection:
    shown = {name: _shown(value) for name, value in values.items()}
    return table, _shown(key)[:LONGEST_KEY] if isinstance(key, str) else None, shown, sorted(reasons)


def _shown(value: Any) -> Any:
    """A value as quarantine can keep it: bytes by length and hash, text without what Postgres refuses."""
    if isinstance(value, bytes):
        return {"bytes": len(value), "sha256": sha256(value).hexdigest()}
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)[:10_000]
    if value is None or isinstance(value, bool | int):
        return value
    return UNSTORABLE.sub("\ufffd", str(value))[:10_000]
