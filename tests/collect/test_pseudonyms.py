"""Personal values are replaced in every change, in rejected records, and in what a crawl's child complains of."""

import logging
from datetime import UTC, datetime
from itertools import count

import pytest

from include.catalog import source
from include.collect.pseudonyms import Fields, HiddenVisits, changes_of, without_values
from include.collect.scrape import Known, crawl, recipe
from include.core.batch import UNCHANGED, Column, Table
from include.core.crawl import Shape, Visit
from include.core.errors import FatalError
from include.core.pseudonyms import PseudonymKey
from include.pipeline.collect import collect_site
from include.sample.site import Site
from include.specs import Pii, SiteSource
from include.warehouse.connection import transaction

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEY = PseudonymKey("people", "k1", b"a test's own key, 32 bytes long.")


def pseudonym(text):
    return KEY.pseudonym(text.encode()).decode()


def table(*columns, key=("id",)):
    return Table("people", tuple(Column(name, "text") for name in columns), key)


def test_in_changes_the_new_row_the_old_key_and_the_deleted_key_are_replaced_and_gaps_stay_gaps():
    shape = table("id", "name", "note")
    found = changes_of(shape, {"id": "exact", "name": "exact"}, count(1), KEY)
    plain = changes_of(shape, {}, count(1), None)
    found.upsert(("42", "Anna", "n"))
    plain.upsert((pseudonym("42"), pseudonym("Anna"), "n"))
    found.upsert(("42", UNCHANGED, None))
    plain.upsert((pseudonym("42"), UNCHANGED, None))
    found.delete(("42", None, None))
    plain.delete((pseudonym("42"), None, None))
    found.move(("42",), ("43", UNCHANGED, "n"))
    plain.move((pseudonym("42"),), (pseudonym("43"), UNCHANGED, "n"))
    found.truncate()
    plain.truncate()
    assert [step.kind for step in found.steps] == [step.kind for step in plain.steps]
    assert [list(iter(step.open().read, b"")) for step in found.steps] == [
        list(iter(step.open().read, b"")) for step in plain.steps
    ]


def test_changes_that_come_without_their_fields_are_refused():
    found = changes_of(table("id", "name"), {"name": "exact"}, count(1), KEY)
    with pytest.raises(FatalError, match="'people' has personal columns: its changes are put one by one"):
        found.put_tuples(b"", 0, 0)


def test_no_error_shows_the_value_that_no_pseudonym_can_be_made_of():
    fields = Fields(table("id", "mail", key=("mail",)), {"mail": "casefold"}, KEY)
    assert fields.pseudonym(1, b"anna@b.org")[4:] == KEY.pseudonym(b"anna@b.org")
    for value, told in ((b"secret\xff", "is not UTF-8"), (b"Secret@b.org", "two rows could become one")):
        with pytest.raises(FatalError, match=told) as caught:
            fields.pseudonym(1, value)
        assert "ecret" not in repr(caught.value.args)
        assert caught.value.__context__ is None and caught.value.__cause__ is None


def test_without_a_key_or_without_its_columns_a_personal_table_is_not_read():
    with pytest.raises(FatalError, match=r"personal columns of table 'people' \(mail\) .* no key was given"):
        changes_of(table("id", "mail"), {"mail": "exact"}, count(1), None)
    with pytest.raises(FatalError, match="not all of them are there"):
        changes_of(table("id", "post"), {"mail": "exact"}, count(1), KEY)


PEOPLE = SiteSource(
    name="site", connection="x", spider="shop_site", contact="a@b.org", key_domain="people",
    pii={"people": ("name", Pii(column="mail", canonical="casefold"))},
)  # fmt: skip


PERSON = Shape("people", "id", (("id", "text"), ("name", "text"), ("mail", "text"), ("town", "text")))


def visit(*, rows=(), rejected=(), links=()):
    return Visit("/a", "/a", "read", 1, tuple(links), rows=tuple(rows), rejected=tuple(rejected))


def test_a_visit_has_pseudonyms_in_its_personal_fields_and_only_there():
    rows = [("people", "1", ["1", "Anna", "A@b.org", "T"]), ("people", "2", ["2", None, None, None])]
    other = [("towns", "Anna", ["Anna"])]
    links = ("/b", ["/a.png", "picture", {"town": "T"}])
    hidden = HiddenVisits(PEOPLE, [PERSON, Shape("towns", "name", (("name", "text"),))], KEY)
    assert hidden.hide(visit(rows=rows + other, links=links)) == visit(
        rows=[("people", "1", ["1", pseudonym("Anna"), pseudonym("a@b.org"), "T"]), rows[1], *other], links=links
    )


def test_a_rejected_record_keeps_its_reasons_and_shows_no_personal_field_whatever_stands_there():
    contents = [
        {"id": "1", "name": None, "mail": "A@b.org", "town": "T"}, {"id": "2", "name": 42},
        {"id": "3", "name": "\ud800"}, {"id": "4", "name": {"sha256": "00", "bytes": 3}},
    ]  # fmt: skip
    rejected = [("people", content["id"], content, ["town: missing"]) for content in contents]
    assert HiddenVisits(PEOPLE, [PERSON], KEY).hide(visit(rejected=rejected)).rejected == tuple(
        ("people", content["id"], content, ["town: missing"])
        for content in (
            {"id": "1", "name": None, "mail": pseudonym("a@b.org"), "town": "T"},
            {"id": "2", "name": pseudonym("42")}, {"id": "3", "name": pseudonym("?")},
            {"id": "4", "name": pseudonym('{"bytes": 3, "sha256": "00"}')},
        )
    )  # fmt: skip


