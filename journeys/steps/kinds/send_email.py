"""Send email: one mail per person, through the outbox (PRG-07)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from csplatform.kit.schema import Config
from journeys.consent.checks import BOUNCED, not_unsubscribed
from journeys.emails.checks import template_problems
from journeys.emails.tokens import known_tokens
from journeys.models import EmailTemplate
from journeys.steps.kind import (
    CheckContext,
    EventOffer,
    Mark,
    Requirement,
    StepBatch,
    StepKind,
)
from journeys.steps.outcome import Effect, Go, Outcome


class SendEmailConfig(Config):
    """Which mail."""

    template: int | None = Field(
        default=None,
        title="Mail template",
        json_schema_extra={"options": "email_templates", "reference": "email_template"},
    )


class SendEmail(StepKind):
    """Hands a mail to the outbox and goes on; the sender checks consent again when it leaves."""

    key = "send_email"
    label = "Send email"
    sentence = "Sends a mail template to the person, with their name and data filled in."
    icon = "mail"
    group = "Messages"
    subjects = ("person",)
    Config = SendEmailConfig
    requirements = (Requirement("no_email", "Has no email address.", "s.email IS NOT NULL"),)
    example = {"template": 1}

    def requires(self, config: SendEmailConfig) -> tuple[Requirement, ...]:
        """An address that mails reach, and the wish to get them."""
        if config.template is None:
            return (*self.requirements, BOUNCED)
        return (*self.requirements, BOUNCED, not_unsubscribed(config.template))

    def words(self, config: SendEmailConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        return f"Sends “{names.get(f'email_template:{config.template}', 'a mail')}” to the person"

    def references(self, config: SendEmailConfig) -> set[tuple[str, int | str]]:
        """The template."""
        return {("email_template", config.template)} if config.template else set()

    def offers(self, config: SendEmailConfig) -> tuple[EventOffer, ...]:
        """What a wait below can wait for."""
        return (
            EventOffer("opened", "opened", "email.opened"),
            EventOffer("not_opened", "not opened", "email.opened", positive=False),
            EventOffer("clicked", "a link clicked", "email.clicked"),
            EventOffer("not_clicked", "no link clicked", "email.clicked", positive=False),
            EventOffer("bounced", "bounced", "email.bounced"),
            EventOffer("unsubscribed", "unsubscribed by its link", "email.unsubscribed"),
        )

    def check(self, config: SendEmailConfig, context: CheckContext) -> list[Mark]:
        """The template exists and its tokens are known."""
        if not config.template:
            return [Mark("/template", "Choose the mail to send.", code="missing")]
        template = context.referred(
            "email_template", config.template, EmailTemplate.objects.in_bulk
        )
        if template is None:
            return [Mark("/template", "This mail template no longer exists; choose another.")]
        tokens = context.known.lookup("tokens", known_tokens)
        return [Mark("/template", message) for message in template_problems(template, tokens)]

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One outbox row each, written with the decision."""
        config: Any = batch.step.config
        payload = {"template": config.template}
        return {
            t.id: Go(
                evidence={"template": config.template},
                effects=(Effect("email", "person", payload, person_id=t.person_id),),
            )
            for t in batch.travellers
        }
