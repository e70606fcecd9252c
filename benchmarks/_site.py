"""A plain site of many pages for the benchmark `crawl`, served by a process of its own: its port on stdout."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGES = 1_500
LINKS = 20
TEXT = "A plate of steel, painted by hand and fired twice. " * 40


def page(number: int) -> bytes:
    """A product's page that links to others, so that every page is found from the first."""
    links = "".join(
        f'<a href="/p/{(number * LINKS + step) % PAGES}">another</a>\n' for step in range(1, LINKS + 1)
    )
    reviews = "".join(
        f'<article class="review" id="{number}-{step}"><b class="author">A. Reader</b>'
        f' <span class="stars">{step}</span><p class="text">{TEXT[:200]}</p></article>\n'
        for step in range(1, 4)
    )
    return (
        f"<!doctype html><html><head><title>Plate {number}</title></head><body><nav>{links}</nav>"
        f'<h1>Plate {number}</h1><article class="product" data-sku="p-{number}"><span class="price">€ 12.50</span>'
        f'<p class="description">{TEXT}</p></article>{reviews}</body></html>'
    ).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        status, body = (200, page(int(name or 0))) if name.isdigit() or not name else (404, b"")
        self.wfile.write(
            b"HTTP/1.1 %d Found\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
            % (status, len(body)) + body
        )  # fmt: skip

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
