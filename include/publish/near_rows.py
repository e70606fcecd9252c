"""Compare rows of different splits by their features: equal ones, and ones whose numbers hardly differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.publish.chance import Odds, Rows, alike, alone_noticed
from include.publish.twins import MOST, Compared, Twins, pairs_across
from include.specs import Dataset
from include.specs.leakage import Kind
from include.warehouse import bulk, versions

EXACT, NEAR = "no row's features are in two splits", "no row's features are nearly those of another split's"
# Rows from which it is learnt how often features are alike by chance.
SAMPLE = 20_000
# Near twins are sought by cells of so many columns at most, unless that means more candidates a row than this. A
# cell is so many tolerances wide: few rows lie so close to a border that the next cell is to be searched, too.
MOST_CELLS, MOST_CANDIDATES, CELL = 3, 20, 16

NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric")
SPLIT = "array_position('{{train,validation,test}}'::text[], {}._split)"


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows compared: the real ones of `staging.<name>`, `pairs` of them in two splits; their features."""

    dataset: Dataset
    name: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    rows: int
    pairs: int

    @property
    def identifier(self) -> sql.Composable:
        return sql.Identifier("staging", self.name)


def compare_rows(connection: Connection, dataset: Dataset, table: str) -> list[Compared]:
    """Equal rows (numbers as 32-bit floats), then nearly equal ones, among the real rows of `staging.<table>`.

    Twins are found in the database, by joins of hashes. How many chance explains is learnt from `SAMPLE` rows.
    """
    with connection.cursor() as cursor:
        compared = _described(cursor, dataset, table)
        if not (compared.pairs and (compared.numeric or compared.categorical)):
            return []
        sample = _read(connection, compared, _sampled(compared))
        width = dataset.leakage.tolerance * _spread(sample.numeric)
        odds = Odds(sample, width)
        cells = _cells(odds, width, compared)
        _hash(cursor, compared, [(name, width[compared.numeric.index(name)]) for name in cells])
        found = [_equal(connection, compared, sample)]
        if compared.numeric:
            found.append(_near(connection, compared, sample, odds=odds, width=width, cells=cells))
        cursor.execute("DROP TABLE pg_temp.leak_rows")
    return found


def _equal(connection: Connection, table: _Table, sample: Rows) -> Compared:
    query = sql.SQL(
        "WITH shared AS (SELECT content, min(split) AS low FROM pg_temp.leak_rows GROUP BY content"
        " HAVING min(split) < max(split)) SELECT count(*) OVER () AS total, count(*) AS rows,"
        ' min(r._id COLLATE "C") FILTER (WHERE r.split = s.low) AS a,'
        ' min(r._id COLLATE "C") FILTER (WHERE r.split > s.low) AS b'
        " FROM shared s JOIN pg_temp.leak_rows r USING (content) GROUP BY content, s.low"
        " ORDER BY 2, 3 LIMIT {}"
    ).format(sql.Literal(MOST))
    exact = Rows(_single(sample.numeric), sample.categorical, sample.groups)
    odds = Odds(exact, np.zeros(sample.numeric.shape[1]))
    total, twins = _twins(connection, table, query, odds, np.zeros(sample.numeric.shape[1]))
    return _compared(table, "rows", EXACT, total, twins=twins, chance=table.pairs * odds.of(exact))


def _near(
    connection: Connection, table: _Table, sample: Rows, *, odds: Odds, width: np.ndarray, cells: Sequence[str]
) -> Compared:
    if not cells:
        note = "not compared: by no numbers are rows told apart well enough to find those nearly alike"
        return Compared(kind="near_rows", rule=NEAR, rows=table.rows, pairs=table.pairs, note=note)
    within = [
        sql.SQL("(x.{0} IS NOT DISTINCT FROM y.{0} OR abs(x.{0}::float8 - y.{0}::float8) <= {1})").format(
            sql.Identifier(name), sql.Literal(float(size))
        )
        for name, size in zip(table.numeric, width, strict=True)
    ]
    query = sql.SQL(
        "SELECT count(*) OVER () AS total, 2 AS rows, c.a, c.b FROM pg_temp.leak_candidates c"
        " JOIN {table} x ON x.ctid = c.first JOIN {table} y ON y.ctid = c.second WHERE {within}"
        ' ORDER BY c.a COLLATE "C", c.b COLLATE "C" LIMIT {most}'
    ).format(table=table.identifier, within=sql.SQL(" AND ").join(within), most=sql.Literal(MOST))
    with connection.cursor() as cursor:
        _find_candidates(cursor, len(cells))
        total, twins = _twins(connection, table, query, odds, width)
        cursor.execute("DROP TABLE pg_temp.leak_candidates")
    return _compared(table, "near_rows", NEAR, total, twins=twins, chance=table.pairs * odds.of(sample))


