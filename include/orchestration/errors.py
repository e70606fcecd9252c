"""The one place where Sluice's errors become Airflow's."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from include.core.errors import FatalError, RetriableError

P = ParamSpec("P")
R = TypeVar("R")


def told_to_airflow(function: Callable[P, R]) -> Callable[P, R]:
    """FatalError (and so GateRejected) fails the task for good, RetriableError lets Airflow try again."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except FatalError as error:
            raise AirflowFailException(str(error)) from error
        except RetriableError as error:
            raise AirflowException(str(error)) from error

    return wrapper
