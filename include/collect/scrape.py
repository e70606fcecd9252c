"""Crawl a site in a child process and hand on what it sees while it goes; pictures go to the object storage."""

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import include
from include.collect.addresses import Site
from include.collect.pseudonyms import HiddenVisits, require_key, without_values
from include.collect.robots import NAME, ask
from include.core.crawl import Remembered, Shape, Visit
from include.core.errors import FatalError, RetriableError
from include.core.pseudonyms import PseudonymKey
from include.specs import SiteSource

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
SPIDERS = Path(__file__).parent / "spiders"
# What a spider's findings depend on beside its own module.
READING = ("base.py", "judge.py", "records.py")
# Scrapy stops by itself at the source's timeout; a child that hangs is killed so much later.
GRACE = 120
# How a line begins that names the page at hand; it is looked into only if the child dies.
READING_NOW = '{"reading"'
# Libraries for numbers would else reserve memory for as many threads as there are cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class SpiderDied(RetriableError):
    """The child was killed. `at_hand` is what it was reading just then, as a visit that could not be read."""

    def __init__(self, problem: str, *, fix: str, at_hand: Visit | None) -> None:
        super().__init__(problem, fix=fix)
        self.at_hand = at_hand


@dataclass(frozen=True, slots=True)
class Known:
    """What the warehouse knows of a site: the visits of the crawl under way, and those of the crawl before."""

    now: tuple[Remembered, ...] = ()
    before: tuple[Remembered, ...] = ()


def recipe(source: SiteSource, base_url: str, key: PseudonymKey | None = None) -> str:
    """A hash of what reads the site's pages: when it changes, what was read before has to be read anew."""
    personal = [(table, sorted(source.pii_of(table).items())) for table in sorted(source.pii)]
    read_as = (base_url.rstrip("/"), personal, (key.domain, key.id, key.check) if key else None)
    digest = hashlib.sha256(json.dumps(read_as).encode())
    for path in (SPIDERS / f"{source.spider}.py", *(SPIDERS / name for name in READING)):
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def crawl(
    source: SiteSource, base_url: str, known: Known, storage: Any, *, key: PseudonymKey | None = None,
    retry_pause: float = 0.5,
) -> Iterator[tuple[Shape, ...] | Visit]:  # fmt: skip
    """Visit what is left of the site; yields the spider's tables, then each visit as soon as it is made.

    `storage` is a path-like root below which pictures are kept as images/<sha256[:2]>/<sha256>.png: a visit is
    yielded when its pictures are there. `retry_pause` is the seconds before the first of three retries, doubled
    for each. Records that break their model are in a visit's `rejected`, with reasons. `key` is that of the
    source's key domain: with it, nothing that is yielded or logged holds a personal field.

    Raises RetriableError for a site that cannot be reached, a crawl that takes too long or breaks off (SpiderDied
    if the child was killed, or died while it read a page), and FatalError if robots.txt forbids it, the first page
    is missing, or there are more pages than `max_pages`. All of them may come after visits: these happened.
    """
    require_key(source, key)
    base_url = base_url.rstrip("/") + "/"
    site = Site.of(base_url)
    private = source.private or site.names_a_private_address
    user_agent = f"{NAME}/{include.__version__} (+{source.contact})"
    robots = ask(base_url, user_agent, private=private)
    _refuse_delay(source, base_url, robots.delay)
    with tempfile.TemporaryDirectory(prefix="sluice-crawl-") as name:
        folder = Path(name)
        job = {
            "spider": source.spider, "base_url": base_url, "user_agent": user_agent, "robots": robots.text,
            "delay": max(source.delay, robots.delay), "retry_pause": retry_pause, "folder": name,
            "max_pages": source.max_pages, "max_depth": source.max_depth, "max_variants": source.max_variants,
            "max_body": source.max_body, "page_timeout": source.page_timeout, "timeout": source.timeout,
            "max_memory": source.max_memory, "private": private, "proxy_hosts": _proxy_hosts(),
            "personal": bool(source.pii),
        }  # fmt: skip
        _write(folder / "visits.jsonl", known)
        last: dict[str, Any] = {}
        reading: str | None = None
        with _child(job, site) as (child, outcome):
            for line in child:
                if not line.endswith("\n"):  # It died in the middle of a word.
                    break
                if line.startswith(READING_NOW):
                    reading = line
                    continue
                said = json.loads(line)
                if "tables" in said:  # They come before any visit.
                    hidden = HiddenVisits(source, [_shape(table) for table in said["tables"]], key)
                    yield hidden.shapes
                elif "seen" in said:
                    reading = None
                    visit = hidden.hide(_visit(said["seen"]))
                    _store(folder, visit.pictures, storage)
                    yield visit
                else:
                    last = said
        at_hand = hidden.hide(_visit(json.loads(reading)["reading"])) if reading else None
        _refuse_incomplete(source, base_url, last | outcome, at_hand)


def _refuse_delay(source: SiteSource, base_url: str, delay: float) -> None:
    if delay > source.timeout:
        raise FatalError(
            f"The robots.txt of {base_url} asks for {delay:g} seconds between two requests, and a run may take"
            f" {source.timeout}.",
            fix=f"raise timeout of {source.name} in catalog/sources.py, or ask the site's owner.",
        )


