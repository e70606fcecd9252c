"""What all declarations share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# A name becomes part of table, slot and DAG names, so it stays short, lower-case and plain; two underscores
# in a row separate it from what follows.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z](_?[a-z0-9])*$", max_length=40)]


class Spec(BaseModel):
    """A frozen declaration that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
