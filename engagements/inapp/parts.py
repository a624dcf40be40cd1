"""What became of the invitations that a company's step sent to its people (PRG-12)."""

from collections.abc import Sequence

from engagements.inapp.models import Invitation
from journeys.models import Part
from journeys.snapshot.parts import Became

TONES = {"completed": "good", "viewed": "info", "failed": "error", "withdrawn": "warn"}


def invitations_became(parts: Sequence[Part]) -> dict[int, Became]:
    """The state of each invitation."""
    invitations = Invitation.objects.in_bulk([part.ref for part in parts if part.ref])
    found = {}
    for part in parts:
        row = invitations.get(part.ref or 0)
        if row is not None:
            at = row.completed_at or row.dismissed_at or row.viewed_at or row.closed_at
            words = row.get_state_display() + (f": {row.reason}" if row.reason else "")
            found[part.pk] = Became(words, TONES.get(row.state, ""), at)
    return found
