"""Crawl a site in a child process and yield what it found as a batch; pictures go to the object storage."""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import include
from include.collect.pseudonyms import changes_of, hide_rejected, require_key, without_values
from include.collect.robots import crawl_delay, is_loopback
from include.core.batch import Batch, Column, Rejected, Table, TableChanges
from include.core.errors import FatalError, RetriableError
from include.core.pseudonyms import PseudonymKey
from include.specs import SiteSource

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
# Scrapy stops by itself at the source's timeout; a child that hangs is killed so much later.
GRACE = 60
Row = list[str | None]
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def crawl(
    source: SiteSource, base_url: str, start: str | None, storage: Any, *, key: PseudonymKey | None = None,
    retry_pause: float = 0.5,
) -> Batch:  # fmt: skip
    """Visit every page of the site that robots.txt allows; the batch holds all that was found.

    `start` is the position after the crawl before (`crawl 3`), None for the first. `storage` is a path-like
    root below which pictures are kept as images/<sha256[:2]>/<sha256>.png. `retry_pause` is the seconds before
    the first of three retries, doubled for each. Records that break their model are in `rejected`, with reasons.
    `key` is that of the source's key domain: with it, nothing that is returned or logged holds a personal field.

    Raises RetriableError for a site that cannot be reached, a crawl that takes too long or breaks off, and
    FatalError if robots.txt forbids it, the first page is missing, or there are more pages than `max_pages`.
    """
    require_key(source, key)
    end = _following(start)
    base_url = base_url.rstrip("/") + "/"
    user_agent = f"Sluice/{include.__version__} (+{source.contact})"
    delay = max(source.delay, crawl_delay(base_url, user_agent))
    with tempfile.TemporaryDirectory(prefix="sluice-crawl-") as name:
        folder = Path(name)
        job = {
            "spider": source.spider, "base_url": base_url, "user_agent": user_agent, "delay": delay,
            "retry_pause": retry_pause, "max_pages": source.max_pages, "timeout": source.timeout, "folder": name,
            "personal": bool(source.pii),
        }  # fmt: skip
        _refuse_incomplete(source, base_url, _run(job))
        changes, rejected = _read(folder, source, key)
        stored = _store(folder, storage)
    log.info(
        "crawled %s: %s records, %s rejected, %s new pictures", base_url, sum(c.count for c in changes),
        len(rejected), stored,
    )  # fmt: skip
    return Batch(
        source=source.name, start=start, end=end, changes=changes, rejected=rejected,
        skip_unchanged=True,
    )  # fmt: skip


def _following(position: str | None) -> str:
    if position is None:
        return "crawl 1"
    word, _, number = position.partition(" ")
    if word != "crawl" or not number.isdigit():
        raise FatalError(
            f"A site's position reads like 'crawl 3'; this one is {position!r}.",
            fix="give the source another name: this one's batches came from another kind of source.",
        )
    return f"crawl {int(number) + 1}"


def _run(job: dict[str, Any]) -> dict[str, Any]:
    """Run the crawl in a child and return its last word. The child ends when we do: it watches its stdin."""
    environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    if not is_loopback(job["base_url"]):
        environment |= {name: os.environ[name] for name in PROXIES if name in os.environ}
    last: dict[str, Any] = {}
    complaints = Path(job["folder"]) / "stderr.txt"
    with complaints.open("w") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", "include.collect.spiders"], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
        killer = threading.Timer(job["timeout"] + GRACE, child.kill)
        killer.start()
        try:
            assert child.stdin is not None and child.stdout is not None  # noqa: S101
            child.stdin.write(json.dumps(job) + "\n")
            child.stdin.flush()
            for line in child.stdout:
                last = json.loads(line)
                log.info("%s: %s responses", job["base_url"], last["responses"])
            status = child.wait()
        finally:
            killer.cancel()
            child.kill()
            child.wait()
    said = complaints.read_text(errors="replace").splitlines()
    said = without_values(said) if job["personal"] else said
    for line in said[-20:]:
        log.warning("spider: %s", line)
    return last | {"status": status, "complaint": said[-1] if said else ""}