def _find_candidates(cursor: Cursor, cells: int) -> None:
    """Pairs of two splits with the same categories that share a cell, or would if one moved by a tolerance."""
    places = [{p: sql.Identifier(f"{p}_{n}") for p in ("cell", "low", "high", "step")} for n in range(cells)]
    steps = [sql.SQL("(VALUES (0), (1)) AS {step} (by)").format(**names) for names in places]
    conditions = [
        sql.SQL("b.{cell} = a.{low} + {step}.by AND a.{low} + {step}.by <= a.{high}").format(**names)
        for names in places
    ]
    cursor.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE leak_candidates ON COMMIT DROP AS SELECT DISTINCT b._id AS a, a._id AS b,"
            " b.place AS first, a.place AS second FROM pg_temp.leak_rows a CROSS JOIN {}"
            " JOIN pg_temp.leak_rows b ON b.kinds = a.kinds AND {}"
            " WHERE a.split > 1 AND b.split < a.split AND b.content <> a.content"
        ).format(sql.SQL(" CROSS JOIN ").join(steps), sql.SQL(" AND ").join(conditions))
    )
    cursor.execute("ANALYZE pg_temp.leak_candidates")


def _compared(table: _Table, kind: Kind, rule: str, total: int, *, twins: Twins, chance: np.ndarray) -> Compared:
    leaks, examples = twins.judged(table.dataset.leakage)
    return Compared(
        kind=kind,
        rule=rule,
        rows=table.rows,
        pairs=table.pairs,
        found=total,
        leaks=leaks,
        by_chance=float(chance.mean()),
        noticed=alone_noticed(chance, table.dataset.leakage.false_alarms),
        allowed=twins.allowed,
        examples=examples,
    )