@contextmanager
def _child(job: dict[str, Any], site: Site) -> Iterator[tuple[Iterable[str], dict[str, Any]]]:
    """The crawl in a child: its lines, and (when they have ended) how it ended.

    The child ends when we do: it watches its stdin.
    """
    environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    environment |= ONE_THREAD
    if not site.is_loopback:
        environment |= {name: os.environ[name] for name in PROXIES if name in os.environ}
    complaints = Path(job["folder"]) / "stderr.txt"
    outcome: dict[str, Any] = {}
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
            yield child.stdout, outcome
            outcome["status"] = child.wait()
        finally:
            killer.cancel()
            child.kill()
            child.wait()
    said = complaints.read_text(errors="replace").splitlines()
    said = without_values(said) if job["personal"] else said
    for line in said[-20:]:
        log.warning("spider: %s", line)
    outcome["complaint"] = said[-1] if said else ""


def _refuse_incomplete(source: SiteSource, base_url: str, outcome: dict[str, Any], at_hand: Visit | None) -> None:
    """Half a crawl is not landed: nobody could tell what it did not see from what is not there."""
    reason = outcome.get("finished")
    if failure := outcome.get("start_failure"):
        problem = f"The first page of {base_url} could not be read ({failure})."
        if failure.startswith("spider: "):
            raise FatalError(problem, fix=f"mend include/collect/spiders/{source.spider}.py.")
        if failure.startswith(("status: 4", "redirect: ", "body: ", "address: ")) and "429" not in failure:
            raise FatalError(problem, fix="correct the root URL in the Airflow connection.")
        raise RetriableError(problem, fix="check that the site is up.")
    if reason == "max_pages":
        raise FatalError(
            f"{base_url} has more than max_pages = {source.max_pages} pages and files.",
            fix=f"raise max_pages of {source.name} in catalog/sources.py, or narrow what its spider follows.",
        )
    if outcome.get("errors"):
        raise FatalError(
            f"The spider {source.spider} failed {outcome['errors']} times on {base_url}; the log shows where.",
            fix=f"mend include/collect/spiders/{source.spider}.py.",
        )
    if reason is None and outcome["status"] > 0 and at_hand is None:
        raise FatalError(
            f"The spider {source.spider} did not run: {outcome['complaint'] or 'it said nothing'}.",
            fix=f"mend include/collect/spiders/{source.spider}.py.",
        )
    if reason != "finished" or outcome["status"] != 0:
        problem = (
            f"The crawl of {base_url} broke off ({reason or 'killed'}) after {outcome.get('responses', 'some')}"
            " responses; what was read is kept."
        )
        fix = (
            f"run again: it goes on from there. If it needs more than {source.timeout} s at a time, raise"
            f" timeout of {source.name} in catalog/sources.py."
        )
        raise RetriableError(problem, fix=fix) if reason else SpiderDied(problem, fix=fix, at_hand=at_hand)


def _proxy_hosts() -> list[str]:
    urls = [os.environ[name] for name in PROXIES if name in os.environ and "no_" not in name.lower()]
    return sorted({urlsplit(url if "//" in url else f"//{url}").hostname or "" for url in urls} - {""})


def _write(path: Path, known: Known) -> None:
    with path.open("w") as file:
        for now, visits in ((True, known.now), (False, known.before)):
            for v in visits:
                line = (now, v.visit, v.outcome, v.depth, v.links, v.etag, v.last_modified)
                file.write(json.dumps(line) + "\n")


def _shape(table: dict[str, Any]) -> Shape:
    return Shape(table["name"], table["key"], tuple((name, kind) for name, kind in table["columns"]))


def _visit(seen: dict[str, Any]) -> Visit:
    return Visit(
        seen["visit"], seen["path"], seen["outcome"], seen["depth"], tuple(seen["links"]), seen["etag"],
        seen["last_modified"], tuple((table, key, row) for table, key, row in seen["rows"]),
        tuple((table, key, content, reasons) for table, key, content, reasons in seen["rejected"]),
        tuple(seen["pictures"]), seen["reason"],
    )  # fmt: skip


def missing(pictures: Iterable[str], storage: Any) -> set[str]:
    """Which of these pictures, named as they are landed, are not under `storage`: one listing a folder of them."""
    folders: dict[str, set[str]] = {}
    for path in pictures:
        folders.setdefault(path.rpartition("/")[0], set()).add(path)
    lost: set[str] = set()
    for folder, paths in folders.items():
        place = storage / folder
        lost |= paths - ({f"{folder}/{found.name}" for found in place.iterdir()} if place.exists() else set())
    return lost


def _store(folder: Path, pictures: Iterable[str], storage: Any) -> None:
    """Put pictures that are not there yet, or only in part, under `storage`."""
    for path in pictures:
        picture, target = folder / path, storage / path
        if not picture.exists():  # The same bytes were shown before.
            continue
        data = picture.read_bytes()
        if not target.exists() or target.stat().st_size != len(data):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                file.write(data)
        picture.unlink()
