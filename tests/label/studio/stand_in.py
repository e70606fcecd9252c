"""A stand-in for Label Studio: a small HTTP server with its endpoints, for answers that the real one gives rarely.

The real one is asked in tests/integration/test_label_studio.py.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "0123456789abcdef0123456789abcdef01234567"
REFRESH = "a.refresh.token"


class StandIn:
    """One project with its `tasks`; `before` may answer a request instead, as (code, body, headers)."""

    def __init__(self) -> None:
        self.url = ""
        self.tasks: list[dict[str, Any]] = []
        self.projects: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.included: list[list[str]] = []
        self.access: list[str] = []
        self.before: Callable[[str, str], tuple[int, bytes, dict[str, str]] | None] = lambda method, path: None
        self._number = 0

    def add(self, tasks: list[dict[str, Any]], overlap: int = 2) -> None:
        for task in tasks:
            self._number += 1
            counts = {"overlap": overlap, "total_annotations": 0, "cancelled_annotations": 0}
            self.tasks.append({"id": self._number, "annotations": [], **counts, **task})

    def paths(self, method: str) -> list[str]:
        return [path for asked, path in self.asked if asked == method]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, signed: str) -> tuple[int, Any]:  # noqa: PLR0911
        if path == "/api/token/refresh/":
            if body["refresh"] != REFRESH:
                return 401, {"detail": "Token is blacklisted"}
            self.access.append(f"access-{len(self.access)}")
            return 200, {"access": self.access[-1]}
        if signed not in (f"Token {TOKEN}", *(f"Bearer {access}" for access in self.access[-1:])):
            return 401, {"detail": "Invalid token."}
        parts = path.strip("/").split("/")
        if path == "/api/users/":
            return 200, [{"id": 7, "email": "ann@example.org"}]
        if path == "/api/tasks":
            self.included.append(query["include"].split(","))
            return 200, self._page(int(query["page"]), int(query["page_size"]), self.included[-1])
        if parts[-1] == "annotations":
            return 200, next(task["annotations"] for task in self.tasks if task["id"] == int(parts[2]))
        if method == "DELETE":
            self.tasks = [task for task in self.tasks if task["id"] != int(parts[2])]
            return 204, None
        if path == "/api/projects/" and method == "GET":
            return 200, {"next": None, "results": [p for p in self.projects if query["title"] in p["title"]]}
        if path == "/api/projects/":
            self.projects.append({"id": len(self.projects) + 1, **body})
            return 201, self.projects[-1]
        if method == "PATCH":
            self.projects[int(parts[2]) - 1] |= body
            return 200, self.projects[int(parts[2]) - 1]
        if parts[-1] == "import":
            self.add(body)
            return 201, {"task_count": len(body)}
        if parts[-1] == "export":
            return 200, self.tasks
        return 200, {"task_number": len(self.tasks)}

    def _page(self, page: int, size: int, fields: list[str]) -> dict[str, Any]:
        tasks = self.tasks[(page - 1) * size : page * size]
        told = [{name: task[name] for name in fields if name in task} for task in tasks]
        return {"total": len(self.tasks), "tasks": told}


@contextmanager
def serving() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stand_in.asked.append((self.command, parts.path))
            if (broken := stand_in.before(self.command, parts.path)) is not None:
                self._send(*broken)
                return
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code, said = stand_in.answer(
                self.command, parts.path, query, json.loads(body or b"null"),
                self.headers.get("Authorization", ""),
            )  # fmt: skip
            sent = b"" if said is None else json.dumps(said).encode()
            self._send(code, sent, {"Content-Type": "application/json"})

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any

        def _send(self, code: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
