import psycopg2
import pytest
from psycopg2 import sql

from include.core.errors import FatalError
from include.label.sql_rules import matches
from include.specs.rules import Sql
from include.warehouse.connection import transaction


@pytest.fixture
def connection(warehouse_url):
    with transaction(warehouse_url) as connection:
        yield connection


def rule(where, name="r"):
    return Sql(name=name, label="pos", where=where)


def ask(connection, *rules, table=None, keys=("3", "1", "2")):
    rows = table or sql.SQL("(SELECT * FROM (VALUES (1, 5, 'good'), (2, 0, 'bad; 50% {good}'), (3, NULL, NULL))"
                            " AS v (id, stars, text))")  # fmt: skip
    return {name: found.tolist() for name, found in matches(connection, rules, rows, key="id", keys=keys).items()}


def test_rules_hold_where_their_condition_is_true_in_the_order_of_the_keys(connection):
    assert ask(connection, rule("stars > 3 OR text = 'x'", "many"), rule("stars < 3 -- few", "few")) == {
        "many": [False, True, False],
        "few": [False, False, True],
    }


def test_literals_may_hold_what_sql_and_python_give_a_meaning(connection):
    assert ask(connection, rule("text LIKE '%; 50\\% {good}%' /* ; ) */")) == {"r": [False, False, True]}


def test_no_rules_are_no_question(connection):
    assert ask(connection) == {}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("true; DROP TABLE x", "has a ; outside a literal"),
        ("true) OR (false", "brackets that do not match"),
        ("(true", "brackets that do not match"),
        ("text = 'good", "has a ' outside a literal"),
        ("stars > random()", "uses random()"),
        ("colour = 'red'", "cannot evaluate the rule 'r': column"),
        ("1 / stars > 0", "cannot evaluate the rule 'r': division by zero"),
        ("stars", "cannot evaluate the rule 'r'"),
    ],
)
def test_a_condition_out_of_order_is_refused_by_name(connection, where, said):
    with pytest.raises(FatalError) as raised:
        ask(connection, rule("stars > 3", "good"), rule(where))
    assert said in str(raised.value)
    # The transaction goes on, and may write.
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE after (x int)")


def test_nothing_can_be_written_while_rules_are_asked(warehouse_admin_url):
    connection = psycopg2.connect(warehouse_admin_url)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.kept (x int)")
        cursor.execute(
            "CREATE FUNCTION public.writes() RETURNS boolean LANGUAGE sql AS"
            " $$ INSERT INTO public.kept VALUES (1); SELECT true $$"
        )
    with pytest.raises(FatalError, match="read-only transaction"):
        ask(connection, rule("public.writes()"))
    connection.rollback()
    connection.close()


def test_rows_that_the_table_lacks_or_has_twice_are_named(connection):
    with pytest.raises(FatalError, match=r"1 rows are not in the table .* among them '9'"):
        ask(connection, rule("true"), keys=("1", "9"))
    twice = sql.SQL("(SELECT 1 AS id FROM generate_series(1, 2))")
    with pytest.raises(FatalError, match="is no key: 2 rows have 1 values"):
        ask(connection, rule("true"), table=twice, keys=("1",))
