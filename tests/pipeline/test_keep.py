"""What is kept of a dataset's versions, for which reason, and what is on record of those that go."""

from datetime import UTC, datetime

import psycopg2
import pytest
from psycopg2.extras import Json

from include.core.errors import FatalError
from include.core.refs import Retained, Shown
from include.pipeline.keep import retain, roll_back, tag
from include.pipeline.load import load, opened
from include.specs import Dataset, Retention
from include.warehouse.connection import transaction
from include.warehouse.versions import list_versions

AT = datetime(2026, 5, 1, tzinfo=UTC)
ADA = {"who": "ada", "why": "cited"}
FRAUD = Dataset(name="fraud", sources=("shop",), key="id", label="y", retention=Retention(keep=2))


@pytest.fixture
def fraud(warehouse):
    """A warehouse with six versions of `fraud`; the view shows the sixth."""
    for batch in range(1, 7):
        publish(warehouse, batch)
    return warehouse


def publish(warehouse, batch, fingerprint=None, **more):
    warehouse.execute("DROP TABLE IF EXISTS staging.made; CREATE TABLE staging.made AS SELECT 1 AS id, '1' AS _id")
    manifest = {"run": f"run {batch}", "sources": [{"source": "shop", "batch": batch}], **more}
    return warehouse.execute(
        "SELECT published, is_new, is_current FROM sluice.publish('fraud', 'made', %s, %s, %s)",
        fingerprint or f"f{batch}", Json(manifest), AT,
    )[0]  # fmt: skip


def tables(warehouse):
    found = warehouse.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'datasets' ORDER BY 1")
    return [name for (name,) in found]


def test_the_newest_are_kept_and_what_goes_is_on_record(fraud):
    newest = {5: "one of the newest 2", 6: "one of the newest 2"}
    assert retain(fraud.url, FRAUD, at=AT, dry_run=True) == Retained(
        dataset="fraud", dry_run=True, dropped=(1, 2, 3, 4), kept=newest
    )
    assert len(tables(fraud)) == 6
    assert retain(fraud.url, FRAUD, at=AT).dropped == (1, 2, 3, 4)
    assert tables(fraud) == ["fraud_v5", "fraud_v6"]
    assert fraud.execute("SELECT version, request, policy, reason, retired_at FROM sluice.retirements") == [
        (n, None, "keep 2", "not one of the newest 2", AT) for n in (1, 2, 3, 4)
    ]
    with transaction(fraud.url) as connection:
        assert [v.retired_why for v in list_versions(connection, "fraud")][-1] == "not one of the newest 2"
    assert retain(fraud.url, FRAUD, at=AT) == Retained(dataset="fraud", dry_run=False, dropped=(), kept=newest)
    with pytest.raises(FatalError, match=r"fraud_v1 was retired at 2026-05-01T00:00:00\+00:00: its rows are gone"):
        load("fraud", version=1, url=fraud.url)


def test_what_is_current_tagged_named_built_on_or_read_is_kept(fraud):
    publish(fraud, 7, gate={"evidence": {"drift": {"against": {"dataset": "fraud", "version": 3}}}})
    roll_back(fraud.url, "fraud", 1, pin=False, who="ada", why="drift")
    tag(fraud.url, "fraud", "paper", 2, at=AT, **ADA)
    fraud.execute("CREATE VIEW staging.mine AS SELECT id FROM datasets.fraud_v4")
    with opened("fraud", version=5, url=fraud.url):
        told = retain(fraud.url, FRAUD.model_copy(update={"retention": Retention(keep=1)}), at=AT)
    assert told.dropped == (6,)
    assert told.kept == {
        1: "current", 2: "tagged paper", 3: "named by the manifest of fraud_v7", 4: "staging.mine is built on it",
        5: "being read", 7: "one of the newest 1",
    }  # fmt: skip
    tag(fraud.url, "fraud", "paper", None, at=AT, **ADA)
    fraud.execute("DROP VIEW staging.mine")
    assert retain(fraud.url, FRAUD, at=AT).dropped == (2, 4)


def test_a_reader_who_comes_in_between_is_not_waited_for(fraud, warehouse_admin_url):
    admin = psycopg2.connect(warehouse_admin_url)
    with admin:
        admin.cursor().execute("CREATE OR REPLACE FUNCTION sluice.kept_for(dataset_name text, of_version integer,"
                               " keep integer) RETURNS text"
                               " LANGUAGE sql AS 'SELECT NULL::text'")  # fmt: skip
    admin.close()
    with opened("fraud", version=1, url=fraud.url):
        told = retain(fraud.url, FRAUD, at=AT)
    assert (told.kept[1], "fraud_v1" in tables(fraud)) == ("being read", True)


def test_rows_that_come_back_after_they_were_dropped_are_a_new_version(fraud):
    retain(fraud.url, FRAUD, at=AT)
    assert publish(fraud, 8, "f1") == (7, True, True)
    assert publish(fraud, 9, "f1") == (7, False, True)


def test_a_dataset_without_a_retention_and_a_retention_of_nothing_drop_nothing(fraud):
    with pytest.raises(FatalError, match="fraud declares no retention: every version is kept"):
        retain(fraud.url, FRAUD.model_copy(update={"retention": None}), at=AT)
    for version, keep in ((1, 0), (1, None), (9, 1)):
        with pytest.raises(psycopg2.errors.InvalidParameterValue, match="is no version that a retention"):
            fraud.execute("SELECT sluice.drop_old('fraud', %s, %s, now())", version, keep)
    assert len(tables(fraud)) == 6


def test_a_roll_back_tells_what_was_left_and_is_pinned_and_unpinned_by_the_same_form(fraud):
    assert roll_back(fraud.url, "fraud", 4, pin=False, **ADA) == Shown(
        dataset="fraud", version=4, was=6, pinned=False
    )
    assert roll_back(fraud.url, "fraud", None, pin=True, **ADA) == Shown(
        dataset="fraud", version=4, was=4, pinned=True
    )
    assert publish(fraud, 7) == (7, True, False)
    roll_back(fraud.url, "fraud", None, pin=False, **ADA)
    assert publish(fraud, 8) == (8, True, True)
    assert fraud.execute("SELECT kind, pinned, who, why FROM sluice.pointer_moves ORDER BY move OFFSET 6") == [
        ("rollback", False, "ada", "cited"), ("rollback", True, "ada", "cited"), ("unpin", False, "ada", "cited"),
        ("publish", False, "run 8", "published"),
    ]  # fmt: skip


def test_a_move_without_a_reason_and_a_dataset_that_shows_nothing_are_refused(fraud):
    with pytest.raises(FatalError, match="says why: the reason is empty"):
        roll_back(fraud.url, "fraud", 1, pin=False, who="ada", why=" ")
    with pytest.raises(FatalError, match="says why: the reason is empty"):
        tag(fraud.url, "fraud", "paper", 1, who="ada", why="", at=AT)
    with pytest.raises(FatalError, match="spam shows no version that could be left"):
        roll_back(fraud.url, "spam", 1, pin=False, **ADA)
