"""The summary as a person reads it, from a literal one."""

from io import StringIO

from rich.console import Console

from include.local.present import show

GATE = {
    "decision": "publish", "rows": 1_200, "quarantined": 2, "reasons": {"amount_not_negative": 2, "currency": 1},
    "report": "gate/r2.html", "audit": {"decision": "publish", "report": "audit/r2.html"},
}  # fmt: skip
VERSION = {
    "version": 3, "rows": 1_250, "new": True, "method": "smote",
    "before": {"0": 900, "1": 40}, "after": {"0": 900, "1": 90},
}  # fmt: skip
FOUND = {
    "ok": True,
    "seconds": 61.4,
    "reports": "/srv/sluice/reports",
    "collected": [
        {"source": "shop", "tables": {"customers": 0, "payments": 1_200}, "rejected": 1, "reasons": {"key": 1}},
        {"source": "photos", "tables": {}, "rejected": 0, "reasons": {}},
    ],
    "datasets": [{"dataset": "payment_fraud", "label": "fraud", "gate": GATE, "version": VERSION}],
    "planted": [
        {"where": "payments", "rule": "amount_not_negative", "planted": 2, "caught": 2, "matched": 2},
        {"where": "payments", "rule": "currency", "planted": 1, "caught": 2, "matched": 1},
    ],
    "labelled": [],
    "problems": [],
}
ROUND = {
    "asked": 120, "waiting": 1_533, "answers": 360, "labels": 118, "right": 115, "in_version": 118,
    "agreement": {"measure": "gwet_ac1", "value": 0.6831, "words": "substantial"},
}  # fmt: skip
BARE = {"dataset": "payment_fraud", "label": "fraud", "gate": None, "version": None}


def shown(**changes):
    """The lines that are not empty, by words."""
    out = StringIO()
    show(FOUND | changes, Console(file=out, width=160, highlight=False))
    return [line.split() for line in out.getvalue().splitlines() if line.strip()]


def section(lines, title, until):
    return lines[lines.index(title.split()) + 2 : lines.index(until.split())]


def test_what_was_collected_is_counted_by_table_and_an_idle_source_has_a_line():
    assert section(shown(), "Collected", "Rejected") == [
        ["shop", "payments", "1,200"],
        ["photos", "nothing", "new"],
    ]


def test_what_was_rejected_is_counted_by_reason():
    assert section(shown(), "Rejected", "Labelled") == [
        ["collecting", "shop", "1", "key", "1"],
        ["gate", "of", "payment_fraud:", "publish", "2", "of", "1,200", "amount_not_negative", "2"],
        ["currency", "1"],
    ]


def test_a_round_of_labelling_shows_what_was_asked_how_far_they_agree_and_how_many_labels_are_right():
    found = {"dataset": "reviews", "waiting": 1_413, "labels": 238, "right": 230, "rounds": [ROUND]}
    undefined = ROUND | {"agreement": {"measure": "gwet_ac1", "value": None, "words": ""}, "right": None}
    unknown = {"dataset": "tickets", "waiting": 9, "labels": 4, "right": None, "rounds": [undefined]}
    assert section(shown(labelled=[found, unknown]), "Labelled", "Published") == [
        ["reviews", "120", "of", "1,533", "360", "gwet_ac1", "0.68", "substantial", "115", "of", "118", "118"],
        ["tickets", "120", "of", "1,533", "360", "undefined", "?", "of", "118", "118"],
    ]
    assert section(shown(labelled=[found | {"rounds": []}]), "Labelled", "Published") == [
        ["reviews", "0", "of", "1,413", "230", "of", "238"]
    ]


def test_a_published_version_shows_each_class_before_and_after():
    assert section(shown(), "Published", "Planted dirt, and what was caught") == [
        ["payment_fraud", "v3", "1,250", "fraud", "=", "0", "900", "900", "smote"],
        ["fraud", "=", "1", "40", "90"],
    ]


def test_a_version_that_was_published_before_says_so_on_its_second_line():
    version = FOUND["datasets"][0] | {"version": VERSION | {"new": False}}
    first, second = section(shown(datasets=[version]), "Published", "Planted dirt, and what was caught")
    assert (first[-1], second[-2:]) == ("smote", ["as", "before"])


def test_planted_dirt_that_was_not_caught_exactly_is_marked():
    assert section(shown(), "Planted dirt, and what was caught", "Where to look") == [
        ["payments", "amount_not_negative", "2", "2", "✓"],
        ["currency", "1", "2", "✗"],
    ]


def test_the_reports_and_a_query_of_the_dataset_are_named_and_a_good_run_says_so():
    lines = [" ".join(line) for line in shown()]
    assert lines[-5:] == [
        "/srv/sluice/reports/gate/r2.html",
        "/srv/sluice/reports/audit/r2.html",
        "make up the web UI: Datasets, Data Docs, and every task's log",
        "make psql SELECT _split, _origin, fraud, count(*) FROM datasets.payment_fraud"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;",
        "All that was promised happened, in 61 s.",
    ]


def test_a_run_that_published_nothing_names_its_problems():
    lines = shown(ok=False, datasets=[BARE], collected=[], planted=[], problems=["payment_fraud has no version"])
    assert section(lines, "Rejected", "Labelled") == [["nothing", "was", "judged"]]
    assert ["payment_fraud:", "none"] in lines
    assert lines[-1] == ["✗", "payment_fraud", "has", "no", "version"]
    assert "promised" not in {word for line in lines for word in line}
