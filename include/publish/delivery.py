"""Where exports lie in the object storage: put there whole or not at all, found again, verified, removed."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.core.errors import FatalError
from include.core.failpoints import failpoint

# Written last where a folder cannot be renamed: an export without it is none.
MANIFEST = "manifest.json"


def place_of(storage: Any, dataset: str, version: int) -> Any:
    """The folder of a version's export; `storage` is the root (a pathlib.Path or like one)."""
    return storage / "exports" / dataset / f"v{version}"


def found(place: Any) -> dict[str, Any] | None:
    """The manifest of the export that lies there whole; None if there is none."""
    manifest = place / MANIFEST
    if not manifest.exists():
        return None
    with manifest.open("rb") as file:
        read: dict[str, Any] = json.loads(file.read())
    return read


def verify(place: Any, manifest: Mapping[str, Any]) -> None:
    """Read every file that the manifest lists. Raises FatalError for one that is missing or has other bytes."""
    for listed in manifest["files"]:
        file = place / listed["path"]
        if not file.exists():
            raise _damaged(place, listed["path"], "is missing")
        if seal(file)[1] != listed["sha256"]:
            raise _damaged(place, listed["path"], "has other bytes than when it was written")


def seal(file: Any) -> tuple[int, str]:
    """A file's size in bytes and its SHA-256 in hex."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


@contextmanager
def staged(place: Any) -> Iterator[Path]:
    """An empty local folder to write the export in; what a killed run left there before is gone.

    It lies beside `place` where that is on this machine, so that it can be renamed.
    """
    if (local := _local(place)) is None:
        with tempfile.TemporaryDirectory(prefix="sluice-export-") as made:
            yield Path(made)
        return
    folder = local.parent / f".{local.name}.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@failpoint("export.deliver")
def deliver(folder: Path, place: Any) -> None:
    """Make the staged folder the export: in one rename, or file by file with the manifest last.

    Whoever calls holds the version's export for itself (`pipeline.export`).
    """
    if (local := _local(place)) is not None:
        folder.rename(local)
        return
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    for name in (*(name for name in files if name != MANIFEST), MANIFEST):
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)


def remove(storage: Any, dataset: str, version: int) -> bool:
    """Take a version's export away, the manifest first; whether there was one, or part of one."""
    place = place_of(storage, dataset, version)
    local = _local(place)
    if local is not None:
        shutil.rmtree(local.parent / f".{local.name}.partial", ignore_errors=True)
    if not place.exists():
        return False
    if (place / MANIFEST).exists():
        (place / MANIFEST).unlink()
    if local is not None:
        shutil.rmtree(local)
    elif place.exists():  # where there are no folders, one without files is gone
        place.rmdir(recursive=True)
    return True


def uri(place: Any) -> str:
    """The folder's address: file:///… or that of the object storage, without its connection."""
    if (local := _local(place)) is not None:
        return local.absolute().as_uri()
    return f"{place.protocol}://{place.path}"


def _local(place: Any) -> Path | None:
    if isinstance(place, Path):
        return place
    return Path(place.path) if place.protocol == "file" else None


def _damaged(place: Any, file: str, how: str) -> FatalError:
    return FatalError(
        f"The export {uri(place)} is damaged: {file} {how}.",
        fix="remove that folder and export again: the same version gives the same bytes.",
    )
