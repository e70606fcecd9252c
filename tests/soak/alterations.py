"""Changes of tables' shapes, one every few moments, while they are written to."""

import threading
from collections import Counter
from random import Random

import psycopg2

PARTS = {"parts_0": "FROM (0) TO (300)", "parts_1": "FROM (300) TO (600)", "parts_2": "FROM (600) TO (900)"}
PLAIN = ("accounts", "docs", "bag", "events")


class Alterations:
    """A thread that alters tables until `stop`; `extras` lists the columns that it added."""

    def __init__(self, url, seed, pause):
        self._url, self._random, self._pause = url, Random(f"{seed} alterations"), pause  # noqa: S311
        self.extras, self.counts = [], Counter()
        self._number = 0
        self._held, self._stopped = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def hold(self):
        self._held.acquire()

    def resume(self):
        self._held.release()

    def stop(self):
        self._stopped.set()
        self._thread.join()

    def _run(self):
        while not self._stopped.wait(self._pause * self._random.random() * 2):
            with self._held:
                name, statements, done = self._draw()
                try:
                    self._execute(statements)
                except psycopg2.Error as error:
                    self.counts[f"refused: {type(error).__name__}"] += 1
                else:
                    self.counts[name] += 1
                    done()

    def _execute(self, statements):
        connection = psycopg2.connect(self._url, options="-c lock_timeout=3000")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def _draw(self):
        """A name, statements, and what is to be remembered once they are done."""
        random = self._random
        table = random.choice((*PLAIN, "parts"))
        self._number += 1
        new = random.choice([f"extra_{self._number}", f"Extra {self._number}", f"größe_{self._number}"])
        kind = random.choice(
            ["text", "int", "text DEFAULT 'd'", "int DEFAULT 3", "int DEFAULT random() * 9", "level"]
        )
        retyped = random.choice(["text", "varchar(99)", "text USING upper(owner)"])
        draws = [
            (
                "add a column",
                [f'ALTER TABLE {table} ADD "{new}" {kind}'],
                lambda: self.extras.append((table, new)),
            ),
            ("vacuum full", [f"VACUUM FULL {random.choice(PLAIN)}"], lambda: None),
            ("truncate", [f"TRUNCATE {random.choice(['bag', 'events', *PARTS])}"], lambda: None),
            ("detach and attach", self._exchange(random.choice(list(PARTS))), lambda: None),
            ("widen", ["ALTER TABLE docs ALTER n TYPE bigint"], lambda: None),
            ("narrow", ["ALTER TABLE docs ALTER n TYPE int"], lambda: None),
            ("retype", [f"ALTER TABLE accounts ALTER owner TYPE {retyped}"], lambda: None),
            ("drop and create", [self._anew()], lambda: self._forget("bag")),
            ("unpublish for a while", self._unpublish(table), lambda: None),
            ("rename a label", self._rename(random.randrange(100)), lambda: None),
        ]
        if self.extras:
            where, column = random.choice(self.extras)
            draws += [
                ("drop a column", [f'ALTER TABLE {where} DROP "{column}"'], lambda: self._lose(where, column)),
                (
                    "exchange a column",
                    [f'ALTER TABLE {where} DROP "{column}", ADD "{column}" text DEFAULT \'e\''], lambda: None,
                ),
                (
                    "rename a column", [f'ALTER TABLE {where} RENAME "{column}" TO "{new}"'],
                    lambda: (self._lose(where, column), self.extras.append((where, new))),
                ),
            ]  # fmt: skip
        return random.choice(draws)

    def _exchange(self, part):
        return [
            f"ALTER TABLE parts DETACH PARTITION {part}",
            f"UPDATE {part} SET n = n + 1000",
            f"ALTER TABLE parts ATTACH PARTITION {part} FOR VALUES {PARTS[part]}",
        ]

    def _unpublish(self, table):
        only = "" if table == "parts" else "ONLY "
        return [
            f"ALTER PUBLICATION sluice_soak DROP TABLE {table}",
            "SELECT pg_sleep(0.2)",
            f"ALTER PUBLICATION sluice_soak ADD TABLE {only}{table}",
        ]

    def _rename(self, label):
        return [
            f"ALTER TYPE level RENAME VALUE '{label}' TO 'was {label}'",
            "SELECT pg_sleep(0.2)",
            f"ALTER TYPE level RENAME VALUE 'was {label}' TO '{label}'",
        ][: self._random.choice([1, 3])]

    def _anew(self):
        return (
            "BEGIN; DROP TABLE bag; CREATE TABLE bag (word text, body text);"
            " ALTER TABLE bag REPLICA IDENTITY FULL; INSERT INTO bag VALUES ('new', 'bag'); COMMIT"
        )

    def _lose(self, table, column):
        if (table, column) in self.extras:
            self.extras.remove((table, column))

    def _forget(self, table):
        self.extras[:] = [(where, column) for where, column in self.extras if where != table]
