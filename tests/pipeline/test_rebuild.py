"""A version is built again from its manifest: the same bytes after the source has moved on, or what differs."""

import json
import re

import pytest

from include.core.errors import FatalError
from include.pipeline.rebuild import rebuild, refuse_other
from tests.pipeline.lines import DIGITS, FRAUD, Line


@pytest.fixture
def line(warehouse_url, tmp_path):
    return Line(warehouse_url, tmp_path)


def facts(line):
    """Everything that a rebuild must leave as it is."""
    tables = ("sluice.versions", "sluice.validations", "sluice.pointer_moves", "quarantine.fraud")
    found = [line.execute(f"SELECT count(*) FROM {table}") for table in tables]
    return [*found, line.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging' ORDER BY 1")]


def test_a_version_with_made_rows_is_built_again_after_everything_has_moved_on(line):
    first = line.curate(FRAUD)
    line.move_on()
    second = line.curate(FRAUD, "run_2")
    before = facts(line)
    again = rebuild(line.url, "fraud", 1, run="again")
    assert (again.found, again.rows, again.notes) == (first.fingerprint, first.rows, ())
    assert again.same and refuse_other(again) == again
    assert facts(line) == before
    assert (first.rows, second.rows) == (305, 266)


def test_a_version_of_images_is_built_again_after_everything_has_moved_on(line):
    first = line.curate(DIGITS)
    line.move_on()
    assert line.curate(DIGITS, "run_2").fingerprint != first.fingerprint
    again = rebuild(line.url, "digits", 1, run="again", storage=line.folder)
    assert (again.found, again.rows, again.notes) == (first.fingerprint, first.rows, ())
    with pytest.raises(FatalError, match="digits has made images, and no object storage was given"):
        rebuild(line.url, "digits", 1, run="again")


def test_what_is_not_as_it_was_is_told(line, monkeypatch):
    line.curate(FRAUD)
    line.execute("DELETE FROM landing.shop_payments WHERE id <= 8")
    line.execute("INSERT INTO sluice.erasures VALUES ('r1', 'shop', 'customers', 'x', '{}', '2026-05-02Z')")
    monkeypatch.setattr("include.pipeline.rebuild.libraries", lambda: {"numpy": "1.0"})
    again = rebuild(line.url, "fraud", 1, run="again")
    with pytest.raises(
        FatalError, match=r"fraud_v1 has the fingerprint .*: .*shop has lost the rows of a subject"
    ):
        refuse_other(again)
    *steps, rows = (note for note in again.notes if " was " not in note)
    assert steps == [
        "shop has lost the rows of a subject by r1",
        "200 rows were built then, 192 now",
        "197 rows passed the gate then, 192 now",
        "108 rows were made then, 105 now",
        "305 rows are in the version then, 297 now",
    ]
    assert re.fullmatch(r"of the version's rows: \d+ added, \d+ removed, \d+ changed \(changed cells: .*\)", rows)
    assert "scikit-learn was" in str(again.notes) and "is not installed" in str(again.notes)


def test_a_step_that_is_not_repeatable_is_told_with_the_cells_that_it_changed(line):
    line.curate(FRAUD)
    line.execute("UPDATE landing.shop_payments SET note = 'mended' WHERE id <= 5")
    again = rebuild(line.url, "fraud", 1, run="again")
    assert again.notes == (
        "nothing that the manifest names differs: a step that made this version is not repeatable",
        "of the version's rows: 0 added, 0 removed, 2 changed (changed cells: note 2)",
    )


def test_what_cannot_be_built_again_is_told_with_the_way_out(line):
    with pytest.raises(FatalError, match="Dataset fraud has no version 1; there is none"):
        rebuild(line.url, "fraud", 1, run="again")
    with pytest.raises(FatalError, match="Dataset fraud has no current version; there is none"):
        rebuild(line.url, "fraud", None, run="again")
    manifest = {
        "sql_hash": "5" * 64,
        "declaration": FRAUD.model_dump(mode="json"),
        "gate": {"suite_hash": "6" * 64},
    }
    for fingerprint, more in (("a", {}), ("b", {"declaration": manifest["declaration"] | {"colour": "red"}})):
        line.execute("CREATE TABLE staging.made ()")
        line.execute(
            "SELECT sluice.publish('fraud', 'made', %s, %s, now())", (fingerprint, json.dumps(manifest | more))
        )
    with pytest.raises(FatalError, match=r"The SQL of fraud_v1 \(sha256 555555555555\) is not in sluice\.texts"):
        rebuild(line.url, "fraud", 1, run="again")
    with pytest.raises(FatalError, match=r"manifest of fraud_v2 is none of this release.*colour"):
        rebuild(line.url, "fraud", 2, run="again")
