"""A webhook in the sender's hand."""

from dataclasses import dataclass
from datetime import datetime

from journeys.emails.message import Message

CHANNEL = "webhook"
TEST_TYPE = "webhook.test"


@dataclass(frozen=True)
class Call(Message):
    """One claimed outbox row of the channel.

    payload: {"endpoint": id, "type": event type, "fields": [{"name", "value"}, ...]} as the step
    wrote it, {"test": true} for a try by hand; the sender adds "body" (what is sent, each time the
    same) and "answer" (what came back last).
    """

    step_id: int | None
    created_at: datetime

    @property
    def is_test(self) -> bool:
        """Sent by hand from the endpoint's page: about nobody, counted nowhere."""
        return bool(self.payload.get("test"))

    @property
    def endpoint_id(self) -> int:
        """Where it goes."""
        return int(self.payload.get("endpoint") or 0)

    @property
    def key(self) -> str:
        """The webhook-id: the same at each attempt, so that receivers know a repetition."""
        return f"msg_{self.id}"
