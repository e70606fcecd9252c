"""Dataset SQL that would give other rows each time is refused, and nothing else is."""

import pytest

from include.core.errors import FatalError
from include.warehouse.repeatable import refuse_unrepeatable


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT now()", r"now\(\).*Fix: take the time from a column"),
        ("SELECT NOW ( )", r"now\(\)"),
        ("SELECT now/* */()", r"now\(\)"),
        ('SELECT pg_catalog."now"()', r"now\(\)"),
        ("SELECT 'it''s', now(), '' FROM p", r"now\(\)"),
        (r"SELECT 'a\', now(), 'b'", r"now\(\)"),
        ("SELECT price -- of today\n, current_date", "CURRENT_DATE"),
        ("SELECT Current_Time", "CURRENT_TIME"),
        ("SELECT current_timestamp(3)", "CURRENT_TIMESTAMP"),
        ("SELECT p.at<localtime", "LOCALTIME"),
        ("SELECT localtimestamp::date", "LOCALTIMESTAMP"),
        ("SELECT clock_timestamp()", r"clock_timestamp\(\)"),
        ("SELECT statement_timestamp()", r"statement_timestamp\(\)"),
        ("SELECT transaction_timestamp()", r"transaction_timestamp\(\)"),
        ("SELECT * FROM p ORDER BY random()", r"random\(\).*Fix: draw by a hash of the row's key"),
        ("SELECT gen_random_uuid()", r"gen_random_uuid\(\)"),
        ("SELECT uuidv4()", r"uuidv4\(\)"),
        ("SELECT uuidv7()", r"uuidv7\(\)"),
        ("SELECT txid_current()", r"txid_current\(\)"),
        ("SELECT * FROM p TABLESAMPLE system (10)", "TABLESAMPLE"),
        ("SELECT 1 /* a /* b */ c */ + random()", r"random\(\)"),
        ("SELECT $note$ a $note$, random()", r"random\(\)"),
    ],
)
def test_what_depends_on_time_or_chance_is_refused_by_its_name(text, says):
    with pytest.raises(FatalError, match=rf"^lines\.sql uses {says}"):
        refuse_unrepeatable("lines.sql", text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 -- not now()\n",
        "SELECT 1 /* neither current_date /* nor */ random() */",
        "SELECT 'now()', e'it\\'s random()', 'current_''date' FROM p",
        "SELECT $$ now() $$, $a$ random() $$ $a$",
        "SELECT now, p.current_date, p.random, uuidv7 FROM p",
        'SELECT "current_date", price AS random FROM p',
        "SELECT * FROM unnest(ARRAY[1]) AS random (n)",
        "SELECT sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM p",
        "SELECT snow(), now_there(), randomly(1)",
    ],
)
def test_comments_literals_and_names_may_say_what_they_like(text):
    refuse_unrepeatable("lines.sql", text)
