"""The part of a report that shows how the rows differ from the published version's: figures, and bars by bin."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

BAR = 5
HEIGHT = 34


def drift_section(environment: "Environment", evidence: Mapping[str, Any]) -> "Markup":
    """The section as HTML, drifted columns first; nothing if the validation has no such evidence."""
    from markupsafe import Markup

    if not (drift := evidence.get("drift")):
        return Markup()
    rows = [
        {"column": column, "which": which, "bars": _bars(shift["bins"])} | shift
        for column, both in drift["columns"].items()
        for which, shift in both.items()
        if which == "new" or shift["drifted"]
    ]
    text = resources.files("include.validate").joinpath("drift.html.j2").read_text(encoding="utf-8")
    rows.sort(key=lambda row: not row["drifted"])
    # Everything in it was escaped by the environment.
    return Markup(environment.from_string(text).render(drift=drift, shifts=rows, height=HEIGHT, bar=BAR))  # noqa: S704


def _bars(bins: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Two bars a bin, published and now, as high as its share of the rows."""
    totals = [max(sum(b[place] for b in bins), 1) for place in (1, 2)]
    shares = [(name, before / totals[0], after / totals[1]) for name, before, after in bins]
    top = max((share for _, *both in shares for share in both), default=1) or 1
    return [
        {
            "name": name,
            "x": place * (2 * BAR + 2),
            "before": round(before / top * HEIGHT, 1),
            "after": round(after / top * HEIGHT, 1),
            "told": f"{before:.2%} → {after:.2%}",
        }
        for place, (name, before, after) in enumerate(shares)
    ]
