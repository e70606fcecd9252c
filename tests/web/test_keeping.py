"""What the pages tell of the view's moves, of tags, and of what keeps a version."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from include.warehouse.connection import connect, transaction
from include.warehouse.pointer import roll_back, unpin
from include.warehouse.tags import tag, untag
from tests.web.pages import text_of, words

SCRIPT = "<script>alert(1)</script>"
ADA = {"who": "ada", "why": "cited in the paper", "at": datetime(2026, 3, 5, 6, 7, tzinfo=UTC)}


@pytest.fixture
def four(facts, manifest):
    """The warehouse of `facts` with four versions of `fraud`, of whom retention keeps the newest two."""
    for number in (2, 3, 4):
        facts.publish(f"f{number}" * 32, manifest | {"run": f"run_{number}"})
    return facts


def moves_of(browser, dataset="fraud"):
    """The words of the part on moves."""
    page = browser.get(f"/datasets/{dataset}")
    return text_of(page).split("What the view has shown ")[1]


def rows_of(browser):
    """Of each listed move, after its day and time: from, to, by what, who and why."""
    table = browser.get("/datasets/fraud").text.split('id="view"')[1].split("<tbody>")[1].split("</tbody>")[0]
    return [words(row).split(" ", 2)[2] for row in table.split("</tr>")[:-1]]


def test_a_version_shows_its_tags_and_who_put_them_there_when_and_why(browser, four):
    with transaction(four.url) as connection:
        tag(connection, "fraud", 1, "paper-2026", **ADA)
        tag(connection, "fraud", 1, "audit", **ADA)
        untag(connection, "fraud", "audit", **ADA)
    for path in ("/datasets", "/datasets/fraud"):
        page = browser.get(path)
        assert "v1 paper-2026 f1f1f1f1f1" in text_of(page)
        assert "v2 f2f2f2f2f2" in text_of(page)
        assert 'title="ada: cited in the paper"' in page.text
    assert "paper-2026 put on by ada at 2026-03-05 06:07 UTC: cited in the paper" in text_of(
        browser.get("/datasets/fraud/1")
    )
    assert "Tags and retention No tag is on it." in text_of(browser.get("/datasets/fraud/2"))


def test_a_version_says_whether_retention_may_take_it_and_what_holds_it(browser, four):
    with transaction(four.url) as connection:
        tag(connection, "fraud", 1, "paper-2026", **ADA)
    told = [text_of(browser.get(f"/datasets/fraud/{number}")) for number in (1, 2, 3)]
    rule = "Retention, which keeps the newest 2,"
    assert f"{rule} does not take it now: tagged paper-2026." in told[0]
    assert f"{rule} may take it: nothing holds it." in told[1]
    assert f"{rule} does not take it now: one of the newest 2." in told[2]
    with transaction(four.url) as connection:
        roll_back(connection, "fraud", 1, pin=False, who="ada", why="drift")
        connection.cursor().execute("SELECT sluice.drop_old('fraud', 3, 1, '2026-03-06Z')")
    assert f"{rule} does not take it now: current." in text_of(browser.get("/datasets/fraud/1"))
    assert "Retention" not in text_of(browser.get("/datasets/fraud/3"))


def test_where_no_retention_is_declared_the_version_says_that_none_takes_it(browser, facts):
    with transaction(facts.url) as connection:
        connection.cursor().execute(
            "CREATE TABLE staging.made (_id text); SELECT sluice.publish('idle', 'made', 'f', '{}', '2026-03-02Z')"
        )
    assert "Retention does not take it: the dataset declares none." in text_of(browser.get("/datasets/idle/1"))


def test_moves_are_listed_newest_first_with_who_moved_the_view_and_why(browser, four):
    with transaction(four.url) as connection:
        roll_back(connection, "fraud", 3, pin=False, who="ada manual_7", why="drift in amount")
    with transaction(four.url) as connection:
        roll_back(connection, "fraud", 3, pin=True, who="ada manual_8", why="until it is mended")
    with transaction(four.url) as connection:
        unpin(connection, "fraud", who="bo manual_9", why="mended")
    with transaction(four.url) as connection:
        connection.cursor().execute("SELECT sluice.point_at('fraud', 4)")
    assert rows_of(browser) == [
        "v3 v4 by hand sluice by hand",
        "v3 v3 unpin bo manual_9 mended",
        "v3 v3 pinned pin ada manual_8 until it is mended",
        "v4 v3 roll back ada manual_7 drift in amount",
        "v3 v4 publication run_4 published",
        "v2 v3 publication run_3 published",
        "v1 v2 publication run_2 published",
        "none v1 publication run_1 published",
    ]
    assert "older move" not in moves_of(browser)


def test_after_a_roll_back_the_older_version_is_marked_as_the_one_that_is_shown(browser, four):
    with transaction(four.url) as connection:
        roll_back(connection, "fraud", 2, pin=True, who="ada", why="drift")
    for path in ("/datasets", "/datasets/fraud"):
        text = text_of(browser.get(path))
        assert "fraud current v2" in text
        assert "v2 current f2f2f2f2f2" in text
        assert "v4 f4f4f4f4f4" in text
    assert rows_of(browser)[0] == "v4 v2 pinned roll back ada drift"


def test_of_many_moves_the_newest_fifty_are_listed_and_the_others_counted(browser, four):
    with transaction(four.url) as connection:
        for number in range(48):
            roll_back(connection, "fraud", 1 + number % 2, pin=False, who="ada", why=f"the {number}.")
    assert len(rows_of(browser)) == 50
    assert rows_of(browser)[0] == "v1 v2 roll back ada the 47."
    assert moves_of(browser).endswith("and 2 older moves, in sluice.pointer_moves")


def test_a_view_that_an_erasure_left_without_a_version_shows_none(browser, facts):
    with transaction(facts.url) as connection:
        connection.cursor().execute(
            "SELECT sluice.retire('shop/run', 'fraud', 1, 'customer', '42', '{}', '2026-03-04 05:06Z');"
            " INSERT INTO sluice.erasures VALUES ('shop/run', 'shop', 'customers', 'c', '{}', '2026-03-04 05:06Z')"
        )
    assert rows_of(browser)[0] == "v1 none retirement shop/run fraud_v1 was retired, and none is left"


def test_a_dataset_that_nothing_was_published_of_says_that_its_view_never_moved(browser):
    assert moves_of(browser, "idle") == "The view has never moved: no version was published yet."
    assert "What the view has shown" not in browser.get("/datasets").text


def test_a_tag_and_whatever_people_wrote_of_it_and_of_moves_is_escaped(browser, four, warehouse_admin_url):
    # The warehouse takes no such tag; the pages do not lean on that.
    with closing(connect(warehouse_admin_url)) as connection, connection:
        connection.cursor().execute("ALTER TABLE sluice.tags DROP CONSTRAINT tags_tag_check")
    with transaction(four.url) as connection:
        said = {"who": f'"{SCRIPT}', "why": SCRIPT}
        tag(connection, "fraud", 4, SCRIPT, **said, at=ADA["at"])
        roll_back(connection, "fraud", 3, pin=False, **said)
    for path in ("/datasets", "/datasets/fraud", "/datasets/fraud/4"):
        page = browser.get(path).text
        assert ">&lt;script&gt;alert(1)&lt;/script&gt;</span>" in page
        assert "<script" not in page
        assert path.endswith("4") or 'title="&#34;&lt;script&gt;' in page
