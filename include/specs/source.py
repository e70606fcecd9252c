"""Declarations of what is collected: a Postgres database, or a web site."""

from typing import Literal, Self

from pydantic import Field, model_validator

from include.specs.base import Name, Spec


class Via(Spec):
    """A reference of one hop: `column` names the row of `table` whose own `key` it holds."""

    column: str
    table: str
    key: str


class Subject(Spec):
    """Whom an erasure request is about: the rows of `table`, and every table that holds something of them.

    `held` names in each of these tables the column with the subject's key, or the way to it by one reference.
    """

    table: str
    held: dict[str, str | Via]

    @model_validator(mode="after")
    def _is_held(self) -> Self:
        if not isinstance(self.held.get(self.table), str):
            raise ValueError(f"held must name the column of {self.table!r} that is the subject's key")
        for name, via in self.held.items():
            if isinstance(via, Via) and not isinstance(self.held.get(via.table), str):
                raise ValueError(
                    f"{name!r} leads to the subject via {via.table!r}, for which held names no column:"
                    " one reference is followed, and no more"
                )
        return self


class PostgresSource(Spec):
    """Tables of one Postgres database, read by snapshot and then by logical replication.

    `connection` is an Airflow connection id. Tables are `name` (schema public) or `schema.name`.
    `batch_changes` bounds a batch: it ends at the first commit after so many changes. `retained_warning` is
    how many bytes of log the server may keep for us before we warn. With a `subject`, erasure requests are
    taken (`erase_<name>`).
    """

    kind: Literal["postgres"] = "postgres"
    name: Name
    connection: str
    tables: tuple[str, ...] = Field(min_length=1)
    batch_changes: int = Field(default=100_000, ge=1)
    retained_warning: int = Field(default=4 * 1024**3, ge=1)
    schedule: str | None = None
    subject: Subject | None = None

    @model_validator(mode="after")
    def _knows_the_subject(self) -> Self:
        unknown = sorted(set(self.subject.held) - set(self.tables)) if self.subject else []
        if unknown:
            raise ValueError(f"the subject is held in tables that are not collected: {', '.join(unknown)}")
        return self

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
