"""How long a site asks to be left alone."""

from datetime import UTC, datetime

import pytest

from include.collect.spiders.backoff import seconds

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (b"0", 0), (b"120", 120), (b" 7 ", 7), (b"9" * 40, 999_999_999_999),
        (b"Sun, 01 Mar 2026 12:00:30 GMT", 30), (b"Sun, 01 Mar 2026 13:00:30 +0100", 30),
        (b"Sun, 01 Mar 2026 11:00:00 GMT", 0), (b"Sun, 01 Mar 2026 12:01:00 -0000", 60),
        (None, None), (b"", None), (b"-5", None), (b"1.5", None), (b"soon", None), (b"\xb2", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_of_seconds_or_a_date(asked, waits):
    assert seconds(asked, NOW) == waits
