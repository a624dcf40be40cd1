"""Retries and rests, as pure functions (REL-02)."""

from datetime import UTC, datetime, timedelta

import pytest

from journeys.webhooks import schedule, signing
from journeys.webhooks.schedule import Circuit, after_failure, read_retry_after, retry_seconds

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_retries_grow_and_end():
    """5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, a little later by chance."""
    for attempt, seconds in enumerate(schedule.RETRIES, 1):
        found = {retry_seconds(attempt) for _ in range(20)}
        assert all(seconds <= value <= seconds * 1.2 for value in found)
        assert len(found) > 1
    assert retry_seconds(10) is None
    assert retry_seconds(10, 60) is None


def test_a_receiver_may_ask_for_more_time_but_not_for_ever():
    assert retry_seconds(1, 600) == 600
    assert retry_seconds(1, 10**9) == 86_400
    assert retry_seconds(9, 1) >= 86_400


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120), (" 0 ", 0), ("Fri, 01 May 2026 12:02:00 GMT", 120),
        ("Fri, 01 May 2026 11:00:00 GMT", 0), ("soon", None), ("-5", None), ("", None),
        ("²", None), ("9" * 400, 999_999_999_999), ("Fri, 99 May 2026 12:02:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(value, seconds):
    assert read_retry_after(value, NOON) == seconds


def test_five_failures_in_a_row_are_a_rest_that_doubles_up_to_an_hour():
    circuit = Circuit()
    for _ in range(4):
        circuit = after_failure(circuit, NOON)
    assert circuit.paused_until is None
    lengths, moment = [], NOON
    for _ in range(9):
        circuit = after_failure(circuit, moment)
        lengths.append((circuit.paused_until - moment).total_seconds())
        moment = circuit.paused_until
    assert lengths == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_requests_that_were_under_way_do_not_lengthen_the_rest():
    circuit = Circuit(failures=4)
    for _ in range(8):
        circuit = after_failure(circuit, NOON)
    assert (circuit.failures, circuit.rests) == (12, 1)
    assert circuit.paused_until == NOON + timedelta(seconds=60)


def test_a_receiver_that_asks_for_a_pause_rests_at_once():
    assert after_failure(Circuit(), NOON, 30).paused_until == NOON + timedelta(seconds=30)
    assert after_failure(Circuit(), NOON, 10**6).paused_until == NOON + timedelta(hours=1)


def test_the_signature_of_the_specification():
    """The example of the Standard Webhooks libraries."""
    found = signing.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330, b'{"test": 2432232314}',
    )  # fmt: skip
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "bad", ["", "abc", "whsec_", "whsec_!!", "whsec_YWJj", "WHSEC_" + "A" * 40]
)
def test_what_is_no_secret(bad):
    with pytest.raises(ValueError, match="secret"):
        signing.secret_bytes(bad)
