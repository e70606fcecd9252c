"""The question that a held run puts to a person: what failed, how often, where to read on; in Markdown."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.validate.doubts import Doubt
from include.warehouse.validations import Validation

LONGEST = 80


@dataclass(frozen=True, slots=True)
class Question:
    """What the form says, and until when it can be answered."""

    subject: str
    body: str
    until: datetime


def question(
    gate: Validation, audit: Validation, doubts: Sequence[Doubt], *, until: datetime, report_url: str
) -> Question:
    """The question about a run that gate and audit have let pass with `doubts`.

    Whatever comes from the data stands in code spans, so that a value is no link, picture or markup.
    `report_url` is where the folder of the reports is served.
    """
    count = f"{len(doubts)} warning{'s' if len(doubts) != 1 else ''}"
    links = [f"[{v.stage}]({report_url.rstrip('/')}/{v.report})" for v in (gate, audit) if report_url and v.report]
    lines = [
        f"{audit.rows:,} rows of {code(gate.dataset)} are ready to be published. Of {gate.rows:,} candidate rows"
        f" {gate.quarantined:,} are in quarantine. {count} hold{'s' if len(doubts) == 1 else ''} the run:",
        *(line for doubt in doubts for line in _told(doubt)),
        *([f"Reports: {' · '.join(links)}"] if links else []),
        f"Run {code(gate.run)}, of {', '.join(f'{source} as of batch {b}' for source, b in gate.batches.items())}."
        f" Without an answer by **{until:%Y-%m-%d %H:%M} UTC** it is rejected; a rejection cannot be taken back."
        " An approval needs a reason.",
    ]
    return Question(f"Publish {gate.dataset}? {count}", "\n\n".join(lines), until)


def _told(doubt: Doubt) -> Iterator[str]:
    o = doubt.outcome
    parts = [f"**{doubt.stage}**: {code(o.rule)}"]
    if o.column:
        parts.append(f"on {code(o.column)}")
    if o.unexpected is not None:
        share = f" ({o.unexpected / doubt.rows:.2%})" if doubt.rows else ""
        parts.append(f"failed in {o.unexpected:,} of {doubt.rows:,} rows{share}")
    else:
        parts.append("failed")
    if doubt.expected:
        parts.append(f"expected {code(doubt.expected)}")
    if o.observed is not None:
        parts.append(f"observed {code(o.observed)}")
    rows = [
        f"  - row {code(key)}: " + ", ".join(f"{code(c)} is {code(v)}" for c, v in values.items())
        for key, values in doubt.sample.items()
    ]
    yield "\n".join([f"- {', '.join(parts)}{', such as' if rows else ''}", *rows])


def code(value: str | None) -> str:
    """A value as a code span of Markdown, on one line and cut; its fence is longer than any that it holds."""
    text = " ".join((value if value is not None else "null").split()) or " "
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"
