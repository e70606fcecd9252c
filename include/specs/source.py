"""Declarations of what is collected: a Postgres database, or a web site."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from include.core.pseudonyms import CanonicalForm
from include.specs.base import Name, Spec


class Pii(Spec):
    """A personal column that is landed as pseudonyms of its values.

    Two values have the same pseudonym if their `canonical` forms are equal: `exact` is the text that Postgres
    prints, composed (NFC); `casefold` disregards upper and lower case as well.
    """

    column: str = Field(min_length=1)
    canonical: CanonicalForm = "exact"


class Personal(Spec):
    """What both kinds of source declare about persons.

    `pii` names the personal columns of a table, by name or as Pii. `key_domain` names the key of their
    pseudonyms: sources that share it can be joined on them, others cannot.
    """

    pii: Mapping[str, tuple[str | Pii, ...]] = {}
    key_domain: Name | None = None

    @model_validator(mode="after")
    def _pii_is_whole(self) -> Self:
        for table, columns in self.pii.items():
            if len(self.pii_of(table)) < max(len(columns), 1):
                raise ValueError(f"pii of table {table!r} names no column, or one twice: name each column once")
        if bool(self.pii) != bool(self.key_domain):
            raise ValueError("pii and key_domain belong together: state both, or neither")
        return self

    def pii_of(self, table: str) -> dict[str, CanonicalForm]:
        """The canonical form of each personal column of the table."""
        declared = [Pii(column=c) if isinstance(c, str) else c for c in self.pii.get(table, ())]
        return {pii.column: pii.canonical for pii in declared}

    @property
    def key_connection(self) -> str | None:
        """The Airflow connection that holds the key of the source's key domain."""
        return f"sluice_key_{self.key_domain}" if self.key_domain else None


class PostgresSource(Personal):
    """Tables of one Postgres database, read by snapshot and then by logical replication.

    `connection` is an Airflow connection id. Tables are `name` (schema public) or `schema.name`.
    `batch_changes` bounds a batch: it ends at the first commit after so many changes. `history` says which
    versions of a row landing keeps: every one, or of each batch the last. `retained_warning` is
    how many bytes of log the server may keep for us before we warn.
    """

    kind: Literal["postgres"] = "postgres"
    name: Name
    connection: str
    tables: tuple[str, ...] = Field(min_length=1)
    batch_changes: int = Field(default=100_000, ge=1)
    history: Literal["every", "last"] = "every"
    retained_warning: int = Field(default=4 * 1024**3, ge=1)
    schedule: str | None = None

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
