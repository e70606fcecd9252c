"""What goes wrong outside Sluice (disk, rights, database), as a sentence with a fix."""

import errno
from pathlib import Path

import psycopg2

from include.core.errors import FatalError

MAKE_ROOM = "free some space on its disk and run the command again; what was committed is kept."
LET_WRITE = "let this user read and write there, or name another folder by SLUICE_HOME."
FIXES = {
    errno.ENOSPC: MAKE_ROOM,
    errno.EDQUOT: MAKE_ROOM,
    errno.EACCES: LET_WRITE,
    errno.EPERM: LET_WRITE,
    errno.EROFS: LET_WRITE,
    errno.EMFILE: "raise the limit of open files (`ulimit -n 4096`) and run the command again.",
    errno.ENOMEM: "free some memory: stop other programs and run the command again.",
}
DISK_FULL = "53100"


def of_system(error: OSError) -> FatalError:
    """An error of the operating system: what it refused, and on which file if it says so."""
    said = error.strerror or str(error) or type(error).__name__
    where = f" {error.filename}" if error.filename else ""
    fix = FIXES.get(error.errno or 0, "remove the cause and run the command again.")
    return FatalError(f"The operating system refused{where}: {said}.", fix=fix)


def of_database(error: psycopg2.Error, log: Path) -> FatalError:
    """An error of the embedded server, whose log is `log`."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    fix = f"see {log}, remove the cause and run the command again; `make clean` begins afresh."
    return FatalError(f"PostgreSQL refused: {said}.", fix=MAKE_ROOM if error.pgcode == DISK_FULL else fix)
