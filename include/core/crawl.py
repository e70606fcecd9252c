"""What a crawl is made of: links, and visits to them with everything that was found there."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

# What became of a visit. `same`: not modified since the crawl before (304). `moved`: redirected to another page
# of the site. `gone`: no longer there (404, 410, or redirected off the site). `unread`: nobody can tell.
# The reason of a page on which the spider's process dies whenever it reads it.
KILLED = "spider: killed"
Outcome = Literal["read", "same", "moved", "gone", "unread"]


@dataclass(frozen=True, slots=True)
class Link:
    """An address of the site: a page, or a file that the spider's method `use` reads with `arguments`.

    `depth` counts the links from the site's root, `hops` the redirects in a row.
    """

    path: str
    use: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    depth: int = 0
    hops: int = 0

    @property
    def visit(self) -> str:
        """What tells it apart: the same file shown with another label is another visit."""
        if self.use is None:
            return self.path
        what = json.dumps([self.path, self.use, self.arguments], sort_keys=True)
        return f"{self.path} {hashlib.sha256(what.encode()).hexdigest()[:16]}"

    def pack(self) -> Any:
        """As JSON, without depth and hops, which are those of the page that holds the link."""
        return self.path if self.use is None else [self.path, self.use, self.arguments]

    @classmethod
    def unpack(cls, packed: Any, *, depth: int, hops: int) -> "Link":
        if isinstance(packed, str):
            return cls(packed, depth=depth, hops=hops)
        path, use, arguments = packed
        return cls(path, use, arguments, depth, hops)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A visit as a child process needs it: what was linked there, and how to ask whether it changed.

    Without `etag` and `last_modified` it is read anew.
    """

    visit: str
    outcome: Outcome
    depth: int
    links: tuple[Any, ...]
    etag: str | None = None
    last_modified: str | None = None

    def without_validators(self) -> "Remembered":
        return replace(self, etag=None, last_modified=None)

    def following(self) -> list[Link]:
        moved = self.outcome == "moved"
        depth, hops = self.depth + (not moved), int(moved)
        return [Link.unpack(packed, depth=depth, hops=hops) for packed in self.links]


@dataclass(frozen=True, slots=True)
class Visit:
    """A link that was visited. `rows` are (table, key, values as text), `rejected` (table, key, content, reasons).

    `pictures` are paths below the job's folder, to be stored before the visit is kept; `reason` says why a page
    is gone or unread.
    """

    visit: str
    path: str
    outcome: Outcome
    depth: int
    links: tuple[Any, ...] = ()
    etag: str | None = None
    last_modified: str | None = None
    rows: tuple[tuple[str, str, list[str | None]], ...] = ()
    rejected: tuple[tuple[str, str | None, dict[str, Any], list[str]], ...] = ()
    pictures: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A table of a spider: its columns with their Postgres types, and the one that is its key."""

    name: str
    key: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a finished crawl amounts to, for comparison with the next.

    `visits` counts pages and files, `unread` those that could not be read, by reason. By table, `rows` counts the
    records, `read` those of them that were read this time, `rejected` those that broke their model; `filled` the
    values among the read that are not null, by table and column.
    """

    visits: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    filled: dict[str, dict[str, int]] = field(default_factory=dict)
