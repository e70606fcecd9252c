"""Labelling without a tool: a sheet in the object storage that people fill in and put beside it.

`<place>/items.csv` is handed out. Whatever other CSV or JSONL file lies in that folder is an answer: one sheet
that several filled in, or each annotator's own, who is called by the file's name where its lines name nobody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from include.core.annotations import Annotation, Item, Labelled
from include.core.errors import RetriableError
from include.label.formats.judge import Judged, judge
from include.label.formats.sheets import read_sheet, sheet
from include.specs import Labelling
from include.warehouse.staging import slug

HANDED_OUT = "items.csv"


def clear(storage: Any, dataset: str) -> int:
    """Remove all sheets of the dataset's rounds, which show rows; how many there were. What was settled stays."""
    folder = storage / "labelling" / dataset
    if not folder.exists():
        return 0
    sheets = [sheet for place in folder.iterdir() if place.is_dir() for sheet in place.iterdir()]
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

    def _answered(self, place: str) -> Iterator[tuple[str, bytes]]:
        folder = self._storage / place
        try:
            if not folder.exists():
                return
            for path in sorted(folder.iterdir(), key=lambda path: str(path.name)):
                if path.name != HANDED_OUT and path.suffix in (".csv", ".jsonl"):
                    with path.open("rb") as file:
                        yield path.name, file.read()
        except OSError as error:
            raise RetriableError(
                f"The sheets in {place} could not be read: {error}.", fix="check the object storage's connection."
            ) from error
