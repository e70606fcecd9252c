"""What Airflow does about an error is decided by its class, and what people read is its message."""

import pytest

from include.core.errors import FatalError, GateRejected, RetriableError


def raised_for(error):
    from airflow.sdk.exceptions import AirflowException

    from include.orchestration.errors import told_to_airflow

    @told_to_airflow
    def fails():
        raise error

    with pytest.raises(AirflowException) as caught:
        fails()
    return caught.value


@pytest.mark.parametrize("kind", [FatalError, GateRejected])
def test_what_another_try_cannot_mend_is_not_tried_again(kind):
    from airflow.sdk.exceptions import AirflowFailException

    error = kind("The rule is 1, the value was 2.", fix="make it 1.")
    told = raised_for(error)
    assert type(told) is AirflowFailException
    assert str(told) == "The rule is 1, the value was 2. Fix: make it 1."
    assert told.__cause__ is error


def test_what_another_try_may_mend_is_left_to_airflow_s_retries():
    from airflow.sdk.exceptions import AirflowException

    error = RetriableError("The server is away.", fix="wait.")
    told = raised_for(error)
    assert type(told) is AirflowException
    assert str(told) == "The server is away. Fix: wait."
    assert told.__cause__ is error


def test_any_other_error_and_a_result_pass_as_they_are():
    from include.orchestration.errors import told_to_airflow

    with pytest.raises(ZeroDivisionError):
        told_to_airflow(lambda: 1 // 0)()
    assert told_to_airflow(divmod)(7, 2) == (3, 1)
