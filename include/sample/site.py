"""Serve the sample shop's web site on loopback.

Run as `python -m include.sample.site` with, all optional, SLUICE_SITE_PORT (0 or none: any free one),
SLUICE_SITE_SEED, SLUICE_SITE_PRODUCTS and SLUICE_SITE_EDITION in the environment. It prints one line of
JSON with its URL, and ends on SIGTERM.
"""

import hashlib
import json
import os
import sys
import threading
from collections import Counter
from dataclasses import asdict
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from include.core.errors import FatalError, RetriableError
from include.sample.shelf import PRODUCTS, Photo, Plate, Shelf, SitePlanted, stock
from include.sample.told import stop_signals

PER_PAGE = 12
CRAWL_DELAY = 0.01
ROBOTS = f"User-agent: *\nDisallow: /private\nDisallow: /cart\nDisallow: /status\nCrawl-delay: {CRAWL_DELAY}\n"
MODIFIED = "Sun, 01 Mar 2026 00:00:00 GMT"
HTML = "text/html; charset=utf-8"

# A body and its content type.
Page = tuple[bytes, str]


def planted(seed: int, products: int = PRODUCTS, edition: int = 0) -> list[SitePlanted]:
    """What is wrong on purpose with the site of this seed."""
    return list(stock(seed, products, edition).planted)


def _html(title: str, body: str) -> str:
    links = (
        '<a href="/">Home</a> <a href="/plates?page=1">Plates</a> <a href="/cart">Cart</a>'
        ' <a href="/private">Staff</a> <a href="http://elsewhere.invalid/">Partner</a>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f"<body><nav>{links}</nav>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _listing(shelf: Shelf, number: int) -> str | None:
    shown = shelf.plates[(number - 1) * PER_PAGE : number * PER_PAGE]
    if number < 1 or not shown:
        return None
    items = "".join(f'<li><a href="/plates/{plate.sku}">{escape(plate.name)}</a></li>\n' for plate in shown)
    more = number * PER_PAGE < len(shelf.plates)
    following = f'<a rel="next" href="/plates?page={number + 1}">Next</a>' if more else ""
    return _html(f"Plates, page {number}", f"<ul>\n{items}</ul>\n{following}")


def _figure(photo: Photo) -> str:
    label = "" if photo.label is None else f' data-label="{escape(photo.label)}"'
    return f'<figure class="photo"{label}><img src="{photo.path}" alt="hand-written digit"></figure>\n'


def _product(plate: Plate) -> str:
    photos = "".join(map(_figure, plate.photos))
    reviews = "".join(
        f'<article class="review" id="{plate.sku}-review-{number}"><b class="author">{escape(review.author)}</b>'
        f' <span class="stars">{review.stars}</span><p class="text">{escape(review.text)}</p></article>\n'
        for number, review in enumerate(plate.reviews, start=1)
    )
    return _html(
        plate.name,
        f'<article class="product" data-sku="{plate.sku}"><span class="price">€ {escape(plate.price)}</span>'
        f'<p class="description">{escape(plate.description)}</p></article>\n{photos}{reviews}',
    )


def _pages(shelf: Shelf) -> dict[str, Page]:
    """Every address of the site but those that say something about its visitors."""
    home = _html("Number plates by hand", '<p><a href="/plates/plate-0000">A plate of old, sold out</a></p>')
    pages: dict[str, Page] = {
        "/": (home.encode(), HTML),
        "/cart": (_html("Your cart", "<p>Empty.</p>").encode(), HTML),
        "/private": (_html("Staff only", "<p>Not for robots.</p>").encode(), HTML),
    }
    for number in range(1, -(-len(shelf.plates) // PER_PAGE) + 1):
        pages[f"/plates?page={number}"] = ((_listing(shelf, number) or "").encode(), HTML)
    for plate in shelf.plates:
        body = _product(plate)
        if plate.encoding != "utf-8":
            body = body.replace("€", "EUR")
        pages[f"/plates/{plate.sku}"] = (body.encode(plate.encoding), HTML)
        pages |= {photo.path: (photo.body, "image/png") for photo in plate.photos}
    return pages


class Site:
    """The running site; a context manager.

    `hits` counts requests by path and query. `faults` maps a path to statuses that it answers with, one a
    request, before the page itself: a rehearsed failure.
    """

    def __init__(
        self, seed: int, products: int = PRODUCTS, *, edition: int = 0, port: int = 0, robots: str = ROBOTS
    ) -> None:
        self.seed, self.products, self.edition, self.robots = seed, products, edition, robots
        self.hits: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.faults: dict[str, list[int]] = {}
        self.restock(edition)
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        except OSError as error:
            raise RetriableError(
                f"The sample site cannot listen on 127.0.0.1:{port}: {error.strerror}.",
                fix="set SLUICE_SITE_PORT to 0 for any free port, or to another one.",
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def restock(self, edition: int) -> None:
        """Show another edition from here on."""
        shelf = stock(self.seed, self.products, edition)
        self.edition, self.planted, self.pages = edition, list(shelf.planted), _pages(shelf)

    def status(self) -> dict[str, object]:
        """What the site knows about itself, as served at /status."""
        return {
            "edition": self.edition, "requests": self.hits.total(), "private_hits": self.hits["/private"],
            "planted": [asdict(entry) for entry in self.planted],
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            site.hits[self.path] += 1
            site.agents.add(self.headers.get("User-Agent", ""))
            faults = site.faults.get(self.path)
            if faults:
                return self._answer(faults.pop(0), b"Please come back later.\n", "text/plain")
            if self.path == "/robots.txt":
                return self._answer(200, site.robots.encode(), "text/plain")
            if self.path == "/status":
                return self._answer(200, json.dumps(site.status()).encode(), "application/json")
            parts = urlsplit(self.path)
            path = (
                f"/plates?page={parse_qs(parts.query).get('page', ['1'])[0]}"
                if parts.path == "/plates"
                else parts.path
            )
            body, kind = site.pages.get(path, (b"", ""))
            if not kind:
                return self._answer(404, _html("No such page", "").encode(), HTML)
            return self._answer(200, body, kind)

        do_HEAD = do_GET

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            if status in {200, 304}:
                self.send_header("ETag", etag)
                self.send_header("Last-Modified", MODIFIED)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Visits are counted in `hits`; a line for each would drown what matters."""

    return Handler


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    told_to_stop = stop_signals()
    settings = {
        name: int(os.environ.get(f"SLUICE_SITE_{name.upper()}") or default)
        for name, default in (("seed", 1), ("products", PRODUCTS), ("edition", 0), ("port", 0))
    }
    try:
        with Site(**settings) as site:  # type: ignore[arg-type]
            sys.stdout.write(json.dumps({"url": site.url}) + "\n")
            sys.stdout.flush()
            told_to_stop(None)
    except (FatalError, RetriableError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
