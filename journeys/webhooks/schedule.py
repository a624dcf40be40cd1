"""When a webhook is tried again, and when a receiver rests. Pure."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Seconds after the first, second, ... failed attempt.
RETRIES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_ATTEMPTS = len(RETRIES) + 1
JITTER = 0.2
LONGEST_RETRY_AFTER = 86_400
REST_AFTER_FAILURES = 5
FIRST_REST_SECONDS = 60
LONGEST_REST_SECONDS = 3_600


def retry_seconds(attempt: int, retry_after: float | None = None) -> float | None:
    """Seconds until the next attempt, a little more each time by chance so that a crowd of
    messages spreads; None after the last one.

    Args:
        attempt: how many have been made.
        retry_after: what the receiver asked for; never sooner than that, within a day.
    """
    if attempt >= MAX_ATTEMPTS:
        return None
    seconds = RETRIES[max(attempt, 1) - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311
    return max(seconds, min(retry_after or 0, LONGEST_RETRY_AFTER))


def read_retry_after(value: str, now: datetime) -> float | None:
    """Seconds of a Retry-After header: a number or a date. None if it is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0)


@dataclass(frozen=True)
class Circuit:
    """How a receiver has been doing: failures and rests in a row, and the end of the present
    rest."""

    failures: int = 0
    rests: int = 0
    paused_until: datetime | None = None

    def is_resting(self, now: datetime) -> bool:
        """Whether nothing is sent there now."""
        return self.paused_until is not None and self.paused_until > now


def after_success() -> Circuit:
    """All is well."""
    return Circuit()


def after_failure(circuit: Circuit, now: datetime, retry_after: float | None = None) -> Circuit:
    """One more failure. From the fifth in a row on it rests: a minute, doubling to an hour. A
    receiver that asks for a pause gets it at once."""
    failed = replace(circuit, failures=circuit.failures + 1)
    if retry_after:
        seconds = min(retry_after, LONGEST_REST_SECONDS)
        return replace(failed, paused_until=_later(circuit.paused_until, now, seconds))
    if failed.failures < REST_AFTER_FAILURES or circuit.is_resting(now):
        return failed  # those that were under way when the rest began do not lengthen it
    seconds = min(FIRST_REST_SECONDS * 2**circuit.rests, LONGEST_REST_SECONDS)
    rests = min(circuit.rests + 1, 20)
    return replace(failed, rests=rests, paused_until=_later(circuit.paused_until, now, seconds))


def _later(until: datetime | None, now: datetime, seconds: float) -> datetime:
    end = now + timedelta(seconds=seconds)
    return max(until, end) if until else end
