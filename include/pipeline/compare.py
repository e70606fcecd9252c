"""Compare two versions of a dataset: rows, columns, suites, SQL, and what their manifests say."""

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.publish.compare import Fact, Rules, facts, lines, rules
from include.warehouse import versions
from include.warehouse.diff import Diff, Side, diff
from include.warehouse.texts import kept


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs from `before` to `after`; `suites` by stage, `sql` as a unified diff.

    A suite or SQL whose text was not kept is told by its hash in `facts` alone.
    """

    before: versions.Version
    after: versions.Version
    diff: Diff
    facts: tuple[Fact, ...]
    suites: dict[str, Rules]
    sql: tuple[str, ...]


def compare(connection: Connection, dataset: str, before: int, after: int, *, sample: int = 20) -> Comparison:
    """Compare two versions in the caller's transaction.

    Raises FatalError for a version that is not there, or whose rows are gone.
    """
    known = {found.version: found for found in versions.list_versions(connection, dataset)}
    old, new = (_there(known, dataset, number) for number in (before, after))
    texts = {
        name: tuple(kept(connection, str(digest)) for digest in _hashes(name, old, new))
        for name in ("sql", "gate", "audit")
    }
    return Comparison(
        before=old,
        after=new,
        diff=diff(connection, _side(old), _side(new), sample=sample),
        facts=tuple(facts(old.manifest, new.manifest)),
        suites={
            stage: rules(*pair)  # type: ignore[arg-type]
            for stage in ("gate", "audit")
            if None not in (pair := texts[stage]) and pair[0] != pair[1]
        },
        sql=lines(*texts["sql"]) if None not in texts["sql"] else (),  # type: ignore[arg-type]
    )


def _there(known: dict[int, versions.Version], dataset: str, number: int) -> versions.Version:
    found = known.get(number)
    if found is None or found.retired_at is not None:
        there = ", ".join(str(n) for n, version in known.items() if version.retired_at is None) or "none"
        state = "is retired, and its rows are gone" if found else "does not exist"
        raise FatalError(f"{dataset}_v{number} {state}; there is {there}.", fix="name two of these.")
    return found


def _hashes(name: str, *pair: versions.Version) -> list[str]:
    if name == "sql":
        return [str(version.manifest.get("sql_hash")) for version in pair]
    return [str(version.manifest.get(name, {}).get("suite_hash")) for version in pair]


def _side(version: versions.Version) -> Side:
    return Side("datasets", version.table, version.manifest.get("declaration", {}).get("label"))
