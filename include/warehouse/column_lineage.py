"""From which columns of which tables a query's columns come, as Postgres itself understands the query.

The query becomes a view for a moment, whose tree names every column by table and number: `*`, USING, common table
expressions, set operations and subqueries are resolved there by the rules that also run the query.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.warehouse.query_tree import Node, name_of, parse

# How a column came to be from another, weakest first. The first two only had a say in it: in which rows a value
# was looked for, or which an aggregate or a window took in.
KINDS = ("filter", "window", "identity", "transformation", "aggregation")
INDIRECT = KINDS[:2]


class Origin(NamedTuple):
    """A column of a table, both by Postgres' own numbers."""

    table: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A column that another came from: `by` is one of KINDS."""

    table: str
    column: str
    by: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """The sources of each column, and of the choice of rows (joins and conditions)."""

    columns: dict[str, tuple[Source, ...]]
    rows: tuple[Source, ...]


Origins = dict[Origin, str]


def lineage(cursor: Cursor, query: sql.Composable) -> Lineage:
    """The lineage of a SELECT. The caller's transaction is left as it was, with nothing made."""
    view = sql.Identifier("staging", f"lineage__{cursor.connection.info.backend_pid}")
    cursor.execute("SAVEPOINT sluice_lineage")
    try:
        cursor.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, query))
        cursor.execute(
            "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = %s::regclass",
            (view.as_string(cursor),),
        )
        (tree,) = cursor.fetchone() or ("",)
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT sluice_lineage")
    (root,) = parse(tree)
    scope = Scope(root)
    columns, rows = scope.columns(), scope.conditions()
    names = _names(cursor, {origin for _, found in columns for origin in found} | set(rows))
    return Lineage({name: tuple(_sources(found, names)) for name, found in columns}, tuple(_sources(rows, names)))


def _names(cursor: Cursor, origins: Iterable[Origin]) -> dict[Origin, tuple[str, str]]:
    cursor.execute(
        "SELECT attrelid::bigint, attnum, format('%%s.%%s', nspname, relname), attname FROM pg_attribute"
        " JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE attrelid = ANY (%s::bigint[]::oid[])",
        (sorted({origin.table for origin in origins}),),
    )
    return {Origin(table, number): (name, column) for table, number, name, column in cursor.fetchall()}


def _sources(origins: Origins, names: dict[Origin, tuple[str, str]]) -> Iterator[Source]:
    yield from sorted(Source(*names[origin], by) for origin, by in origins.items() if origin in names)


def _merged(*several: Origins) -> Origins:
    """All origins, each by the strongest way."""
    found: Origins = {}
    for origins in several:
        for origin, by in origins.items():
            found[origin] = max(found.get(origin, KINDS[0]), by, key=KINDS.index)
    return found


def _under(by: str, origins: Origins) -> Origins:
    """The origins of an expression that uses a column of these origins in this way."""
    if by in INDIRECT:
        return dict.fromkeys(origins, by)
    return {o: k if k in INDIRECT else max(k, by, key=KINDS.index) for o, k in origins.items()}


