"""What is said of a failed task, and which curations a collection's news must start."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import pytest
from rich.console import Console

from include.local.api import Api
from include.local.follow import Follower, reason_in
from include.local.job import consumers
from include.local.progress import Progress


class Waiting(BaseHTTPRequestHandler):
    """An Airflow whose one run waits for a person at the first two looks, and then is done."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"access_token": "a token"} if self.path == "/auth/token" else {"dag_run_id": "r1"})

    def do_GET(self):
        done = self.server.looks >= 2
        if self.path.startswith("/api/v2/dags/curate/dagRuns/r1/taskInstances"):
            self.server.looks += 1
            task = {"task_id": "approve", "try_number": 1, "map_index": -1, "duration": None, "start_date": "2026"}
            self.answer({"task_instances": [task | {"state": "success" if done else "awaiting_input"}]})
        else:
            self.answer({"state": "success" if done else "running"})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """The test says what it needs to."""


@pytest.fixture
def airflow():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Waiting)
    found.looks = 0
    thread = threading.Thread(target=found.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


def test_a_run_that_waits_for_a_person_is_told_once_with_the_address_of_its_form(airflow, monkeypatch):
    monkeypatch.setattr("include.local.follow.POLL_SECONDS", 0.01)
    server, out = f"http://127.0.0.1:{airflow.server_address[1]}", StringIO()
    with Progress(Console(file=out, highlight=False)) as progress:
        follower = Follower(Api(server, "admin", "right"), progress, {}, lambda: None)
        follower.trigger("curate")
        follower.until_done()
    told = [line for line in out.getvalue().splitlines() if "waits for a person" in line]
    form = f"{server}/dags/curate/runs/r1/tasks/approve/required_actions"
    assert told == [f"curate · approve waits for a person: {form}"]


def test_the_last_exception_of_a_log_is_the_reason():
    log = [
        {"event": "::group::Log message source details"},
        {"event": "first", "level": "error", "error_detail": [{"exc_type": "KeyError", "exc_value": "'a'"}]},
        {
            "event": "Task failed with exception",
            "level": "error",
            "error_detail": [
                {"exc_type": "TypeError", "exc_value": "outer"},
                {"exc_type": "OSError", "exc_value": "in"},
            ],
        },
        {"event": "Process exited", "level": "info"},
    ]
    assert reason_in(log) == "OSError: in"


def test_of_a_chain_of_exceptions_it_is_the_one_that_names_the_fix():
    chain = [
        {"exc_type": "AirflowFailException", "exc_value": "The rule. Fix: this."},
        {"exc_type": "FatalError", "exc_value": "The rule. Fix: this."},
        {"exc_type": "InsufficientPrivilege", "exc_value": "must be owner"},
    ]
    log = [{"event": "Task failed with exception", "level": "error", "error_detail": chain}]
    assert reason_in(log) == "FatalError: The rule. Fix: this."


def test_without_an_exception_it_is_the_last_error_and_without_one_the_process_was_killed():
    assert reason_in([{"event": "Time-out", "level": "error"}, {"event": "bye", "level": "info"}]) == "Time-out"
    assert reason_in([{"event": "::group::Log", "level": "info"}, "a line"]).startswith(
        "its log ends without an error"
    )
    assert reason_in([]).startswith("its log ends without an error")


def test_news_of_a_source_starts_every_dataset_that_is_made_of_it():
    assert consumers()["collect_shop"] >= {"curate_payment_fraud"}
    assert consumers()["collect_shop_site"] >= {"curate_digit_photos"}


def test_a_curation_of_what_is_labelled_starts_its_labelling_and_new_labels_a_curation():
    assert "curate_reviews" in consumers()["collect_shop"]
    assert consumers()["curate_reviews"] == {"label_reviews"}
    assert consumers()["label_reviews"] == {"curate_reviews"}
    assert "curate_payment_fraud" not in consumers()
