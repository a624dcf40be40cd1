"""A message as it went out, for the desk: from the revision and the values kept with it."""

from dataclasses import dataclass

from csplatform.kit.errors import DomainError
from csplatform.kit.merge_tags import Values
from journeys.emails.context import Recipient, load_values
from journeys.emails.render import PlainLinks, RenderedMail, compile_content, content_of, render
from journeys.models import EmailTemplate, EmailTemplateRevision, Outbox
from journeys.models.outbox import OutboxState


@dataclass(frozen=True)
class Shown:
    """What the desk shows of a message.

    Attributes:
        mail: None when it cannot be made.
        note: says what is shown, or why nothing is.
    """

    mail: RenderedMail | None
    note: str


def shown_message(message: Outbox) -> Shown:
    """The mail as it left; as it would leave now if it has not."""
    kept = message.payload.get("values")
    content = message.payload.get("content") or _kept_content(message.payload.get("revision"))
    try:
        if content is not None and kept is not None:
            mail = render(compile_content(content), Values(kept), PlainLinks())
            return Shown(mail, "As it was handed over. Links are shown without tracking.")
        template = EmailTemplate.objects.filter(pk=message.payload.get("template")).first()
        if content is None and template is None:
            return Shown(None, "The mail template was deleted before this message was made.")
        content = content or content_of(template)  # type: ignore[arg-type]
        about = message.payload.get("as_person") or message.person_id
        recipient = Recipient(about, message.company_id, message.participant_id, message.program_id)
        [values] = load_values([recipient])
        mail = render(compile_content(content), Values(values), PlainLinks())
    except DomainError as error:
        return Shown(None, f"It cannot be shown: {error}")
    waits = message.state == OutboxState.PENDING
    words = "It has not left yet." if waits else "What it said was not kept."
    return Shown(mail, f"{words} This is how it would look now.")


def _kept_content(revision_id: int | None) -> dict | None:
    revision = EmailTemplateRevision.objects.filter(pk=revision_id or 0).first()
    return revision.content if revision else None
