"""The view's moves: what each leaves on record, what a roll back keeps from coming again, what a pin holds."""

import psycopg2
import pytest
from psycopg2.extras import Json

from include.core.errors import FatalError
from include.warehouse.connection import connect, transaction
from include.warehouse.pointer import moves, roll_back, unpin


class View:
    """The view of `fraud`, published by runs and moved by Ada."""

    def __init__(self, connection):
        self.connection = connection

    def publish(self, batch, fingerprint=None):
        """A run publishes the rows of that batch: (version, whether the view shows it)."""
        with self.connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS staging.made; CREATE TABLE staging.made (id bigint)")
            manifest = {"run": f"run {batch}", "sources": [{"source": "shop", "batch": batch}]}
            cursor.execute(
                "SELECT published, is_current FROM sluice.publish('fraud', 'made', %s, %s, '2026-05-01Z')",
                (fingerprint or f"f{batch}", Json(manifest)),
            )
            return cursor.fetchone()

    def roll_back(self, version, pin=False):
        roll_back(self.connection, "fraud", version, pin=pin, who="ada", why="drift")

    @property
    def told(self):
        """The moves, oldest first, without their times."""
        return [(m.was, m.version, m.kind, m.pinned, m.who) for m in reversed(moves(self.connection, "fraud"))]


@pytest.fixture
def view(warehouse_url):
    with transaction(warehouse_url) as connection:
        view = View(connection)
        assert [view.publish(1), view.publish(2), view.publish(3)] == [(1, True), (2, True), (3, True)]
        yield view


def test_every_move_is_on_record_in_the_order_of_its_time(view):
    view.publish(4, "f1")
    view.roll_back(2)
    view.connection.cursor().execute("SELECT sluice.point_at('fraud', 3)")
    assert view.told == [
        (None, 1, "publish", False, "run 1"), (1, 2, "publish", False, "run 2"), (2, 3, "publish", False, "run 3"),
        (3, 1, "publish", False, "run 4"), (1, 2, "rollback", False, "ada"), (2, 3, "hand", False, "sluice"),
    ]  # fmt: skip
    times = [move.at for move in moves(view.connection, "fraud")]
    assert times == sorted(set(times), reverse=True)


def test_after_a_roll_back_newer_batches_move_the_view_on_but_what_was_left_does_not_come_again(view):
    view.roll_back(2)
    assert view.publish(3) == (3, False)
    assert view.publish(4, "f3") == (3, False)
    assert view.publish(5) == (4, True)
    assert view.publish(6, "f3") == (3, False)


def test_whoever_goes_forth_again_takes_back_that_the_version_was_left(view):
    view.roll_back(2)
    view.roll_back(3)
    assert view.publish(4, "f2") == (2, False)
    assert view.publish(5, "f3") == (3, True)


def test_a_pinned_view_stays_until_it_is_unpinned(view):
    view.roll_back(2, pin=True)
    assert view.publish(4) == (4, False)
    unpin(view.connection, "fraud", who="ada", why="mended")
    assert view.publish(4) == (4, True)
    assert view.told[3:] == [
        (3, 2, "rollback", True, "ada"), (2, 2, "unpin", False, "ada"), (2, 4, "publish", False, "run 4"),
    ]  # fmt: skip


def test_the_version_that_is_shown_can_be_pinned_where_it_is(view):
    view.roll_back(3, pin=True)
    assert view.publish(4) == (4, False)
    unpin(view.connection, "fraud", who="ada", why="mended")
    assert view.publish(5, "f3") == (3, True)


@pytest.mark.parametrize("version", [7, 0])
def test_a_version_that_is_not_there_is_refused(view, version):
    with pytest.raises(
        FatalError, match=f"fraud has no version {version}. Fix: pick a version of sluice.versions"
    ):
        view.roll_back(version)


def test_a_warehouse_of_the_release_before_begins_its_history_where_the_view_stands(view, warehouse_admin_url):
    from include.warehouse.prepare import prepare

    view.connection.commit()
    admin = connect(warehouse_admin_url)
    with admin:
        admin.cursor().execute("DROP TABLE sluice.pointer_moves")
    admin.close()
    for _again in range(2):
        prepare(warehouse_admin_url)
    assert view.told == [(None, 3, "found", False, "postgres")]


def test_nobody_writes_a_move_by_hand(view):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        view.connection.cursor().execute(
            "SELECT sluice.moved('fraud', 1, 2, false, 'publish', 'mallory', 'forged')"
        )
