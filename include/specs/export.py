"""Declarations of how a dataset's versions leave the warehouse as files."""

from typing import Literal, Self

from pydantic import model_validator

from include.specs.base import Spec

Format = Literal["parquet", "croissant", "card"]


class Export(Spec):
    """What is written of each version, and what is said of it there.

    `croissant` and `card` describe the Parquet files, so they need them. `licence` is an identifier of SPDX
    (such as CC-BY-4.0) or an address; `citation` is BibTeX, `url` the dataset's page. An image column becomes
    the images themselves (`embed`: the files stand alone) or keeps paths below the object storage (`reference`).
    Decimals of Postgres (`numeric`) are kept to the last digit (`exact`), or become what most learners take
    (`float`: the nearest double).
    """

    formats: tuple[Format, ...] = ("parquet", "croissant", "card")
    description: str = ""
    licence: str | None = None
    citation: str | None = None
    creators: tuple[str, ...] = ()
    url: str | None = None
    images: Literal["embed", "reference"] = "embed"
    decimals: Literal["exact", "float"] = "exact"

    @model_validator(mode="after")
    def _describes_what_is_there(self) -> Self:
        if "parquet" not in self.formats:
            raise ValueError("formats must name parquet: the others describe its files")
        return self
