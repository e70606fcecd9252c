"""Tags: names that people give to versions, and that keep them from being dropped by retention."""

from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that is on a version, and who put it there, when and why."""

    dataset: str
    version: int
    name: str
    who: str
    why: str
    at: datetime


def tag(
    connection: Connection, dataset: str, version: int, name: str, *, who: str, why: str, at: datetime
) -> None:
    """Put the tag on the version, in the caller's transaction; nothing happens if it is there.

    Raises FatalError for a version that is not there, a tag that is on another version, and one that is no name.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sluice.tag(%s, %s, %s, %s, %s, %s)", (dataset, version, name, who, why, at))
    except psycopg2.errors.UniqueViolation as error:
        raise FatalError(
            f"{error.diag.message_primary}", fix="take it off there first, or use another."
        ) from error
    except psycopg2.errors.InvalidParameterValue as error:
        raise FatalError(f"{error.diag.message_primary}", fix="pick one of sluice.versions.") from error
    except psycopg2.errors.CheckViolation as error:
        raise FatalError(
            f"{name!r} is no tag.", fix="use 1 to 40 of a-z, 0-9, dot, hyphen and underscore, such as paper-2026."
        ) from error


def untag(connection: Connection, dataset: str, name: str, *, who: str, why: str, at: datetime) -> None:
    """Take the tag off, in the caller's transaction. Raises FatalError if no version has it."""
    tagged(connection, dataset, name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sluice.untag(%s, %s, %s, %s, %s)", (dataset, name, who, why, at))


def tagged(connection: Connection, dataset: str, name: str) -> int:
    """The version that the tag is on. Raises FatalError if there is none."""
    known = {tag: version for version, found in tags(connection, dataset).items() for tag in found}
    if name not in known:
        raise FatalError(
            f"No version of {dataset} has the tag {name!r}; there are {', '.join(sorted(known)) or 'none'}.",
            fix="name one of these.",
        )
    return known[name]


def tags(connection: Connection, dataset: str) -> dict[int, list[str]]:
    """The tags of each version that has some."""
    found: dict[int, list[str]] = {}
    for one in current_tags(connection, dataset):
        found.setdefault(one.version, []).append(one.name)
    return found


def current_tags(connection: Connection, dataset: str | None = None) -> list[Tag]:
    """The tags that are on versions now, of all datasets or of one, by dataset, version and name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT dataset, version, tag, who, why, at FROM sluice.current_tags"
            " WHERE %(dataset)s::text IS NULL OR dataset = %(dataset)s ORDER BY dataset, version, tag",
            {"dataset": dataset},
        )
        return [Tag(*row) for row in cursor.fetchall()]
