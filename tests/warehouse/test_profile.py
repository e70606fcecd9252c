"""What a column's words look like, as a pattern that matches them all."""

import re

import pytest

from include.warehouse.connection import transaction
from include.warehouse.profile import pattern, profile


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (["AA-9999"], r"^[A-Z]{2}\-[0-9]{4}$"),
        (["AA-99", "A-9999"], r"^[A-Z]{1,2}\-[0-9]{2,4}$"),
        (["a.a@a.a", "aaa.aa@aaa.aa"], r"^[a-z]{1,3}\.[a-z]{1,2}@[a-z]{1,3}\.[a-z]{1,2}$"),
        (["99", "AA"], "^([0-9]{2}|[A-Z]{2})$"),
        ([""], "^$"),
        ([], None),
        (["9", "A", "a", "-"], None),
        (["9" * 256], None),
    ],
)
def test_a_few_forms_make_a_pattern(shapes, expected):
    assert pattern(shapes) == expected


def test_a_profile_has_type_values_lengths_and_shapes(warehouse_url):
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE staging.t AS SELECT n, ('SKU-' || n)::varchar(20) AS sku, NULL::text AS nothing,"
            " n % 3 = 0 AS third FROM generate_series(1, 120) AS n"
        )
        found = profile(connection, "t", ["n", "sku", "nothing", "third"], ["third"])
    assert {name: (p.type, p.different, p.lengths) for name, p in found.items()} == {
        "n": ("integer", 120, None),
        "sku": ("character varying(20)", 120, (5, 7)),
        "nothing": ("text", 0, None),
        "third": ("boolean", 2, (4, 5)),
    }
    assert found["sku"].shapes == ("AAA-9", "AAA-99", "AAA-999")
    assert all(re.search(pattern(found["sku"].shapes), f"SKU-{n}") for n in range(1, 121))
