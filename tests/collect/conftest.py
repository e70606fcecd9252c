"""A web site on loopback that does what a test tells it, and a crawl of it into a real warehouse."""

import gzip
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from include.pipeline.collect import collect_site
from include.specs import SiteSource
from include.warehouse.connection import transaction
from include.warehouse.landing import position

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 3, 1, tzinfo=UTC)

RUN = """
import json, sys
from datetime import datetime
from pathlib import Path
from include.pipeline.collect import collect_site
from include.specs import SiteSource

job = json.loads(sys.stdin.readline())
source = SiteSource.model_validate(job["source"])
at = datetime.fromisoformat(job["at"])
collect_site(source, job["url"], job["warehouse"], Path(job["storage"]), at=at, retry_pause=0.01)
"""


@dataclass
class Answer:
    """What a path says. `write` replaces the body by whatever it does with the handler's output."""

    body: bytes = b""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    write: Callable[[Any], None] | None = None


def product(sku: str, *links: str, price: str = "12.50", photos: tuple[str, ...] = (), extra: str = "") -> Answer:
    """A page that the sample's spider reads as one product with one review and its photos."""
    anchors = "".join(f'<a href="{link}">on</a>' for link in links)
    figures = "".join(f'<figure class="photo" data-label="8"><img src="{path}"></figure>' for path in photos)
    text = (
        f'<!doctype html><html><head><meta charset="utf-8"></head><body><h1>Plate {sku}</h1>{anchors}'
        f'<article class="product" data-sku="{sku}"><span class="price">€ {price}</span>'
        f'<p class="description">Of steel.</p></article><article class="review" id="{sku}-1">'
        f'<b class="author">Ann</b><span class="stars">5</span><p class="text">Good.</p></article>'
        f"{figures}{extra}</body></html>"
    )
    return Answer(text.encode("utf-8", "surrogatepass"))


class Web:
    """The running site; a context manager. Bodies get an ETag of their own, and 304 to those who know it.

    `hits` counts requests by path, `sent` the bytes of whole bodies; `asked` holds each request's path and time.
    It serves as a proxy too, as if it stood before the site: `proxied` names the hosts that it was asked for.
    """

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.hits: Counter[str] = Counter()
        self.asked: list[tuple[str, float]] = []
        self.sent, self.pause, self.etags = 0, 0.0, True
        self.proxied: set[str] = set()
        self.faults: dict[str, list[Answer]] = {}
        # What answers for paths that are not among the pages: an endless site.
        self.endless: Callable[[str], Answer] = lambda _path: Answer(status=404)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def shop(self, pages: int) -> None:
        """A tree of so many product pages, the root among them, three links each."""
        for number in range(pages):
            links = [f"/p/{child}" for child in range(3 * number + 1, 3 * number + 4) if child < pages]
            self.pages[f"/p/{number}" if number else "/"] = product(f"s{number}", *links)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path.startswith("http://"):  # As a proxy is asked.
                web.proxied.add(urlsplit(self.path).netloc)
                self.path = urlsplit(self.path).path
            web.hits[self.path] += 1
            web.asked.append((self.path, time.monotonic()))
            time.sleep(web.pause)
            faults = web.faults.get(self.path)
            answer = faults.pop(0) if faults else web.pages.get(self.path) or web.endless(self.path)
            etag = f'"{hashlib.sha256(answer.body).hexdigest()[:20]}"'
            status, body = answer.status, answer.body
            modified = answer.headers.get("Last-Modified")
            known = web.etags and self.headers.get("If-None-Match") == etag
            if status == 200 and (known or (modified and self.headers.get("If-Modified-Since") == modified)):
                status, body = 304, b""
            self.send_response(status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if web.etags and status in {200, 304}:
                self.send_header("ETag", etag)
            self.send_header("Content-Type", answer.kind)
            if answer.write is not None and status == 200:
                self.end_headers()
                self.close_connection = True
                try:
                    answer.write(self.wfile)
                except OSError:
                    self.log_message("the crawler hung up")
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            web.sent += len(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are counted; a line for each would drown what matters."""

    return Handler


class Crawling:
    """A site, its declaration, and the warehouse it is landed in."""

    def __init__(self, web: Web, warehouse: str, storage: Path) -> None:
        self.web, self.warehouse, self.storage = web, warehouse, storage
        self.source = SiteSource(
            name="site", connection="site", spider="shop_site", contact="test@localhost", delay=0, timeout=60
        )

    def collect(self, *, at: datetime = AT, accept_loss: bool = False, **declared: Any) -> dict[str, int]:
        """Crawl and land; returns the changes by table."""
        source = SiteSource.model_validate(self.source.model_dump() | declared)
        [landed] = collect_site(
            source, self.web.url, self.warehouse, self.storage, at=at, accept_loss=accept_loss, retry_pause=0.01
        )
        return landed.changes

    def start(self) -> subprocess.Popen[str]:
        """The same in a process of its own."""
        run = subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, text=True, stdin=subprocess.PIPE)
        assert run.stdin is not None
        job = {
            "source": self.source.model_dump(), "url": self.web.url, "warehouse": self.warehouse,
            "storage": str(self.storage), "at": AT.isoformat(),
        }  # fmt: skip
        run.stdin.write(json.dumps(job) + "\n")
        run.stdin.flush()
        return run

    def query(self, statement: str) -> list[tuple]:
        with transaction(self.warehouse) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def rejected(self, table: str = "pages") -> list[tuple[str, list[str]]]:
        """Key and reasons of what is in quarantine."""
        return self.query(f"SELECT key, reasons FROM quarantine.site_{table} ORDER BY key, run")

    def position(self) -> str | None:
        with transaction(self.warehouse) as connection:
            return position(connection, "site")


def _spiders_of(pid: int) -> list[int]:
    """The processes that crawl for a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            words = (stat.parent / "cmdline").read_text()
        except OSError:  # It has just ended.
            continue
        if parent == pid and "include.collect.spiders" in words:
            found.append(int(stat.parent.name))
    return found


@pytest.fixture(scope="session")
def spiders_of() -> Callable[[int], list[int]]:
    return _spiders_of


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as running:
        yield running


@pytest.fixture
def site(web: Web, warehouse_url: str, tmp_path: Path) -> Crawling:
    return Crawling(web, warehouse_url, tmp_path / "storage")


@pytest.fixture(scope="session")
def page() -> Callable[..., Answer]:
    return product


@pytest.fixture(scope="session")
def answer() -> type[Answer]:
    return Answer


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """Some 100 KB that unfold into 100 MB."""
    return gzip.compress(bytes(100_000_000), 1)
