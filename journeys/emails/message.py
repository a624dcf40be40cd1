"""A message in the sender's hand: an outbox row as plain values."""

from dataclasses import dataclass
from typing import Any

from journeys.emails.context import Recipient


@dataclass(frozen=True)
class Message:
    """One claimed outbox row.

    payload: {"template": id}, with "as_csm" in the name of the CSM. A mail to one of ours or to a
    fixed address has {"to": address}, and {"as_person": id} whose values its tokens take; it may
    bring its own {"content": ...}: test mails of unsaved work, notices to staff. The sender adds
    what it filled in.
    """

    id: int
    participant_id: int
    program_id: int | None
    step_key: str
    person_id: int | None
    company_id: int | None
    attempts: int
    payload: dict[str, Any]

    @property
    def is_test(self) -> bool:
        """A mail to no customer's person (staff, a fixed address): not counted or tracked, no
        consent needed."""
        return "to" in self.payload

    @property
    def recipient(self) -> Recipient:
        """Whose values its tokens take."""
        about = self.payload.get("as_person") if self.is_test else self.person_id
        return Recipient(about, self.company_id, self.participant_id, self.program_id)
