"""Declarations of what is collected: a Postgres database, or a web site."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.specs.base import Name, Spec
from include.specs.personal import Personal, Subject

Share = Annotated[float, Field(ge=0, le=1)]


class PostgresSource(Personal):
    """Tables of one Postgres database, read by snapshot and then by logical replication.

    `connection` is an Airflow connection id. Tables are `name` (schema public) or `schema.name`.
    `batch_changes` bounds a batch: it ends at the first commit after so many changes. `history` says which
    versions of a row landing keeps: every one, or of each batch the last; a batch then counts rows, not changes.
    `snapshot_ranges` is in how many parts, and in as many sessions at either end, a large table is copied at once
    when the source is read for the first time. `retained_warning` is how many bytes of log the server may keep for
    us before we warn. With a `subject`, erasure requests are taken (`erase_<name>`).
    """

    kind: Literal["postgres"] = "postgres"
    name: Name
    connection: str
    tables: tuple[str, ...] = Field(min_length=1)
    batch_changes: int = Field(default=100_000, ge=1)
    history: Literal["every", "last"] = "every"
    snapshot_ranges: int = Field(default=1, ge=1, le=64)
    retained_warning: int = Field(default=4 * 1024**3, ge=1)
    schedule: str | None = None
    subject: Subject | None = None

    @model_validator(mode="after")
    def _knows_the_subject(self) -> Self:
        unknown = sorted(set(self.subject.held) - set(self.tables)) if self.subject else []
        if unknown:
            raise ValueError(f"the subject is held in tables that are not collected: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _pii_is_of_its_tables(self) -> Self:
        if unknown := sorted(self.pii.keys() - set(self.tables)):
            raise ValueError(f"pii names table {unknown[0]!r}, which is not among tables: correct the name")
        return self

    @property
    def slot(self) -> str:
        return f"sluice_{self.name}"

    @property
    def publication(self) -> str:
        return f"sluice_{self.name}"


class CrawlPolicy(Spec):
    """When a crawl that came to its end is refused all the same, because it lost something quietly.

    A table may hold `max_loss` (a share) fewer records than after the crawl before, a column be null in
    `max_loss` more of the rows; `max_rejected` of a table's records may break their model; `max_unread` of the
    pages and files may be unreadable. `min_records` and `min_coverage` are bounds that hold from the first
    crawl on, by `table` and by `table.column`.
    """

    max_loss: Share = 0.3
    max_rejected: Share = 0.3
    max_unread: Share = 0.1
    min_records: dict[str, int] = Field(default_factory=dict)
    min_coverage: dict[str, Share] = Field(default_factory=dict)


class SiteSource(Personal):
    """A web site, crawled politely by the spider of that name in `include/collect/spiders/`.

    `connection` is an Airflow HTTP connection id: its host is the site's root URL. `contact` goes into
    the User-Agent, so that the site's owner can reach you. `delay` is in seconds between two requests.

    `max_pages` counts pages and files; `max_depth` links from the root; `max_variants` addresses that differ in
    nothing but their query; `max_body` bytes, unpacked; `max_memory` bytes of the process that
    crawls, where a page may take 150 times its size. `timeout` is for one run: a crawl that needs longer goes
    on in the next one, for `resume_within` seconds from its beginning. `private` allows the site's name to lead
    to a private address; a root URL that is one needs no permission.
    """

    kind: Literal["site"] = "site"
    name: Name
    connection: str
    spider: Name
    contact: str
    delay: float = Field(default=0.25, ge=0)
    max_pages: int = Field(default=10_000, ge=1)
    max_depth: int = Field(default=100, ge=1)
    max_variants: int = Field(default=1_000, ge=1)
    max_body: int = Field(default=20_000_000, ge=1)
    max_memory: int = Field(default=2 * 1024**3, ge=256 * 1024**2)
    page_timeout: float = Field(default=30, gt=0)
    timeout: int = Field(default=1_800, ge=1)
    resume_within: int = Field(default=86_400, ge=0)
    private: bool = False
    policy: CrawlPolicy = CrawlPolicy()
    schedule: str | None = None


Source = PostgresSource | SiteSource