def test_a_personal_column_is_text_whatever_it_was():
    shape = Shape("people", "id", (("id", "bigint"), ("name", "bigint"), ("mail", "text"), ("town", "bigint")))
    assert HiddenVisits(PEOPLE, [shape], KEY).shapes == (
        Shape("people", "id", (("id", "bigint"), ("name", "text"), ("mail", "text"), ("town", "bigint"))),
    )


def test_a_personal_field_cannot_be_an_argument_of_a_file():
    leak = ["/a.png", "picture", {"name": "Anna"}]
    with pytest.raises(FatalError, match="hands the personal field 'name' to 'picture'"):
        HiddenVisits(PEOPLE, [PERSON], KEY).hide(visit(links=["/b", leak]))


@pytest.mark.parametrize("columns", [("id", "name"), ("mail", "name")])
def test_a_field_that_no_record_has_or_that_is_its_key_cannot_be_personal(columns):
    with pytest.raises(FatalError, match=r"declares people\.mail as pii, which is no field .*, or their key"):
        HiddenVisits(PEOPLE, [Shape("people", columns[0], tuple((name, "text") for name in columns))], KEY)
    with pytest.raises(FatalError, match=r"declares people\.mail"):
        HiddenVisits(PEOPLE, [], KEY)


def test_of_a_child_s_complaints_only_the_names_of_exceptions_are_told():
    lines = [
        "2026-01-01 00:00:00 [scrapy.core.scraper] ERROR: Error processing {'name': 'Anna'}",
        "Traceback (most recent call last):",
        '    raise ValueError(f"no {name}")',
        "ValueError: no Anna", "ValueError: no Bert", "pydantic_core._pydantic_core.ValidationError: 1 for Anna",
        "Anna: ValueError",
    ]  # fmt: skip
    assert without_values(lines) == ["ValueError", "pydantic_core._pydantic_core.ValidationError"]


def asked(url, question):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def test_a_crawl_lands_and_quarantines_and_logs_pseudonyms_of_personal_fields(warehouse_url, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    update = {"delay": 0.0, "pii": {"reviews": ("author",)}, "key_domain": "people"}
    declared = source("shop_site").model_copy(update=update)
    with Site(1, 16) as site:
        with pytest.raises(FatalError, match="of key domain 'people', and got no key"):
            list(crawl(declared, site.url, Known(), tmp_path))
        with pytest.raises(FatalError, match=r"lost_site did not run: ModuleNotFoundError\."):
            list(crawl(declared.model_copy(update={"spider": "lost_site"}), site.url, Known(), tmp_path, key=KEY))
        (landed,) = collect_site(declared, site.url, warehouse_url, tmp_path, at=AT, key=KEY)
        with pytest.raises(FatalError, match="'author' of table 'reviews' is landed as pseudonyms, and no longer"):
            collect_site(source("shop_site"), site.url, warehouse_url, tmp_path, at=AT)
    authors = "SELECT author FROM landing.shop_site_reviews"
    assert asked(warehouse_url, f"{authors} WHERE id = 'plate-0011-review-1'") == [(pseudonym("Mallory"),)]
    assert asked(warehouse_url, f"{authors} WHERE author !~ '^k1:[0-9a-f]{{64}}$'") == []
    assert asked(warehouse_url, 'SELECT key, "row", reasons FROM quarantine.shop_site_reviews') == [
        (
            "plate-0012-review-1",
            {"id": "plate-0012-review-1", "product": "plate-0012", "author": pseudonym("Zoë"), "stars": "11",
             "text": "Eleven of five!"},
            ["stars: less_than_equal"],
        )
    ]  # fmt: skip
    said = caplog.text + landed.model_dump_json()
    assert "landed batch 1 of shop_site" in said and "Zoë" not in said and "Mallory" not in said
    kept = "SELECT content::text FROM crawls.records WHERE content::text ~ 'Zo|Mallory'"
    assert asked(warehouse_url, kept) == []
    assert asked(warehouse_url, "SELECT table_name, columns, key_id FROM sluice.pseudonymised") == [
        ("reviews", {"author": "exact"}, "k1")
    ]


def test_another_key_or_another_declaration_reads_every_page_anew():
    found = [
        recipe(PEOPLE, "http://a.example", KEY),
        recipe(PEOPLE, "http://a.example", PseudonymKey("people", "k2", b"a test's own key, 32 bytes long.")),
        recipe(PEOPLE.model_copy(update={"pii": {"people": ("name",)}}), "http://a.example", KEY),
        recipe(PEOPLE.model_copy(update={"pii": {}, "key_domain": None}), "http://a.example"),
    ]
    assert len(set(found)) == 4
