"""A round's rows as questions of a form: one for each answer that is wanted."""

import hashlib
from collections.abc import Mapping
from typing import Any

from include.core.refs import Asked
from include.label.formats.sheets import read_sheet
from include.label.hand_over import HANDED_OUT
from include.pipeline.label import labelling_of
from include.specs import Dataset


def questions(dataset: Dataset, asked: Asked, storage: Any) -> list[dict[str, Any]]:
    """For each row of the round `overlap` times: its key, the round's place, the time's number, subject, body."""
    declared = labelling_of(dataset)
    with (storage / asked.place / HANDED_OUT).open("rb") as file:
        sheet = read_sheet(file.read(), "csv")
    return [
        {
            "key": one.item.key, "place": asked.place, "number": number,
            "subject": f"{declared.question} ({dataset.name} {one.item.key})",
            "body": _body(one.item.data, declared.guideline),
        }
        for one in sheet.labelled
        for number in range(1, declared.overlap + 1)
    ]  # fmt: skip


def file_name(question: Mapping[str, Any]) -> str:
    """The sheet that holds the answer to the question; a row's key may be no file's name."""
    digest = hashlib.sha256(str(question["key"]).encode()).hexdigest()[:16]
    return f"form_{digest}_{question['number']}.jsonl"


def _body(data: Mapping[str, Any], guideline: str) -> str:
    """As Markdown in which the row's text is code: nothing in it is taken for markup."""
    shown = [f"**{name}**\n\n{_as_code(str(value))}" for name, value in data.items()]
    return "\n\n".join([*([guideline] if guideline else []), *shown])


def _as_code(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines() or [""])
