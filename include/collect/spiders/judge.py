"""The one place where what a spider found is judged: rows, pictures and rejections go to the job's folder."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from scrapy.crawler import Crawler

from include.collect.spiders.records import Found, Page, Unread


class Judge:
    """A Scrapy item pipeline that writes `rows.jsonl`, `rejected.jsonl` and the pictures into JOB_FOLDER."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = (folder / "rows.jsonl").open("w")
        self.rejected = (folder / "rejected.jsonl").open("w")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Path(crawler.settings["JOB_FOLDER"]))

    def process_item(self, item: Found | Unread) -> Found | Unread:
        if isinstance(item, Unread):
            self._reject(Page.table, item.path, {Page.key: item.path}, [item.reason])
            return item
        try:
            record = item.model.model_validate(dict(item.values))
        except ValidationError as error:
            reasons = [f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['type']}" for e in error.errors()]
            key = item.values.get(item.model.key)
            self._reject(item.model.table, key if isinstance(key, str) else None, item.values, reasons)
            return item
        for picture in record.pictures():
            place = self.folder / picture.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(picture.png)
        self.rows.write(json.dumps([record.table, record.row()]) + "\n")
        return item

    def _reject(self, table: str, key: str | None, values: Mapping[str, Any], reasons: list[str]) -> None:
        shown = {name: _shown(value) for name, value in values.items()}
        entry = {"table": table, "key": _shown(key), "row": shown, "reasons": sorted(reasons)}
        self.rejected.write(json.dumps(entry, sort_keys=True) + "\n")

    def close_spider(self) -> None:
        self.rows.close()
        self.rejected.close()


def _shown(value: Any) -> Any:
    """A value as quarantine can keep it: bytes by length and hash, text without NUL, which Postgres refuses."""
    if isinstance(value, bytes):
        return {"bytes": len(value), "sha256": sha256(value).hexdigest()}
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")[:10_000]
    return value
