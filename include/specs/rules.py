"""How a dataset declares labeling functions: rules that vote for a class, or abstain."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from include.specs.base import Name, Spec

Text = Annotated[str, StringConstraints(min_length=1)]


class Keyword(Spec):
    """Votes `label` where the text in `column` has one of `words`, as a whole word unless `inside`."""

    kind: Literal["keyword"] = "keyword"
    name: Name
    label: str
    column: str
    words: tuple[Text, ...] = Field(min_length=1)
    inside: bool = False
    ignore_case: bool = True


class Regex(Spec):
    """Votes `label` where `pattern` is found in the text in `column`.

    The pattern is RE2's (https://github.com/google/re2/wiki/Syntax): no look-around and no back-references, and
    in return its time is linear in the text.
    """

    kind: Literal["regex"] = "regex"
    name: Name
    label: str
    column: str
    pattern: Text
    ignore_case: bool = False


class Sql(Spec):
    """Votes `label` where Postgres finds the condition `where` true; false and NULL abstain."""

    kind: Literal["sql"] = "sql"
    name: Name
    label: str
    where: Text


class Coded(Spec):
    """A labeling function in Python, `module:name`: a decorated one, a `Model`, or one written for Snorkel."""

    kind: Literal["coded"] = "coded"
    implementation: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]


Rule = Annotated[Keyword | Regex | Sql | Coded, Field(discriminator="kind")]
