"""The sample shop's planted dirt against what was caught: row by row and rule by rule."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.local import shop
from include.local.summary import rejected_records

# What is wrong with one row: its key and the rule.
Fault = tuple[str, str]


def compare(where: str, planted: Iterable[Fault], caught: Iterable[Fault]) -> list[dict[str, Any]]:
    """A row for each rule: faults planted, faults caught, and how many of these are the same ones."""
    wanted, found = set(planted), set(caught)
    rules = sorted({rule for _, rule in wanted | found})
    return [
        {
            "where": where,
            "rule": rule,
            "planted": sum(r == rule for _, r in wanted),
            "caught": sum(r == rule for _, r in found),
            "matched": sum(r == rule for _, r in wanted & found),
        }
        for rule in rules
    ]


def shop_rows(connection: Connection) -> list[dict[str, Any]]:
    """The shop's ledger as of the batches that the newest gate decisions are pinned to, against quarantine."""
    return [
        *_gate(connection, "payment_fraud", partial(_ledger, table="payments")),
        *_gate(connection, "reviews", partial(_ledger, table="reviews")),
    ]


def photos(connection: Connection, edition: int) -> list[dict[str, Any]]:
    """What the site of this edition shows wrongly, against what the crawl and the gate kept out."""
    from include.sample import site

    faults = [fault for fault in site.planted(shop.SEED, edition=edition) if fault.where != "shown"]
    at_gate = {(fault.key, fault.rule) for fault in faults if fault.where == "gate"}
    at_crawl = {(fault.key, fault.rule) for fault in faults if fault.where == "collect"}
    # A record that several crawls met is kept once, by the first.
    records = rejected_records(connection, "shop_site", after_batch=0)
    caught = {(key, reason) for _, key, reasons in records for reason in reasons}
    return [
        *compare("collecting shop_site", at_crawl, caught),
        *_gate(connection, "digit_photos", lambda *_: at_gate),
    ]


def _gate(
    connection: Connection, dataset: str, ledger: Callable[[Connection, dict[str, int]], set[Fault]]
) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run, batches FROM sluice.validations WHERE dataset = %s AND stage = 'gate'"
            " ORDER BY judged_at DESC, run DESC LIMIT 1",
            (dataset,),
        )
        if (newest := cursor.fetchone()) is None:
            return []
        run, batches = newest
        cursor.execute(
            sql.SQL("SELECT key, unnest(reasons) FROM quarantine.{} WHERE run = %s").format(
                sql.Identifier(dataset)
            ),
            (run,),
        )
        caught = set(cursor.fetchall())
    return compare(f"gate of {dataset}", ledger(connection, batches), caught)


def _ledger(connection: Connection, batches: dict[str, int], table: str) -> set[Fault]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.row_key, p.rule FROM landing.shop_planted AS p, sluice.batches AS b"
            " WHERE b.batch = %s AND p.table_name = %s"
            " AND p._seq_from <= b.seq_to AND (p._seq_to IS NULL OR p._seq_to > b.seq_to)",
            (batches["shop"], table),
        )
        return set(cursor.fetchall())
