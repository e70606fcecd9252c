"""A request to erase: what makes it one, and that it keeps to itself whom it is about."""

import pytest

from include.core.erasure import ErasureRequest, requested
from include.core.errors import FatalError

RECEIPT = "7c0ffee7" * 5
REQUEST = ErasureRequest("manual__2026-05-01", key="42", receipt=RECEIPT)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": " ", "confirmation": " "}, "key of the subject to erase is empty"),
        ({"confirmation": "43"}, "confirmation must be the subject's key"),
        ({"receipt": "short"}, "32 characters or more, this one has 5"),
        ({"receipt": RECEIPT + "\x00"}, "NUL"),
    ],
)
def test_a_request_is_typed_twice_and_has_a_receipt(changes, says):
    asked = {"key": "42", "confirmation": "42", "receipt": RECEIPT}
    assert requested("r", **asked) == ErasureRequest("r", "42", RECEIPT)
    with pytest.raises(FatalError, match=says):
        requested("r", **asked | changes)


def test_a_request_does_not_print_whom_it_is_about():
    assert repr(REQUEST) == "ErasureRequest(id='manual__2026-05-01')"