@dataclass(eq=False)
class Scope:
    """A query and the one around it, in which names that it does not know are looked up."""

    query: Node
    outer: "Scope | None" = None
    # What is known of queries already, by the query: one that reads itself knows nothing of itself yet.
    known_columns: dict[int, list[Origins]] = field(default_factory=dict)
    known_conditions: dict[int, Origins] = field(default_factory=dict)

    def columns(self) -> list[tuple[str, Origins]]:
        """Each column's name and origins."""
        targets = [t for t in self.query.children("targetList") if t.fields["resjunk"] == "false"]
        names = [name_of(target.fields["resname"]) or "?" for target in targets]
        if branches := self.query.fields.get("setOperations"):
            parts = [self._entry(index) for index in _leaves(branches)]
            found = [_merged(*(self._of_entry(part, n) for part in parts)) for n in range(1, len(names) + 1)]
        else:
            found = [self.of(target.fields["expr"]) for target in targets]
        return list(zip(names, found, strict=True))

    def conditions(self) -> Origins:
        """What decides which rows there are: joins and conditions, here and in the queries read from."""
        key = id(self.query)
        if key not in self.known_conditions:
            self.known_conditions[key] = {}
            own = [self.query.fields.get("jointree"), self.query.fields.get("havingQual")]
            scopes = filter(None, map(self._inner, self.query.children("rtable")))
            inner = [scope.conditions() for scope in scopes]
            self.known_conditions[key] = _under("filter", _merged(self.of(own), *inner))
        return self.known_conditions[key]

    def of(self, value: Any) -> Origins:
        """The origins of an expression, or of a list of them."""
        if isinstance(value, list):
            return _merged(*map(self.of, value))
        if not isinstance(value, Node):
            return {}
        special = {
            "VAR": self._var,
            "SUBLINK": self._sublink,
            "AGGREF": self._aggregate,
            "WINDOWFUNC": self._window,
        }
        if value.kind in special:
            return special[value.kind](value)
        inner = self.of(list(value.fields.values()))
        # A change of type that changes no byte, such as varchar to text, and what merely holds an expression.
        return inner if value.kind in {"RELABELTYPE", "TARGETENTRY"} else _under("transformation", inner)

    def _var(self, var: Node) -> Origins:
        scope = self._up(var.number("varlevelsup"))
        return scope._of_entry(scope._entry(var.number("varno")), var.number("varattno"))

    def _of_entry(self, entry: Node, number: int) -> Origins:
        """The origins of a column of what a query reads from, by the kind of that (RTEKind of parsenodes.h)."""
        kind = entry.number("rtekind")
        if kind == 0:
            return {Origin(entry.number("relid"), number): "identity"}
        if kind in {1, 6}:
            return self._of_query(entry, number)
        if kind == 5:
            return _merged(*(self.of(row[number - 1]) for row in entry.children("values_lists")))
        for aliases in ("joinaliasvars", "groupexprs"):
            if aliases in entry.fields:
                return self.of(entry.children(aliases)[number - 1]) if number else {}
        return _under("transformation", self.of([entry.fields.get("functions"), entry.fields.get("tablefunc")]))

    def _of_query(self, entry: Node, number: int) -> Origins:
        scope = self._inner(entry)
        if scope is None:
            return {}
        key = id(scope.query)
        if key not in self.known_columns:
            self.known_columns[key] = []
            self.known_columns[key] = [origins for _, origins in scope.columns()]
        columns = self.known_columns[key]
        return _merged(*columns[number - 1 : number] if number else columns)

    def _sublink(self, link: Node) -> Origins:
        """A subquery among the expressions: what it selects, and by which conditions; EXISTS selects nothing."""
        inner = self._of(link.fields["subselect"], self)
        exists = link.number("subLinkType") == 0
        selected = [] if exists else [origins for _, origins in inner.columns()]
        tested = self.of(link.fields["testexpr"])
        return _merged(*(_under("transformation", o) for o in (*selected, tested)), inner.conditions())

    def _aggregate(self, call: Node) -> Origins:
        arguments = self.of([call.fields["args"], call.fields["aggdirectargs"]])
        return _merged(_under("aggregation", arguments), _under("filter", self.of(call.fields["aggfilter"])))

    def _window(self, call: Node) -> Origins:
        by = "aggregation" if call.fields["winagg"] == "true" else "transformation"
        window = self.query.children("windowClause")[call.number("winref") - 1]
        named = {t.fields["ressortgroupref"]: t.fields["expr"] for t in self.query.children("targetList")}
        sorted_by = [
            named[clause.fields["tleSortGroupRef"]]
            for part in ("partitionClause", "orderClause")
            for clause in window.children(part)
        ]
        return _merged(
            _under(by, self.of(call.fields["args"])),
            _under("filter", self.of(call.fields["aggfilter"])),
            _under("window", self.of(sorted_by)),
        )

    def _inner(self, entry: Node) -> "Scope | None":
        """The scope of a subquery that is read from, or of a common table expression."""
        if entry.number("rtekind") == 1:
            return self._of(entry.fields["subquery"], self)
        if entry.number("rtekind") != 6:
            return None
        scope = self._up(entry.number("ctelevelsup"))
        for named in scope.query.children("cteList"):
            if named.fields["ctename"] == entry.fields["ctename"]:
                return self._of(named.fields["ctequery"], scope)
        return None

    def _of(self, query: Node, outer: "Scope") -> "Scope":
        return Scope(query, outer, self.known_columns, self.known_conditions)

    def _entry(self, number: int) -> Node:
        entry: Node = self.query.children("rtable")[number - 1]
        return entry

    def _up(self, levels: int) -> "Scope":
        scope = self
        for _ in range(levels):
            if scope.outer is not None:
                scope = scope.outer
        return scope


def _leaves(operation: Node) -> Iterator[int]:
    """The queries that a set operation puts together, by their places in its list."""
    if operation.kind == "RANGETBLREF":
        yield operation.number("rtindex")
    else:
        yield from _leaves(operation.fields["larg"])
        yield from _leaves(operation.fields["rarg"])
