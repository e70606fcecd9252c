"""Declarations of what the proof of a version has to show: that nothing of one split is in another."""

from typing import Literal

from pydantic import Field

from include.specs.base import Spec

Kind = Literal["entity", "time", "rows", "near_rows", "text", "images"]
Severity = Literal["critical", "warning", "info"]


class Leakage(Spec):
    """What must not be in two splits, beside keys and groups, which never may.

    `entities` are columns whose values each belong to one split. `time_ordered`: train ends before validation
    begins, validation before test (a split by time has it anyhow). Rows, texts and images are compared by content:
    `tolerance` is how far each number of two rows may lie apart, in standard deviations, for near twins;
    `text` is the share of passages (Jaccard) and `image` the correlation from which on two are the same.
    `false_alarms` is how often a table without a leak may be rejected, for each comparison.

    `severity` is that of a kind of leak, `critical` if left out; `allow` names rows by `_id` that may have a twin.
    """

    entities: tuple[str, ...] = ()
    time_ordered: bool = False
    tolerance: float = Field(default=1e-4, gt=0, le=0.1)
    text: float = Field(default=0.8, ge=0.5, le=1)
    image: float = Field(default=0.995, ge=0.9, le=1)
    false_alarms: float = Field(default=1e-3, gt=0, le=0.05)
    severity: dict[Kind, Severity] = Field(default_factory=dict)
    allow: tuple[str, ...] = ()

    def severity_of(self, kind: Kind) -> Severity:
        return self.severity.get(kind, "critical")
