"""The folder `.local/`: where one machine keeps its databases, logs, reports, passwords and what runs."""

import base64
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.core.errors import FatalError

PROJECT = Path(__file__).resolve().parents[2]
NEEDED_BYTES = 2 * 1024**3
OTHER_DISK = "name a folder on another disk by SLUICE_HOME"
PASSWORDS = ("admin", "warehouse", "shop", "shop_reader")


@dataclass(frozen=True)
class Home:
    """Paths below one owner-only folder; nothing else of the stack lies outside it."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def airflow(self) -> Path:
        return self.path / "airflow"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def reports(self) -> Path:
        return self.path / "reports"

    @property
    def storage(self) -> Path:
        return self.path / "storage"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def processes(self) -> Path:
        return self.path / "run.json"

    @property
    def last_run(self) -> Path:
        return self.path / "last-run.json"

    def make(self) -> None:
        """Make the folders, owner-only. Raises FatalError where there is too little room on the disk."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for folder in (self.airflow, self.logs, self.reports, self.storage):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise FatalError(
                f"{self.path} cannot be used: {error.strerror or error}.",
                fix="make room on the disk and let this user write there, or name another folder by SLUICE_HOME.",
            ) from None
        check_room(self.path, free_bytes(self.path))


def home() -> Home:
    """SLUICE_HOME, or `.local` in the project."""
    return Home(Path(os.environ.get("SLUICE_HOME") or PROJECT / ".local").resolve())


def free_bytes(path: Path) -> int:
    """The room on the disk of `path`, or on the one where it will be once it is made."""
    return shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free


def check_room(path: Path, free: int, otherwise: str = OTHER_DISK) -> None:
    """Raises FatalError if fewer than 2 GiB of `free` bytes are left on the disk of `path`.

    `otherwise` is what can be done instead of freeing space.
    """
    if free < NEEDED_BYTES:
        raise FatalError(
            f"The disk of {path} has {free / 1024**3:.1f} GiB free; databases and logs need 2 GiB.",
            fix=f"free some space, or {otherwise}.",
        )


def load_secrets(place: Home) -> dict[str, str]:
    """The generated passwords and keys of this installation, made at the first call, owner-only."""
    found: dict[str, str] = read_json(place.secrets) or {}
    wanted = {name: secrets.token_urlsafe(18) for name in PASSWORDS}
    wanted |= {"jwt": secrets.token_urlsafe(48), "api": secrets.token_urlsafe(32)}
    wanted["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    wanted["pseudonyms"] = base64.b64encode(secrets.token_bytes(32)).decode()
    if missing := wanted.keys() - found.keys():
        found |= {name: wanted[name] for name in missing}
        write_json(place.secrets, found)
    return found


def read_json(path: Path) -> Any:
    """The file's content, or None if it is not there or was cut short by a crash."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Write the file whole and owner-only, or leave the old one."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    with partial.open("w") as out:
        out.write(json.dumps(content, indent=2) + "\n")
        out.flush()
        # Without it, a power cut may leave the new name on an empty file.
        os.fsync(out.fileno())
    partial.replace(path)


@contextmanager
def only_one(place: Home, what: str) -> Iterator[None]:
    """Hold the folder's lock. Raises FatalError, naming the holder, if another command has it.

    The lock is the kernel's (flock), so a killed holder leaves none behind.
    """
    with (place.path / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "it has just begun"
            raise FatalError(
                f"Another Sluice command is at work in {place.path}: {holder}.",
                fix="wait for it, or stop it with Ctrl-C where it runs.",
            ) from None
        lock.truncate(0)
        # Only a courtesy to who comes next: on a full disk `make clean` must work all the same.
        with suppress(OSError):
            os.write(lock.fileno(), f"`make {what}`, process {os.getpid()}".encode())
        yield
        lock.truncate(0)
