"""Finds a file of an export for a browser, and nothing that is none."""

from collections.abc import Iterator, Sequence
from typing import Any

from include.publish.delivery import MANIFEST, place_of
from include.warehouse.exports import Recorded

# As text where it is: what a card or a description says may come from scraped pages, and is never markup here.
MEDIA_TYPES = {"md": "text/plain; charset=utf-8", "json": "application/json"}
BLOCK = 1 << 20


def export_file(storage: Any, dataset: str, version: int, path: str, known: Sequence[Recorded]) -> Any:
    """The file below `storage`, if an export of the version lists it and it is there; else None."""
    listed = {MANIFEST, *(file["path"] for export in known for file in export.files)}
    if not known or path not in listed:
        return None
    file = place_of(storage, dataset, version) / path
    return file if file.exists() else None


def media_type(path: str) -> str:
    return MEDIA_TYPES.get(path.rpartition(".")[2], "application/octet-stream")


def blocks(file: Any) -> Iterator[bytes]:
    """The file's bytes, a megabyte at a time."""
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            yield block
