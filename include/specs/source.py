"""Declarations of what is collected: a Postgres database, or a web site."""

from typing import Literal

from pydantic import Field

from include.specs.base import Name, Spec


class PostgresSource(Spec):
    """Tables of one Postgres database, read by snapshot and then by logical replication.

    `connection` is an Airflow connection id. Tables are `name` (schema public) or `schema.name`.
    `batch_changes` bounds a batch: it ends at the first commit after so many changes. `history` says which
    versions of a row landing keeps: every one, or of each batch the last.
    """

    kind: Literal["postgres"] = "postgres"
    name: Name
    connection: str
    tables: tuple[str, ...] = Field(min_length=1)
    batch_changes: int = Field(default=100_000, ge=1)
    history: Literal["every", "last"] = "every"
    schedule: str | None = None

    @property
    def slot(self) -> str:
        return f"sluice_{self.name}"

    @property
    def publication(self) -> str:
        return f"sluice_{self.name}"


class SiteSource(Spec):
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
