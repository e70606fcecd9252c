"""What all declarations share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# A name becomes part of table, slot and DAG names, so it stays short, lower-case and plain.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Spec(BaseModel):
    """A frozen declaration that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
