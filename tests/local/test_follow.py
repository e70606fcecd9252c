"""What is said of a failed task, and which curations a collection's news must start."""

from include.local.follow import reason_in
from include.local.job import consumers


def test_the_last_exception_of_a_log_is_the_reason():
    log = [
        {"event": "::group::Log message source details"},
        {"event": "first", "level": "error", "error_detail": [{"exc_type": "KeyError", "exc_value": "'a'"}]},
        {
            "event": "Task failed with exception",
            "level": "error",
            "error_detail": [
                {"exc_type": "TypeError", "exc_value": "outer"},
                {"exc_type": "OSError", "exc_value": "in"},
            ],
        },
        {"event": "Process exited", "level": "info"},
    ]
    assert reason_in(log) == "OSError: in"


def test_of_a_chain_of_exceptions_it_is_the_one_that_names_the_fix():
    chain = [
        {"exc_type": "AirflowFailException", "exc_value": "The rule. Fix: this."},
        {"exc_type": "FatalError", "exc_value": "The rule. Fix: this."},
        {"exc_type": "InsufficientPrivilege", "exc_value": "must be owner"},
    ]
    log = [{"event": "Task failed with exception", "level": "error", "error_detail": chain}]
    assert reason_in(log) == "FatalError: The rule. Fix: this."


def test_without_an_exception_it_is_the_last_error_and_without_one_the_process_was_killed():
    assert reason_in([{"event": "Time-out", "level": "error"}, {"event": "bye", "level": "info"}]) == "Time-out"
    assert reason_in([{"event": "::group::Log", "level": "info"}, "a line"]).startswith(
        "its log ends without an error"
    )
    assert reason_in([]).startswith("its log ends without an error")


def test_news_of_a_source_starts_every_dataset_that_is_made_of_it():
    assert consumers()["collect_shop"] >= {"curate_payment_fraud"}
    assert consumers()["collect_shop_site"] >= {"curate_digit_photos"}
