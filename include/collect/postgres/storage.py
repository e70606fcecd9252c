"""What a source's catalog keeps of changes that its log does not tell: files, entries, who publishes a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from psycopg2.extensions import cursor as Cursor

from include.core.batch import Table

# The files that hold the rows: the table's own, or those of all its partitions. A rewrite, a TRUNCATE, and a
# partition that comes or goes change them.
FILES = """
SELECT c.oid::bigint, c.relfilenode::bigint, c.relreplident::text, c.relkind::text
FROM pg_class c
WHERE CASE WHEN %(parts)s THEN c.oid IN (SELECT relid FROM pg_partition_tree(%(oid)s) WHERE isleaf)
      ELSE c.oid = %(oid)s END
ORDER BY c.oid
"""

# Who belongs to a root, and since which transaction: what was written to a partition that was detached for a while
# and attached again is not in the log as the root's.
ATTACHED = """
SELECT i.inhrelid::bigint, i.xmin::text
FROM pg_partition_tree(%(oid)s) AS t JOIN pg_inherits i ON i.inhrelid = t.relid
WHERE t.level > 0
ORDER BY i.inhrelid
"""

# What publishes the table. A table that is taken out and put back has another entry, also where its column list
# or its row filter was another for a while; every ALTER PUBLICATION … SET writes the publication's own entry anew.
PUBLISHED = """
WITH holder AS (
    SELECT %(oid)s::oid AS oid UNION SELECT relid::oid FROM pg_partition_ancestors(%(oid)s::oid::regclass)
), publication AS (SELECT oid, xmin FROM pg_publication WHERE pubname = %(publication)s)
SELECT 'publication', oid::bigint, xmin::text FROM publication
UNION ALL
SELECT 'table', r.oid::bigint, r.xmin::text FROM publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
WHERE r.prrelid IN (SELECT oid FROM holder)
UNION ALL
SELECT 'schema', n.oid::bigint, n.xmin::text
FROM publication p JOIN pg_publication_namespace n ON n.pnpubid = p.oid
WHERE n.pnnspid IN (SELECT c.relnamespace FROM pg_class c JOIN holder ON holder.oid = c.oid)
ORDER BY 1, 2
"""

# The types of which each column's text is made, down to the labels of enums and the attributes of composites. A
# label's entry is written anew when it is renamed; an attribute that was dropped stays listed, with the type 0.
SPELLED = """
WITH RECURSIVE made_of (attnum, type) AS (
    SELECT attnum, atttypid FROM pg_attribute WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped
    UNION
    SELECT m.attnum, part.type FROM made_of m JOIN pg_type t ON t.oid = m.type
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem WHERE t.typcategory = 'A'
        UNION ALL SELECT rngsubtype FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid)
        UNION ALL SELECT atttypid FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
    ) AS part (type)
)
SELECT m.attnum, e.oid::bigint, e.xmin::text FROM made_of m JOIN pg_enum e ON e.enumtypid = m.type
UNION ALL
SELECT m.attnum, m.type::bigint,
       string_agg(concat_ws(' ', a.attnum, a.atttypid, a.atttypmod), ',' ORDER BY a.attnum)
FROM made_of m JOIN pg_type t ON t.oid = m.type JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0
GROUP BY 1, 2
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Storage:
    """Which table it is (`oid`), which files hold its rows, its columns' entries, and those that publish it."""

    oid: str
    files: str
    entries: str
    published: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: Table) -> Self:
        """As it was written down; of what an earlier release did not write down nothing is known."""
        oid, files, entries, published, *_ = [*(table.storage or "").split(":"), "", "", "", ""]
        return cls(oid, files, entries, frozenset(published.split(",")) - {""})

    def __str__(self) -> str:
        return f"{self.oid}:{self.files}:{self.entries}:{','.join(sorted(self.published))}"


def storage(
    cursor: Cursor,
    oid: int,
    files: Sequence[tuple[int, int]],
    entries: Sequence[str],
    publication: str,
    *,
    root: bool,
) -> Storage:
    """The table's storage; a single file of its own goes by its number, several by a hash."""
    attached = []
    if root:
        cursor.execute(ATTACHED, {"oid": oid})
        attached = cursor.fetchall()
    alone = [owner for owner, _ in files] == [oid]
    cursor.execute(PUBLISHED, {"oid": oid, "publication": publication})
    return Storage(
        str(oid),
        str(files[0][1]) if alone else _hash([files, attached]),
        _hash(entries),
        frozenset(f"{kind}.{entry}.{written}" for kind, entry, written in cursor.fetchall()),
    )


def files_of(cursor: Cursor, oid: int, *, root: bool) -> list[tuple[int, int, str, str]]:
    """Owner, number, replica identity and kind of each file that holds rows of the table."""
    cursor.execute(FILES, {"oid": oid, "parts": root})
    return cursor.fetchall()


def stored_as_seen(cursor: Cursor, oid: int, *, root: bool) -> bool:
    """Whether the files that this transaction's snapshot sees in pg_class are still the table's, as of now."""
    cursor.execute(
        f"SELECT bool_and(relfilenode = pg_relation_filenode(oid)) FROM ({FILES}) AS f",  # noqa: S608  # a constant
        {"oid": oid, "parts": root},
    )
    return cursor.fetchone() != (False,)


def spellings(cursor: Cursor, oid: int) -> dict[int, tuple[str, ...]]:
    """The catalog entries that decide how values are printed, for each attnum of a column that has such."""
    cursor.execute(SPELLED, {"oid": oid})
    found: dict[int, tuple[str, ...]] = {}
    for attnum, entry, state in cursor.fetchall():
        found[attnum] = (*found.get(attnum, ()), f"{entry}.{state if state.isdigit() else _hash([state])}")
    return found


def _hash(parts: Sequence[Any]) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:16]
