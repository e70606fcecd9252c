"""The REST client, against a small server: one login, and every kind of failure as one of Sluice's errors."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from include.core.errors import FatalError, RetriableError
from include.local.api import Api, run_path


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body == {"username": "admin", "password": "right"}:
            self.server.logins += 1
            return self.answer(201, {"access_token": "a token"})
        return self.answer(401, {"detail": "Invalid credentials"})

    def do_GET(self):
        if self.path.startswith("/api/v2/assets/events") and self.server.queued > 0:
            self.server.queued -= 1
            return self.answer(500, {"detail": "start_date: Input should be a valid datetime"})
        if self.path.startswith("/api/v2/assets/events"):
            return self.answer(200, {"asset_events": [{"name": "source_shop"}]})
        if self.path.endswith("/broken"):
            return self.answer(500, {"detail": "broken"})
        return self.answer(200, {"path": self.path, "authorization": self.headers["Authorization"]})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """The test says what it needs to."""


@pytest.fixture
def server():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.logins = found.queued = 0
    thread = threading.Thread(target=found.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


def client(server, word="right"):
    return Api(f"http://127.0.0.1:{server.server_address[1]}", "admin", word)


def test_it_logs_in_once_and_sends_its_token(server):
    api = client(server)
    assert api.get("/dags", limit=5, tags=None, state=["queued", "running"]) == {
        "path": "/api/v2/dags?limit=5&state=queued&state=running",
        "authorization": "Bearer a token",
    }
    api.get("/dags")
    assert server.logins == 1


def test_a_refusal_is_fatal_and_a_broken_or_absent_server_is_worth_another_try(server):
    with pytest.raises(FatalError, match="answered 401 to POST /auth/token"):
        client(server, "wrong").get("/dags")
    with pytest.raises(RetriableError, match="answered 500 to GET /api/v2/broken"):
        client(server).get("/broken")
    with pytest.raises(RetriableError, match="gives no answer"):
        Api("http://127.0.0.1:1", "admin", "right").get("/dags")


def test_a_run_id_is_safe_in_a_path():
    assert run_path("collect_shop", "manual__2026-11-23T06:11:54+00:00/x") == (
        "/dags/collect_shop/dagRuns/manual__2026-11-23T06%3A11%3A54%2B00%3A00%2Fx"
    )


def test_events_are_asked_for_again_while_a_run_that_they_started_is_queued(server):
    server.queued = 2
    with pytest.raises(RetriableError, match="500"):
        client(server).asset_events("collect_shop", "manual__1")
    assert client(server).asset_events("collect_shop", "manual__1", patience=30) == [{"name": "source_shop"}]