def _twins(
    connection: Connection, table: _Table, query: sql.Composable, odds: Odds, width: np.ndarray
) -> tuple[int, Twins]:
    """How many the query finds, and those that it returns (total, rows, a, b) with what chance makes of them."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE leak_twins ON COMMIT DROP AS {}").format(query))
        sides = [
            _read(
                connection,
                table,
                sql.SQL(
                    "{} v JOIN pg_temp.leak_twins t ON t.{} = v._id WHERE v._origin = 'real'"
                    ' ORDER BY t.a COLLATE "C", t.b COLLATE "C"'
                ).format(table.identifier, sql.Identifier(side)),
            )
            for side in ("a", "b")
        ]
        cursor.execute('SELECT total, a, b FROM pg_temp.leak_twins ORDER BY a COLLATE "C", b COLLATE "C"')
        found = cursor.fetchall()
        cursor.execute("DROP TABLE pg_temp.leak_twins")
    twins, allow = Twins(), frozenset(table.dataset.leakage.allow)
    if not found:
        return 0, twins
    first, second = (_single(side.numeric) if not width.any() else side.numeric for side in sides)
    # Hashes of 64 bits may agree by chance, too.
    same = alike(first, second, width).all(axis=1) & (sides[0].categorical == sides[1].categorical).all(axis=1)
    expected = table.pairs * odds.of(Rows(first, sides[0].categorical))
    for (_, a, b), chance in zip(np.array(found, dtype=object)[same].tolist(), expected[same], strict=True):
        twins.add(a, b, chance, allow)
    return int(found[0][0]), twins


def _described(cursor: Cursor, dataset: Dataset, table: str) -> _Table:
    """What is compared. A feature declared numeric that is no number in the table, a boolean say, is text."""
    types = versions.column_types(cursor, table)
    numeric = tuple(name for name in dataset.numeric if types[name].split("(")[0] in NUMBERS)
    cursor.execute(
        sql.SQL("SELECT count(*) FROM staging.{} WHERE _origin = 'real' GROUP BY _split").format(
            sql.Identifier(table)
        )
    )
    sizes = [count for (count,) in cursor.fetchall()]
    return _Table(
        dataset=dataset,
        name=table,
        numeric=numeric,
        categorical=tuple(name for name in (*dataset.numeric, *dataset.categorical) if name not in numeric),
        rows=sum(sizes),
        pairs=pairs_across(sizes),
    )


def _hash(cursor: Cursor, table: _Table, cells: Sequence[tuple[str, float]]) -> None:
    """A narrow table of what is compared: where a row lies, its split, hashes of its features, its cells."""
    # Numbers beyond the range of a 32-bit float stay as they are.
    numbers = [
        sql.SQL("CASE WHEN abs({0}) BETWEEN 1e-37 AND 3e38 THEN {0}::float4::float8 ELSE {0}::float8 END").format(
            sql.Identifier("v", name)
        )
        for name in table.numeric
    ]
    kinds = [sql.SQL("{}::text").format(sql.Identifier("v", name)) for name in table.categorical]
    columns = [
        sql.SQL("v.ctid AS place, v._id"),
        sql.SQL("{} AS split").format(sql.SQL(SPLIT.format("v"))),
        sql.SQL("hash_record_extended(ROW({}), 0) AS content").format(sql.SQL(", ").join([*numbers, *kinds])),
        sql.SQL("hash_record_extended(ROW({}), 0) AS kinds").format(sql.SQL(", ").join(kinds or [sql.SQL("0")])),
        *(
            sql.SQL("floor(({}::float8 + {}) / {}) AS {}").format(
                sql.Identifier("v", name),
                sql.Literal(float(side * width)),
                sql.Literal(float(CELL * width)),
                sql.Identifier(f"{part}_{place}"),
            )
            for place, (name, width) in enumerate(cells)
            for part, side in (("cell", 0), ("low", -1), ("high", 1))
        ),
    ]
    cursor.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE leak_rows ON COMMIT DROP AS SELECT {} FROM {} v WHERE v._origin = 'real'"
        ).format(sql.SQL(", ").join(columns), table.identifier)
    )
    cursor.execute("ANALYZE pg_temp.leak_rows")


def _cells(odds: Odds, width: np.ndarray, table: _Table) -> list[str]:
    """The numeric columns by which near twins are sought: the fewest that leave few candidates, if any do."""
    numeric = table.numeric
    telling = [place for place in np.argsort(odds.share[: len(numeric)], kind="stable") if width[place] > 0]
    candidates, chosen = float(table.pairs), []
    for place in telling[:MOST_CELLS]:
        chosen.append(numeric[place])
        # The share is that of rows within one tolerance to either side.
        candidates *= min(1.0, CELL / 2 * float(odds.share[place]))
        if candidates <= table.rows:
            break
    return chosen if candidates <= MOST_CANDIDATES * table.rows else []


def _sampled(table: _Table) -> sql.Composable:
    return sql.SQL("{} v WHERE v._origin = 'real' ORDER BY md5(v._id), v._id COLLATE \"C\" LIMIT {}").format(
        table.identifier, sql.Literal(SAMPLE)
    )


def _read(connection: Connection, table: _Table, rows: sql.Composable) -> Rows:
    group: sql.Composable = sql.SQL("v._id")
    if table.dataset.group:
        group = sql.SQL("coalesce({}::text, v._id)").format(sql.Identifier("v", table.dataset.group))
    columns = [sql.SQL("{} AS _group").format(group)]
    columns += [
        sql.SQL("{}::float8 AS {}").format(sql.Identifier("v", n), sql.Identifier(n)) for n in table.numeric
    ]
    columns += [
        sql.SQL("{}::text AS {}").format(sql.Identifier("v", n), sql.Identifier(n)) for n in table.categorical
    ]
    types = {"_group": "string"} | dict.fromkeys(table.numeric, "double")
    types |= dict.fromkeys(table.categorical, "string")
    found = bulk.read(connection, sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), rows), types)
    return Rows(
        _matrix([found[name].to_numpy() for name in table.numeric], len(found), np.float64),
        _matrix([found[name].to_numpy() for name in table.categorical], len(found), object),
        np.array(found["_group"].to_pylist(), dtype=np.str_),
    )


def _matrix(columns: list[np.ndarray], rows: int, dtype: type) -> np.ndarray:
    return np.column_stack(columns).astype(dtype) if columns else np.empty((rows, 0), dtype=dtype)


def _single(numbers: np.ndarray) -> np.ndarray:
    """The numbers as 32-bit floats, where these can hold them."""
    size = np.abs(numbers)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return np.where((size >= 1e-37) & (size <= 3e38), numbers.astype(np.float32).astype(np.float64), numbers)


def _spread(numbers: np.ndarray) -> np.ndarray:
    """Each column's scale: half of what its middle 68 % span, one standard deviation of normal numbers."""
    spread = np.zeros(numbers.shape[1])
    for place, column in enumerate(numbers.T):
        known = column[np.isfinite(column)]
        if known.size:
            low, high = np.quantile(known, (0.1587, 0.8413))
            spread[place] = (high - low) / 2 or known.std()
    return spread
