"""A small client of Airflow's REST API, used as any user would: with a token for the admin's password."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from include.core.errors import FatalError, RetriableError

TIMEOUT_SECONDS = 30.0


class Api:
    """The API server at `server` (http://host:port), after a login at the first request."""

    def __init__(self, server: str, user: str, password: str) -> None:
        self.server = server
        self._login = {"username": user, "password": password}
        self._token: str | None = None

    def get(self, path: str, **query: Any) -> Any:
        """GET /api/v2<path>. Raises RetriableError where no answer comes, FatalError where it is a refusal."""
        return self._call("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, {}, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PATCH", path, {}, body)

    def asset_events(self, dag: str, run: str, *, patience: float = 0) -> list[dict[str, Any]]:
        """The asset events that a run emitted, each with the runs that it started.

        Airflow 3.3 answers 500 as long as one of those is queued: its own answer demands a start date.
        That is asked again for `patience` seconds, and then raised as RetriableError.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                return list(self.get("/assets/events", source_dag_id=dag, source_run_id=run)["asset_events"])
            except RetriableError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.5)

    def health(self) -> dict[str, str]:
        """The state of each component as the API server sees it, such as {"scheduler": "healthy"}."""
        answer = self._send("GET", "/api/v2/monitor/health", None)
        return {name: str((part or {}).get("status")) for name, part in answer.items()}

    def _call(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None = None
    ) -> Any:
        if self._token is None:
            self._token = self._send("POST", "/auth/token", self._login)["access_token"]
        wanted = {name: value for name, value in query.items() if value is not None}
        return self._send(method, f"/api/v2{path}" + (f"?{urlencode(wanted, doseq=True)}" if wanted else ""), body)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")[:500]
            kind = RetriableError if error.code >= 500 else FatalError
            raise kind(
                f"Airflow's API answered {error.code} to {method} {path}: {reason}",
                fix="see .local/logs/api-server.log.",
            ) from None
        except (OSError, HTTPException, json.JSONDecodeError) as error:
            raise RetriableError(
                f"Airflow's API at {self.server} gives no answer: {error}.", fix="see .local/logs/api-server.log."
            ) from None


# The server is on this machine: a proxy of the environment must not be asked for it.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def run_path(dag: str, run: str) -> str:
    return f"/dags/{quote(dag, safe='')}/dagRuns/{quote(run, safe='')}"
