"""One attempt: the request, and what its end means. No database, so it runs in any thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from csplatform.kit import http
from csplatform.kit.clock import now
from journeys.webhooks.schedule import read_retry_after
from journeys.webhooks.signing import signed_headers

KEPT_CHARACTERS = 500
MAX_ANSWER_BYTES = 10_000
SLOW_DOWN = (429, 503)


@dataclass(frozen=True)
class Attempt:
    """Everything that a thread needs to send.

    Attributes:
        secrets: those in force, the newest first.
    """

    key: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Attributes:
        status: 0 when there was no answer; then `error` says why.
        text: the beginning of what came back.
        retry_after: seconds that the receiver asked for.
        timed_out: nothing came within the attempt's time.
    """

    status: int = 0
    text: str = ""
    error: str = ""
    retry_after: float | None = None
    timed_out: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300

    @property
    def words(self) -> str:
        """Why it was not taken."""
        return self.error or f"The receiver answered {self.status}."


def deliver(attempt: Attempt) -> Ended:
    """Send it once. Never raises for what the other side does."""
    moment = now()
    signed = signed_headers(attempt.secrets, attempt.key, int(moment.timestamp()), attempt.body)
    headers = {**attempt.headers, "content-type": "application/json", **signed}
    try:
        answer = http.send(
            "POST", attempt.url, headers=headers, content=attempt.body,
            deadline_seconds=attempt.seconds, max_bytes=MAX_ANSWER_BYTES, cut=True,
        )  # fmt: skip
    except http.OutboundError as error:
        return Ended(error=str(error), timed_out=isinstance(error, http.TimedOut))
    asked = answer.headers.get("retry-after", "") if answer.status in SLOW_DOWN else ""
    return Ended(
        status=answer.status,
        text=answer.text[:KEPT_CHARACTERS],
        retry_after=read_retry_after(asked, moment) if asked else None,
    )
