"""What root needs to run PostgreSQL, which refuses to run as root: another user, and programs that it may enter.

Both are made once a machine and shared by all projects on it, whichever of them starts first.
"""

import fcntl
import pwd
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from include.core.errors import FatalError

# The user cannot enter root's folders: its files live here.
HOME = Path("/var/lib/sluice")
NAME = "pgserver"


def user(name: str = NAME, home: Path = HOME) -> pwd.struct_passwd:
    """The user, made if it is not there. Raises FatalError if it cannot be made."""
    if (found := _find(name)) is None:
        # Where two processes make users at once, one may overwrite the other's entry.
        with _alone(home):
            found = _find(name) or _make(name)
    return found


def programs(release: str, copy_to: Callable[[Path], None], home: Path = HOME) -> Path:
    """The folder of a release's programs; `copy_to` fills it if it is not there."""
    place = home / release
    if not place.exists():
        with _alone(home), tempfile.TemporaryDirectory(dir=home) as partial:
            if not place.exists():
                copy_to(Path(partial) / "release")
                (Path(partial) / "release").rename(place)
    return place


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make(name: str) -> pwd.struct_passwd:
    command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", name]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        return pwd.getpwnam(name)
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        said = str(getattr(error, "stderr", None) or error).strip()
        raise FatalError(
            f"PostgreSQL does not run as root, and the user {name!r} for it could not be made: {said}.",
            fix=f"run the command as another user than root, or run `{' '.join(command)}` first.",
        ) from None


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
