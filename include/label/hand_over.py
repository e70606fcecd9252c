"""Labelling without a tool: a sheet in the object storage that people fill in and put beside it.

`<place>/items.csv` is handed out. Whatever other CSV or JSONL file lies in that folder is an answer: one sheet
that several filled in, or each annotator's own, who is called by the file's name where its lines name nobody.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from include.core.annotations import Annotation, Item, Labelled
from include.core.errors import FatalError, RetriableError
from include.label.formats.judge import Judged, judge
from include.label.formats.sheets import read_sheet, sheet, without
from include.specs import Labelling
from include.warehouse.staging import slug

HANDED_OUT = "items.csv"
SHEETS = (".csv", ".jsonl")


def clear(storage: Any, dataset: str, *, but: Collection[str] = ()) -> int:
    """Remove the sheets of the dataset's rounds, which show rows, but for those of the rounds at the places `but`;
    how many there were. What was settled stays."""
    folder = storage / "labelling" / dataset
    if not folder.exists():
        return 0
    kept = {PurePosixPath(place).name for place in but}
    sheets = [
        sheet
        for place in folder.iterdir()
        if place.is_dir() and place.name not in kept
        for sheet in place.iterdir()
    ]
    for one in sheets:
        one.unlink()
    return len(sheets)


class Sheets:
    """The sheets below `storage`, the root of the object storage (a pathlib.Path or like one)."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def place(self, dataset: str, run: str) -> str:
        """The round's folder."""
        return f"labelling/{dataset}/{slug(run)}"

    def send(self, place: str, items: Sequence[Item], declared: Labelling) -> None:
        """Hand out the items; a retry writes the same bytes."""
        target = self._storage / place / HANDED_OUT
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.write(sheet(items))

    def take_back(self, place: str, items: Sequence[Item], declared: Labelling) -> Judged:
        """What is answered so far. Bad lines are told with every reason, and keep no good one from being taken."""
        answers: dict[str, list[Annotation]] = {item.key: [] for item in items}
        faults = []
        for name, data in self._answered(place):
            path = PurePosixPath(name)
            found = read_sheet(data, path.suffix[1:], items, declared.classes, annotator=path.stem)
            faults += [replace(fault, where=f"{name}, {fault.where}") for fault in found.faults]
            for one in found.labelled:
                answers[one.item.key] += one.annotations
        labelled = [Labelled(item=item, annotations=tuple(answers[item.key])) for item in items]
        # Each sheet is free of faults by now; two of them may hold one annotator's answers to one item.
        judged = judge(labelled, declared.classes)
        return Judged(judged.labelled, (*faults, *judged.faults))

    def lacking(self, place: str, items: Sequence[Item], declared: Labelling) -> int:
        """How many items have fewer answers than declared; an annotator who skips one has answered it."""
        found = self.take_back(place, items, declared)
        return sum(len({a.annotator for a in one.annotations}) < declared.overlap for one in found.labelled)

    def forget(self, place: str, theirs: Callable[[str], bool]) -> int:
        """Take these items' lines out of the round's sheets; how many there were.

        Where there were any, files of the round go whole that are no sheets: nobody can tell what is in them.
        """
        parted = [(path, _without(path, data, theirs)) for path, data in self._files(place)]
        gone = sum(part[1] for _, part in parted if part)
        # Last the lines, by which another try would know that the round has any.
        for path, part in sorted(parted, key=lambda one: one[1] is not None) if gone else ():
            if part and not part[1]:
                continue
            if part and part[0]:
                # Beside it first: cut off, this must not cost the other lines.
                partial = path.with_name(f"{path.name}.partial")
                with partial.open("wb") as file:
                    file.write(part[0])
                partial.rename(path)
            else:
                path.unlink()
        return gone

    def holding(self, place: str, theirs: Callable[[str], bool]) -> int:
        """How many lines of the round's sheets are of these items."""
        parted = [_without(path, data, theirs) for path, data in self._files(place)]
        return sum(part[1] for part in parted if part)

    def _answered(self, place: str) -> Iterator[tuple[str, bytes]]:
        for path, data in self._files(place):
            if path.name != HANDED_OUT and path.suffix in SHEETS:
                yield path.name, data

    def _files(self, place: str) -> Iterator[tuple[Any, bytes]]:
        folder = self._storage / place
        try:
            if not folder.exists():
                return
            for path in sorted(folder.iterdir(), key=lambda path: str(path.name)):
                with path.open("rb") as file:
                    data = file.read()
                yield path, data
        except OSError as error:
            raise RetriableError(
                f"The sheets in {place} could not be read: {error}.", fix="check the object storage's connection."
            ) from error


def _without(path: Any, data: bytes, theirs: Callable[[str], bool]) -> tuple[bytes, int] | None:
    """The sheet without these items' lines (empty if none is left), how many went; None for what is no sheet."""
    try:
        return without(data, path.suffix[1:], theirs) if path.suffix in SHEETS else None
    except FatalError:
        return None
