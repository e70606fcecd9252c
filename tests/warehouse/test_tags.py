"""Tags: one version each, put on and taken off on record."""

from datetime import UTC, datetime

import pytest

from include.core.errors import FatalError
from include.warehouse.connection import transaction
from include.warehouse.tags import tag, tagged, tags, untag

AT = datetime(2026, 5, 1, tzinfo=UTC)
ADA = {"who": "ada", "why": "cited", "at": AT}


@pytest.fixture
def connection(warehouse_url):
    """Two versions of `fraud`."""
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        for version in "12":
            cursor.execute("CREATE TABLE staging.made ()")
            cursor.execute("SELECT sluice.publish('fraud', 'made', %s, '{}', %s)", (version, AT))
        yield connection


def test_a_version_has_any_number_of_tags_and_a_tag_one_version(connection):
    for name in ("paper-2026", "audit", "audit"):
        tag(connection, "fraud", 1, name, **ADA)
    assert tags(connection, "fraud") == {1: ["audit", "paper-2026"]}
    assert tagged(connection, "fraud", "audit") == 1
    with pytest.raises(FatalError, match=r"The tag audit is on fraud_v1\. Fix: take it off there first"):
        tag(connection, "fraud", 2, "audit", **ADA)


def test_a_tag_that_is_taken_off_may_be_put_on_another_and_all_of_it_is_on_record(connection):
    tag(connection, "fraud", 1, "audit", **ADA)
    untag(connection, "fraud", "audit", who="bo", why="done", at=AT)
    tag(connection, "fraud", 2, "audit", **ADA)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tag, version, who, why FROM sluice.tags ORDER BY fact")
        assert cursor.fetchall() == [
            ("audit", 1, "ada", "cited"), ("audit", None, "bo", "done"), ("audit", 2, "ada", "cited"),
        ]  # fmt: skip
    with pytest.raises(FatalError, match="No version of fraud has the tag 'paper'; there are audit"):
        untag(connection, "fraud", "paper", **ADA)


@pytest.mark.parametrize(
    ("version", "name", "says"),
    [
        (3, "audit", "fraud_v3 is no version, or retired"),
        (1, "Paper 2026", "'Paper 2026' is no tag. Fix: use 1 to 40 of a-z"),
        (1, "x" * 41, "is no tag"),
    ],
)
def test_a_version_that_is_not_there_and_what_is_no_name_are_refused(connection, version, name, says):
    with pytest.raises(FatalError, match=says):
        tag(connection, "fraud", version, name, **ADA)
