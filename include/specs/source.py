"""Declarations of what is collected: a Postgres database, or a web site."""

from typing import Literal, Self

from pydantic import Field, model_validator

from include.specs.base import Name
from include.specs.personal import Personal, Subject


class PostgresSource(Personal):
    """Tables of one Postgres database, read by snapshot and then by logical replication.

    `connection` is an Airflow connection id. Tables are `name` (schema public) or `schema.name`.
    `batch_changes` bounds a batch: it ends at the first commit after so many changes. `history` says which
    versions of a row landing keeps: every one, or of each batch the last. `retained_warning` is how many bytes
    of log the server may keep for us before we warn. With a `subject`, erasure requests are taken
    (`erase_<name>`).
    """

    kind: Literal["postgres"] = "postgres"
    name: Name
    connection: str
    tables: tuple[str, ...] = Field(min_length=1)
    batch_changes: int = Field(default=100_000, ge=1)
    history: Literal["every", "last"] = "every"
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


class SiteSource(Personal):
    """A web site, crawled politely by the spider of that name in `include/collect/spiders/`.

    `connection` is an Airflow HTTP connection id: its host is the site's root URL. `contact` goes into
    the User-Agent, so that the site's owner can reach you. `delay` is in seconds between two requests.
    """

    kind: Literal["site"] = "site"
    name: Name
    connection: str
    spider: Name
    contact: str
    delay: float = Field(default=0.25, ge=0)
    max_pages: int = Field(default=10_000, ge=1)
    timeout: int = Field(default=1_800, ge=1, description="seconds one crawl may take")
    schedule: str | None = None


Source = PostgresSource | SiteSource
