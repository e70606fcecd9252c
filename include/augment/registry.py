"""What balancing methods and image recipes there are, by the key that a declaration names."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from include.core.errors import FatalError


@dataclass(frozen=True, slots=True)
class Balancer:
    """A balancing method: where it is implemented, and which features it can take.

    `interpolates`: made rows lie between two real ones, so that features must be present and
    `neighbours` rows of each smaller class must exist; otherwise real rows are copied or left out.
    `categorical`: whether it takes categorical features; None means that it needs some.
    """

    implementation: str
    interpolates: bool = True
    categorical: bool | None = False


BALANCERS: dict[str, Balancer] = {
    "smote": Balancer("include.augment.samplers:smote"),
    "smotenc": Balancer("include.augment.samplers:smotenc", categorical=None),
    "borderline_smote": Balancer("include.augment.samplers:borderline_smote"),
    "adasyn": Balancer("include.augment.samplers:adasyn"),
    "random_over": Balancer("include.augment.samplers:random_over", interpolates=False, categorical=True),
    "random_under": Balancer("include.augment.samplers:random_under", interpolates=False, categorical=True),
}

RECIPES: dict[str, str] = {
    "digits": "include.augment.recipes:digits",
}


def balancer(method: str) -> Balancer:
    """The balancing method of that key. Raises FatalError for an unknown one."""
    return BALANCERS[_known(method, BALANCERS, "balance method")]


def recipe(key: str) -> Callable[..., Any]:
    """The function that makes the transforms of an image recipe. Raises FatalError for an unknown key."""
    return resolve(RECIPES[_known(key, RECIPES, "image recipe")])


def resolve(implementation: str) -> Callable[..., Any]:
    """The function that `module:name` names; its module, which may be heavy, is imported now."""
    module, name = implementation.split(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def _known(key: str, table: dict[str, Any], what: str) -> str:
    if key not in table:
        raise FatalError(
            f"There is no {what} {key!r}.",
            fix=f"declare one of {', '.join(sorted(table))} in catalog/datasets.py, or add a line to"
            " include/augment/registry.py.",
        )
    return key
