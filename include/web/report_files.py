"""Finds report files for a browser, and nothing that is not one."""

from pathlib import Path


def report_file(root: Path, path: str) -> Path | None:
    """The file of a report below `root`, or None: links and dots that lead elsewhere count as not there."""
    if "\x00" in path:
        return None
    root = root.resolve()
    try:
        file = (root / path).resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    if not file.is_relative_to(root) or file.suffix != ".html" or not file.is_file():
        return None
    return file