def _refuse_incomplete(source: SiteSource, base_url: str, outcome: dict[str, Any]) -> None:
    """Half a crawl is not landed: nobody could tell what it did not see from what is not there."""
    reason = outcome.get("finished")
    if failure := outcome.get("start_failure"):
        problem = f"The first page of {base_url} could not be read ({failure})."
        if failure.startswith("status: 4"):
            raise FatalError(problem, fix="correct the root URL in the Airflow connection.")
        raise RetriableError(problem, fix="check that the site is up.")
    if reason == "closespider_pagecount":
        raise FatalError(
            f"{base_url} has more than max_pages = {source.max_pages} pages and files.",
            fix=f"raise max_pages of {source.name} in catalog/sources.py, or narrow what its spider follows.",
        )
    if outcome.get("errors"):
        raise FatalError(
            f"The spider {source.spider} failed on {outcome['errors']} pages of {base_url}; the log shows where.",
            fix=f"mend include/collect/spiders/{source.spider}.py.",
        )
    if reason is None and outcome["status"] > 0:
        raise FatalError(
            f"The spider {source.spider} did not run: {outcome['complaint'] or 'it said nothing'}.",
            fix=f"mend include/collect/spiders/{source.spider}.py.",
        )
    if reason != "finished" or outcome["status"] != 0:
        seen = outcome.get("responses", 0)
        raise RetriableError(
            f"The crawl of {base_url} broke off ({reason or 'killed'}) after {seen} responses.",
            fix=f"if it needs more than {source.timeout} s, raise timeout of {source.name} in catalog/sources.py.",
        )


def _read(
    folder: Path, source: SiteSource, key: PseudonymKey | None
) -> tuple[tuple[TableChanges, ...], tuple[Rejected, ...]]:
    """Rows in the order of their keys, whatever order the pages came in."""
    shapes = json.loads((folder / "tables.json").read_text())
    found: dict[str, list[Row]] = {shape["name"]: [] for shape in shapes}
    for name, row in _lines(folder / "rows.jsonl"):
        found[name].append(row)
    rejected = [
        Rejected(entry["table"], entry["key"], entry["row"], tuple(entry["reasons"]))
        for entry in _lines(folder / "rejected.jsonl")
    ]
    sequence = count(1)
    changes = []
    for shape in shapes:
        columns = tuple(Column(name, kind) for name, kind in shape["columns"])
        made = Table(shape["name"], columns, (shape["key"],))
        table = changes_of(made, source.pii_of(made.name), sequence, key)
        unique, surplus = _once_each(found[shape["name"]], [c.name for c in columns].index(shape["key"]))
        for row in unique:
            table.upsert(row)
        for row in surplus:
            values = {column.name: value for column, value in zip(columns, row, strict=True)}
            reason = f"{shape['key']}: seen_twice"
            rejected.append(Rejected(table.table.name, values[shape["key"]], values, (reason,)))
        changes.append(table)
    rejected = hide_rejected(source, [table.table for table in changes], rejected, key)
    rejected.sort(key=lambda r: (r.table, r.key or "", json.dumps(r.row, sort_keys=True)))
    return tuple(changes), tuple(rejected)


def _once_each(rows: list[Row], key: int) -> tuple[list[Row], list[Row]]:
    """One row a key, and the rows that say something else about a key that was seen before."""
    unique: list[Row] = []
    surplus: list[Row] = []
    for row in sorted(rows, key=lambda row: (row[key] or "", json.dumps(row))):
        if not unique or unique[-1][key] != row[key]:
            unique.append(row)
        elif row not in (unique[-1], *surplus[-1:]):
            surplus.append(row)
    return unique, surplus


def _lines(path: Path) -> Iterator[Any]:
    with path.open() as file:
        yield from map(json.loads, file)


def _store(folder: Path, storage: Any) -> int:
    """Put pictures that are not there yet, or only in part, under `storage`; returns how many."""
    stored = 0
    for picture in sorted((folder / "images").rglob("*.png")):
        data, target = picture.read_bytes(), storage / str(picture.relative_to(folder))
        if target.exists() and target.stat().st_size == len(data):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.write(data)
        stored += 1
    return stored
