"""Whatever a source's traffic does, the landing can show the source as of every run."""

from random import Random

import pytest


def random_change(random):
    """One statement on the table of documents or on the bag, as dirty as traffic gets."""
    this, that = random.sample(range(12), 2)
    length = random.choice([3, 9000])
    return random.choice(
        [
            f"INSERT INTO docs SELECT g, repeat('{this % 10}', {length}), 0 FROM generate_series({this}, 11) g"
            " ON CONFLICT DO NOTHING",
            f"UPDATE docs SET n = {that} WHERE id = {this}",
            f"UPDATE docs SET n = n + 1 WHERE id % 3 = {that % 3}",
            f"UPDATE docs SET body = repeat('{that % 10}', {length}) WHERE id = {this}",
            f"UPDATE docs SET id = {that}, n = 7 WHERE id = {this} AND {that} NOT IN (SELECT id FROM docs)",
            "UPDATE docs SET id = id + 100 WHERE id < 100 AND id + 100 NOT IN (SELECT id FROM docs)",
            "UPDATE docs SET id = id - 100 WHERE id >= 100 AND id - 100 NOT IN (SELECT id FROM docs)",
            f"DELETE FROM docs WHERE id = {this}",
            f"INSERT INTO bag VALUES ('{this % 3}', repeat('x', {length})), ('{this % 3}', NULL)",
            f"UPDATE bag SET word = '{that % 3}' WHERE word = '{this % 3}'",
            f"DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag WHERE word = '{this % 3}')",
            random.choice(["TRUNCATE docs, bag", "TRUNCATE bag", *["SELECT 1"] * 6]),
        ]
    )


@pytest.mark.parametrize(("seed", "form"), [(1, "binary"), (2, "text"), (3, "binary, few at once")])
def test_after_any_changes_the_landing_is_the_source_as_of_every_run(line, seed, form, monkeypatch):
    random = Random(seed)  # noqa: S311
    shop = line("docs", "bag", *(["moods"] if form == "text" else []), batch_changes=7)
    if "few" not in form:
        monkeypatch.setattr("include.collect.postgres.pgoutput.FEW", 1)
    shop.execute(
        # A single column that is landed as text makes the whole stream text.
        "CREATE TYPE mood AS ENUM ('ok')",
        "CREATE TABLE moods (mood mood PRIMARY KEY)",
        "CREATE TABLE docs (id int PRIMARY KEY, body text, n int)",
        "ALTER TABLE docs ALTER body SET STORAGE EXTERNAL",
        "CREATE TABLE bag (word text, body text)",
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        "ALTER TABLE bag ALTER body SET STORAGE EXTERNAL",
        "INSERT INTO docs SELECT g, repeat('s', 9000), 0 FROM generate_series(0, 9) g",
    )
    shop.collect()
    runs = []
    for _run in range(4):
        for _transaction in range(15):
            statements = [random_change(random) for _ in range(random.randint(1, 4))]
            shop.execute((*statements, random.choice(["ROLLBACK", "SELECT 1", "SELECT 1"])))
        landed = shop.collect()
        runs.append((landed[-1].seq_to, contents(shop)))
    for seq, expected in runs:
        as_of = f"_seq_from <= {seq} AND (_seq_to IS NULL OR _seq_to > {seq})"
        docs = sorted(shop.landed("docs", "id, md5(body), n", as_of))
        bag = sorted(shop.landed("bag", "word, coalesce(length(body), 0)", as_of))
        assert (docs, bag) == expected


def contents(shop):
    docs = shop.query("SELECT id, md5(body), n FROM public.docs")
    bag = shop.query("SELECT word, coalesce(length(body), 0) FROM public.bag")
    return sorted(docs), sorted(bag)
