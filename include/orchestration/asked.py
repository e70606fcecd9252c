"""What a run was asked for: the fields of its form alone, each checked; what else a trigger sends is ignored."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

from pydantic import Field, StrictBool, TypeAdapter, ValidationError

from include.core.erasure import ErasureRequest, requested
from include.core.errors import FatalError
from include.specs import Dataset, Labelling, PostgresSource, Source

AnySource = TypeVar("AnySource", bound=Source)
BATCH = TypeAdapter(Annotated[int, Field(ge=1)] | None)
VERSION = TypeAdapter(Annotated[int, Field(ge=1, strict=True)] | None)
TEXT = TypeAdapter(Annotated[str, Field(strict=True, max_length=1000)])
SNAPSHOT = TypeAdapter(StrictBool)
SEED = TypeAdapter(Annotated[int, Field(ge=0)])
SWITCH = TypeAdapter(Annotated[bool, Field(strict=True)])


def bound(source: Source) -> str:
    """The one field of a source that its form may set."""
    return "batch_changes" if isinstance(source, PostgresSource) else "max_pages"


def snapshot_as_asked(params: Mapping[str, Any]) -> bool:
    """Whether all tables of a source are to be taken anew. Raises FatalError unless it is true or false."""
    return bool(_checked(SNAPSHOT, "snapshot", params))


def source_as_asked(source: AnySource, params: Mapping[str, Any]) -> AnySource:
    """The source as declared, but for its bound. Raises FatalError for a value that the declaration refuses."""
    field = bound(source)
    try:
        found = type(source).model_validate(source.model_dump() | {field: params[field]})
    except ValidationError as error:
        raise _refusal(field, params[field], error) from error
    return cast("AnySource", found)


def loss_as_asked(params: Mapping[str, Any]) -> bool:
    """Whether a crawl is to be landed whatever it lost. Raises FatalError unless that is yes or no."""
    return bool(_checked(SWITCH, "accept_loss", params))


def dataset_as_asked(dataset: Dataset, params: Mapping[str, Any]) -> Dataset:
    """The dataset as declared, but for its seed. Raises FatalError unless that is a number from 0 on."""
    return dataset.model_copy(update={"seed": _checked(SEED, "seed", params)})


def round_as_asked(dataset: Dataset, params: Mapping[str, Any]) -> Dataset:
    """The dataset as declared, but for how many rows a round asks about. FatalError for no number."""
    if dataset.labelling is None:
        return dataset
    try:
        found = Labelling.model_validate(dataset.labelling.model_dump() | {"batch": params["batch"]})
    except ValidationError as error:
        raise _refusal("batch", params["batch"], error) from error
    return dataset.model_copy(update={"labelling": found})


def batch_as_asked(params: Mapping[str, Any]) -> int | None:
    """The batch to read the sources as of; None is the newest. Raises FatalError unless it can be one."""
    return _checked(BATCH, "as_of_batch", params)


def erasure_as_asked(id: str, params: Mapping[str, Any]) -> ErasureRequest:
    """The request of an erasure's form, under this id. Raises FatalError, which does not tell the key.

    The fields have `secret` in their names: so Airflow masks them where it logs what its API was sent.
    """
    key, confirmation, receipt = (str(params[f"secret_{field}"]) for field in ("key", "confirmation", "receipt"))
    return requested(id, key=key, confirmation=confirmation, receipt=receipt)


def move_as_asked(params: Mapping[str, Any]) -> tuple[int | None, bool, str]:
    """The version to show (None: what is shown), whether to pin it, and why. FatalError for what is none."""
    return (
        _checked(VERSION, "version", params),
        bool(_checked(SWITCH, "pin", params)),
        _checked(TEXT, "why", params),
    )


def version_as_asked(params: Mapping[str, Any]) -> int | None:
    """The version of a form; None is the one that is shown. Raises FatalError unless it can be one."""
    return _checked(VERSION, "version", params)


def tag_as_asked(params: Mapping[str, Any]) -> tuple[str, int | None, str]:
    """The tag, the version to put it on (None: take it off), and why. Raises FatalError for what is none."""
    return _checked(TEXT, "tag", params), _checked(VERSION, "version", params), _checked(TEXT, "why", params)


def dry_run_as_asked(params: Mapping[str, Any]) -> bool:
    """Whether retention only tells what it would do. Raises FatalError unless that is yes or no."""
    return bool(_checked(SWITCH, "dry_run", params))


def _checked(kind: TypeAdapter[Any], field: str, params: Mapping[str, Any]) -> Any:
    try:
        return kind.validate_python(params[field])
    except ValidationError as error:
        raise _refusal(field, params[field], error) from error


def _refusal(field: str, value: object, error: ValidationError) -> FatalError:
    return FatalError(
        f"The run was asked for {field} = {value!r}: {error.errors()[0]['msg']}.",
        fix=f"trigger it again with another {field}, or leave it out.",
    )
