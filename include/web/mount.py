"""The web app as the plugin mounts it: made at the first request, so that a worker never imports it."""

from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI


class PagesOnDemand:
    """An ASGI application. Airflow imports plugins in every process; only the API server answers requests."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None
        self._lock = Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._made()(scope, receive, send)

    def _made(self) -> "FastAPI":
        with self._lock:
            if self._app is None:
                from include.catalog import DATASETS
                from include.orchestration import places
                from include.web.app import create_app

                self._app = create_app(DATASETS, places.warehouse_url, places.reports(), places.storage)
            return self._app
