"""What sources declare about persons: columns that are landed as pseudonyms, and how a person is found again."""

from collections.abc import Mapping
from typing import Self

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
