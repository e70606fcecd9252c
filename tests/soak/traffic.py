"""Writers at full speed: short and large transactions, moved keys, TOAST, truncations, rollbacks."""

import threading
import time
from collections import Counter
from random import Random

import psycopg2

# What an added column is set to, so that it may also be of the type level.
LABELS = ", ".join(f"'{label}'" for label in range(100))
SCHEMA = f"""
CREATE TYPE level AS ENUM ({LABELS});
CREATE TABLE accounts (id bigint PRIMARY KEY, owner text, balance numeric(12,2));
CREATE TABLE docs (id int PRIMARY KEY, body text, n int);
ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
CREATE TABLE bag (word text, body text);
ALTER TABLE bag REPLICA IDENTITY FULL;
CREATE TABLE parts (id int, n int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES FROM (0) TO (300);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (300) TO (600);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (600) TO (900);
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text, payload jsonb);
INSERT INTO accounts SELECT g, 'owner ' || g, 100 FROM generate_series(1, 2000) g;
INSERT INTO docs SELECT g, repeat('s', 3000), 0 FROM generate_series(1, 300) g;
INSERT INTO parts SELECT g, 0 FROM generate_series(0, 899, 3) g
"""
TABLES = ("accounts", "docs", "bag", "parts", "events")


def statement(random, extras):
    """One change, on whatever is there; `extras` are (table, column) that changes of shape brought."""
    this, that = random.sample(range(1, 900), 2)
    one, other = random.sample(range(1, 2001), 2)
    letter = random.choice("abc")
    body = f"repeat('{letter}', {random.choice([5, 3000])})"
    changes = [
        f"UPDATE accounts SET balance = balance - 1 WHERE id = {one}; UPDATE accounts SET balance = balance + 1"
        f" WHERE id = {other}",
        f"DELETE FROM accounts WHERE id = {one}",
        f"INSERT INTO accounts VALUES ({one}, 'again', 1) ON CONFLICT (id) DO UPDATE SET owner = 'met'",
        f"UPDATE docs SET n = n + 1 WHERE id % 50 = {this % 50}",
        f"UPDATE docs SET body = {body} WHERE id = {this % 300}",
        f"UPDATE docs SET id = {that} WHERE id = {this} AND NOT EXISTS (SELECT FROM docs WHERE id = {that})",
        f"INSERT INTO docs VALUES ({this}, {body}, 1) ON CONFLICT DO NOTHING",
        f"DELETE FROM docs WHERE id BETWEEN {this} AND {this + 3}",
        f"INSERT INTO bag VALUES ('{letter}', {body}), ('{letter}', NULL)",
        f"UPDATE bag SET word = '{random.choice('abc')}' WHERE ctid = (SELECT min(ctid) FROM bag)",
        f"DELETE FROM bag WHERE ctid IN (SELECT ctid FROM bag WHERE word = '{letter}' LIMIT 3)",
        f"INSERT INTO parts VALUES ({this}, 1) ON CONFLICT DO NOTHING",
        f"UPDATE parts SET id = {that} WHERE id = {this} AND NOT EXISTS (SELECT FROM parts WHERE id = {that})",
        f"UPDATE parts SET n = n + 1 WHERE id % 30 = {this % 30}",
        f"DELETE FROM parts WHERE id = {this}",
        f"INSERT INTO events (kind, payload) VALUES ('{letter}', '{{\"n\": {this}}}')",
        f"DELETE FROM events WHERE id % 7 = {this % 7}",
    ]
    changes += [
        f"UPDATE {table} SET \"{column}\" = '{this % 100}' WHERE ctid IN (SELECT ctid FROM {table} LIMIT 9)"
        for table, column in extras[-2:]
    ]
    rare = [
        "TRUNCATE events",
        "TRUNCATE bag, events",
        "UPDATE accounts SET balance = balance + 1",
        "INSERT INTO events (kind, payload) SELECT 'large', '{}' FROM generate_series(1, 20000)",
    ]
    return random.choice(rare if random.random() < 0.004 else changes)


class Writers:
    """Threads that write until `stop`, and wait while they are held."""

    def __init__(self, url, seed, count, extras):
        self._url, self._extras = url, extras
        self.counts = Counter()
        self._go, self._stopped = threading.Event(), threading.Event()
        self._idle = [threading.Event() for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._write, args=(Random(f"{seed} writer {number}"), idle))  # noqa: S311
            for number, idle in enumerate(self._idle)
        ]
        self._go.set()
        for thread in self._threads:
            thread.start()

    def hold(self):
        """Return once no writer is in a transaction."""
        self._go.clear()
        for idle in self._idle:
            idle.wait()

    def go_on(self, allowed):
        """Let the writers go on, or let each stop before its next transaction."""
        (self._go.set if allowed else self._go.clear)()

    def stop(self):
        self._stopped.set()
        self._go.set()
        for thread in self._threads:
            thread.join()

    def _write(self, random, idle):
        connection = None
        while not self._stopped.is_set():
            if not self._go.is_set():
                idle.set()
                self._go.wait()
                idle.clear()
            try:
                connection = connection or psycopg2.connect(self._url)
                self._transaction(connection, random)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self.counts["broken connections"] += 1
                connection = None
                time.sleep(0.1)
            except psycopg2.Error as error:
                # Deadlocks, keys that are taken, columns and partitions that are gone just now.
                self.counts[f"refused: {type(error).__name__}"] += 1

    def _transaction(self, connection, random):
        with connection, connection.cursor() as cursor:
            for _ in range(random.choice([1, 1, 2, 5])):
                cursor.execute("SAVEPOINT here")
                cursor.execute(statement(random, list(self._extras)))
                if random.random() < 0.1:
                    cursor.execute("ROLLBACK TO SAVEPOINT here")
            if random.random() < 0.05:
                connection.rollback()
        self.counts["transactions"] += 1
