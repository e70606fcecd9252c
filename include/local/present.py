"""The summary of a run as a person reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Facts = Mapping[str, Any]


def show(found: Facts, out: Console) -> None:
    """Print what was collected, rejected, labelled, published, how much planted dirt was caught, where to look."""
    for title, table in (
        ("Collected", _collected(found)),
        ("Rejected", _rejected(found)),
        ("Labelled", _labelled(found)),
        ("Published", _published(found)),
        ("Planted dirt, and what was caught", _planted(found)),
    ):
        out.print()
        out.print(Text(title, style="bold"))
        out.print(table)
    _where_to_look(found, out)
    out.print()
    if found["ok"]:
        out.print(Text(f"All that was promised happened, in {found['seconds']:.0f} s.", style="bold green"))
    for problem in found["problems"]:
        out.print(Text(f"✗ {problem}", style="bold red"), soft_wrap=True)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table


def _collected(found: Facts) -> Table:
    table = _table("source", "table", "changes", right=("changes",))
    for source in found["collected"]:
        rows = [(name, count) for name, count in source["tables"].items() if count]
        for number, (name, count) in enumerate(rows):
            table.add_row("" if number else source["source"], name, f"{count:,}")
        if not rows:
            table.add_row(source["source"], "nothing new", "")
    return table


def _rejected(found: Facts) -> Table:
    """Records that could not land, and rows that the gate kept out; a row with two reasons counts under both."""
    table = _table("where", "rows", "reason", "of them", right=("rows", "of them"))
    groups = [
        (f"collecting {source['source']}", f"{source['rejected']:,}", source["reasons"])
        for source in found["collected"]
        if source["rejected"]
    ]
    for dataset in found["datasets"]:
        if gate := dataset["gate"]:
            share = f"{gate['quarantined']:,} of {gate['rows']:,}"
            groups.append((f"gate of {dataset['dataset']}: {gate['decision']}", share, gate["reasons"]))
    for where, rows, reasons in groups:
        first, *others = [(reason, f"{count:,}") for reason, count in reasons.items()] or [("", "")]
        table.add_row(where, rows, *first)
        for other in others:
            table.add_row("", "", *other)
    if not groups:
        table.add_row("nothing was judged", "", "", "")
    return table


def _labelled(found: Facts) -> Table:
    """Each round of this run: how many rows of those that wait were asked about, how many labels are right.

    Without a round it is all labels so far.
    """
    table = _table("rows of", "asked", "answers", "agreement", "right", "published",
                   right=("asked", "answers", "right", "published"))  # fmt: skip
    for one in found["labelled"]:
        for asked in one["rounds"]:
            table.add_row(
                one["dataset"], f"{asked['asked']:,} of {asked['waiting']:,}", f"{asked['answers']:,}",
                _agreement(asked["agreement"]), _right(asked), f"{asked['in_version']:,}",
            )  # fmt: skip
        if not one["rounds"]:
            table.add_row(one["dataset"], f"0 of {one['waiting']:,}", "", "", _right(one), "")
    return table


def _agreement(found: Facts) -> str:
    if not found or found["value"] is None:
        return "undefined"
    return f"{found['measure']} {found['value']:.2f} {found['words']}"


def _right(found: Facts) -> str:
    return ("?" if found["right"] is None else f"{found['right']:,}") + f" of {found['labels']:,}"


def _published(found: Facts) -> Table:
    table = _table("version", "rows", "class", "train", "balanced", "by",
                   right=("rows", "train", "balanced"))  # fmt: skip
    for dataset in found["datasets"]:
        if (version := dataset["version"]) is None:
            table.add_row(f"{dataset['dataset']}: none", "", "", "", "", "")
            continue
        classes = sorted(version["before"] | version["after"])
        for number, name in enumerate(classes):
            first = (f"{dataset['dataset']} v{version['version']}", f"{version['rows']:,}")
            table.add_row(
                *(("", "") if number else first),
                f"{dataset['label']} = {name}",
                f"{version['before'].get(name, 0):,}",
                f"{version['after'].get(name, 0):,}",
                version["method"] if not number else "" if version["new"] or number > 1 else "as before",
            )
    return table


def _planted(found: Facts) -> Table:
    table = _table("where", "rule", "planted", "caught", "", right=("planted", "caught"))
    last = ""
    for piece in found["planted"]:
        good = piece["planted"] == piece["caught"] == piece["matched"]
        mark = Text("✓", style="green") if good else Text("✗", style="bold red")
        where = "" if piece["where"] == last else piece["where"]
        table.add_row(where, piece["rule"], str(piece["planted"]), str(piece["caught"]), mark)
        last = piece["where"]
    return table


def _where_to_look(found: Facts, out: Console) -> None:
    out.print()
    out.print(Text("Where to look", style="bold"))
    for dataset in found["datasets"]:
        for judged in filter(None, (dataset["gate"], (dataset["gate"] or {}).get("audit"))):
            if judged["report"]:
                out.print(Path(found["reports"]) / judged["report"], soft_wrap=True, markup=False)
    out.print("make up     the web UI: Datasets, Data Docs, and every task's log", markup=False)
    published = [dataset for dataset in found["datasets"] if dataset["version"]]
    if published:
        label, name = published[0]["label"], published[0]["dataset"]
        # For a person to copy; nothing runs it here.
        select = f"SELECT _split, _origin, {label}, count(*) FROM datasets.{name} GROUP BY 1, 2, 3"  # noqa: S608
        out.print(f"make psql   {select} ORDER BY 1, 2, 3;", markup=False, soft_wrap=True)
