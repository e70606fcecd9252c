"""All that runs on one machine, started side by side, watched, and stopped again: database, shop, Airflow."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from include.catalog import SOURCES
from include.core.errors import FatalError, RetriableError
from include.local import airflow, processes, shop
from include.local.api import Api
from include.local.home import PROJECT, Home, load_secrets, read_json, write_json
from include.local.postgres import EmbeddedPostgres
from include.local.processes import Child
from include.specs import PostgresSource
from include.warehouse.connection import connect
from include.warehouse.prepare import prepare

WAREHOUSE_LOGIN = "sluice"
HEALTHY_WITHIN_SECONDS = 240.0
MIGRATE_WITHIN_SECONDS = 300.0
RUN_AGAIN = "run the command again."
Say = Callable[[str], None]


class Stack:
    """The stack of one home folder. `say` gets a line at each step of starting and stopping."""

    def __init__(self, place: Home, say: Say) -> None:
        self.place = place
        self.say = say
        self.postgres = EmbeddedPostgres(place.postgres)
        self.children: list[Child] = []
        self.secrets: Mapping[str, str] = {}
        self.port = 0
        self.began = datetime.min.replace(tzinfo=UTC)
        self._environment: Mapping[str, str] = {}
        self._guard = threading.Lock()
        self._closing = False
        self._mode = ""

    @property
    def server(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> Api:
        return Api(self.server, airflow.ADMIN, self.secrets["admin"])

    @property
    def warehouse_url(self) -> str:
        return self.postgres.url("warehouse", user=WAREHOUSE_LOGIN, password=self.secrets["warehouse"])

    def start(self, mode: str, port: int | None) -> None:
        """Start everything and wait until it is healthy. Any error leaves the caller to `stop`.

        `port` is where the web UI must listen; None takes any free one. Raises FatalError if it is taken.
        """
        self._mode = mode
        self.began = datetime.now(UTC)
        self.secrets = load_secrets(self.place)
        self.port = free_port([port], "choose another: make up PORT=8081") if port else free_port([0])
        self.postgres.check_room()
        self.say("Starting PostgreSQL 18 …")
        self.postgres.start()
        self.prepare_databases()
        site = self._site()
        with ThreadPoolExecutor(2) as pool:
            steps = [pool.submit(self._start_shop, site), pool.submit(self._start_airflow, site)]
            try:
                for step in steps:
                    step.result()
            except BaseException:
                self._closing = True
                raise
        self._wait_until_healthy()

    def stop(self) -> None:
        """Stop everything that was started, here or by an earlier command on the same home."""
        with self._guard:
            self._closing = True
            children = self.children
        if any(child.members() for child in children):
            self.say("Stopping …")
        processes.stop(children)
        self.postgres.stop()
        self.place.processes.unlink(missing_ok=True)

    def take_over(self) -> bool:
        """Take on what an earlier command left running; False if nothing of it lives."""
        state: dict[str, Any] = read_json(self.place.processes) or {}
        self.children = processes.from_json(state.get("children", []))
        self.port = state.get("port", 0)
        self._mode = state.get("mode", "")
        self.secrets = load_secrets(self.place)
        return any(child.members() for child in self.children)

    @property
    def mode(self) -> str:
        """The command that started it: run or up."""
        return self._mode

    def dead(self) -> list[str]:
        """The names of the children that have ended."""
        return [child.name for child in self.children if not child.alive()]

    def kill(self, name: str) -> None:
        """`kill -9` a component with all that it started, as a crash of the machine would."""
        (child,) = [child for child in self.children if child.name == name]
        processes.kill(child)
        with self._guard:
            self.children.remove(child)

    def start_again(self, name: str) -> None:
        """Start a component of Airflow that was killed."""
        self._child(name, airflow.command(*airflow.COMPONENTS[name]), self._environment)

    def check_alive(self) -> None:
        processes.check_alive(self.children)

    def prepare_databases(self) -> None:
        """Make the three databases, and the warehouse's schemas and login; safe to run again."""
        for name in ("airflow", "warehouse", shop.DATABASE):
            self.postgres.create_database(name)
        prepare(self.postgres.url("warehouse"), login=WAREHOUSE_LOGIN, password=self.secrets["warehouse"])

    def _start_shop(self, site: shop.Site) -> None:
        self.say("Opening the sample shop …")
        sources = [s for s in SOURCES if isinstance(s, PostgresSource) and s.connection == shop.CONNECTION]
        shop.prepare(self.postgres, self.secrets, sources)
        environment = shop.environment(shop.owner_url(self.postgres, self.secrets), site)
        self._child("shop-site", shop.SITE, environment)
        self._child("shop-traffic", shop.TRAFFIC, environment)

    def _start_airflow(self, site: shop.Site) -> None:
        airflow.write_passwords(self.place, self.secrets)
        environment = airflow.environment(
            self.place, self.secrets, database=self.postgres.url("airflow"), port=self.port,
            connections={
                "warehouse": airflow.postgres_uri(self.warehouse_url),
                shop.CONNECTION: airflow.postgres_uri(shop.reader_url(self.postgres, self.secrets)),
                "shop_site": airflow.http_uri(site.url),
                **self.keys(),
            },
        )  # fmt: skip
        self._environment = environment
        self._migrate(environment)
        self.say("Starting Airflow 3.3: API server, scheduler, DAG processor, triggerer …")
        for name, arguments in airflow.COMPONENTS.items():
            self._child(name, airflow.command(*arguments), environment)

    def keys(self) -> dict[str, str]:
        """A connection for each key domain of the catalog."""
        names = {source.key_connection for source in SOURCES if source.key_connection}
        return {name: airflow.key_connection(self.secrets["pseudonyms"]) for name in sorted(names)}

    def _migrate(self, environment: Mapping[str, str]) -> None:
        """Bring Airflow's metadata to the installed release, unless that was done before."""
        marker, release = self.place.airflow / "migrated.json", metadata.version("apache-airflow-core")
        if read_json(marker) == release and self._has_metadata():
            return
        self.say("Preparing Airflow's metadata …")
        child = self._child("db-migrate", airflow.command("db", "migrate"), environment)
        code = processes.wait(child, MIGRATE_WITHIN_SECONDS, lambda: self._closing)
        if code is None and self._closing:
            raise FatalError("Airflow's metadata is not ready: the stack is being stopped.", fix=RUN_AGAIN)
        if code != 0:
            ended = f"failed (exit {code})" if code else f"took over {MIGRATE_WITHIN_SECONDS:.0f} seconds"
            raise FatalError(
                f"`airflow db migrate` {ended}. The end of {child.log}:\n{child.tail()}",
                fix="run `make clean` to begin afresh.",
            )
        with self._guard:
            self.children.remove(child)
        write_json(marker, release)

    def _has_metadata(self) -> bool:
        connection = connect(self.postgres.url("airflow"))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL")
                (found,) = cursor.fetchone() or (False,)
                return bool(found)
        finally:
            connection.close()

    def _child(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        with self._guard:
            if self._closing:
                raise FatalError(f"{name} was not started: the stack is being stopped.", fix=RUN_AGAIN)
            child = processes.start(name, command, environment, PROJECT, self.place.logs)
            self.children.append(child)
            # Written at once: whoever kills this process leaves a list of what it started.
            write_json(
                self.place.processes,
                {"mode": self._mode, "port": self.port, "children": processes.to_json(self.children)},
            )
            return child

    def _site(self) -> shop.Site:
        """The site's next edition, at the same port as before if possible."""
        state = self.place.path / "site.json"
        last: dict[str, int] = read_json(state) or {"port": 0, "edition": -1}
        site = shop.Site(free_port([last["port"], 0]), min(last["edition"] + 1, shop.LAST_EDITION))
        write_json(state, asdict(site))
        return site

    def _wait_until_healthy(self) -> None:
        self.say("Waiting until every component is healthy …")
        api, deadline, seen = self.api, time.monotonic() + HEALTHY_WITHIN_SECONDS, "no answer yet"
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                health = api.health()
                if set(health.values()) == {"healthy"}:
                    return
                seen = json.dumps(health)
            except RetriableError as error:
                seen = error.problem
            time.sleep(0.5)
        raise FatalError(
            f"Airflow was not healthy within {HEALTHY_WITHIN_SECONDS:.0f} seconds: {seen}",
            fix=f"see the logs in {self.place.logs}; a machine busy with other work may need another try.",
        )


def free_port(wanted: Iterable[int], fix: str = "stop a program that holds many ports.") -> int:
    """The first port of `wanted` that is free on 127.0.0.1 (0: any). Raises FatalError if none is."""
    tried = list(wanted)
    for port in tried:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise FatalError(f"Port {', '.join(map(str, tried))} of 127.0.0.1 is taken by another program.", fix=fix)
