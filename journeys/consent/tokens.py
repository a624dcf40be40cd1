"""The signed address in every mail by which its reader says what they want."""

from dataclasses import dataclass

from django.conf import settings

from csplatform.kit.tokens import BadToken, make_token, read_token

PURPOSE = "mail.preferences"


@dataclass(frozen=True)
class Holder:
    """Who holds the link.

    Attributes:
        outbox_id: the mail that it stood in.
    """

    person_id: int
    outbox_id: int


def preferences_url(person_id: int, outbox_id: int) -> str:
    """The address of a person's preferences. It works as long as the mail exists."""
    token = make_token(PURPOSE, [person_id, outbox_id])
    return f"{settings.PUBLIC_URL.rstrip('/')}/u/{token}/"


def holder_of(token: str) -> Holder:
    """Raises BadToken."""
    match read_token(PURPOSE, token):
        case [int(person_id), int(outbox_id)]:
            return Holder(person_id, outbox_id)
    raise BadToken("not of our making")
