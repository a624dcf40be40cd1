"""Send email: one mail per person, through the outbox (PRG-07).

In company programs to chosen people of the company, owners and fixed addresses (PRG-12).
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from csplatform.kit.schema import Config
from journeys.consent.checks import BOUNCED, not_unsubscribed
from journeys.emails.checks import template_problems
from journeys.models import EmailTemplate
from journeys.steps.kind import (
    CheckContext,
    EventOffer,
    Exit,
    Mark,
    Requirement,
    StepBatch,
    StepKind,
    Traveller,
)
from journeys.steps.outcome import Addressed, Effect, Go, Leave, Outcome
from journeys.steps.recipients import (
    COMPANIES_ONLY,
    MOST,
    Addressees,
    Recipient,
    addressees,
    listed,
    recipient_marks,
)
from journeys.steps.tokens import tokens_of_flow

NOBODY = {
    "go": "Go on", "branch": "Take a path of its own", "leave": "End the run",
}  # fmt: skip


class SendEmailConfig(Config):
    """Which mail, from whom; in company programs to whom."""

    template: int | None = Field(
        default=None,
        title="Mail template",
        json_schema_extra={"options": "email_templates", "reference": "email_template"},
    )
    sender: Literal["template", "csm"] = Field(
        default="template",
        title="Sender",
        description="The CSM stands as the sender's name and gets the answers; the address stays"
        " yours, so that the mail is trusted. Without a CSM it is as in the template.",
        json_schema_extra={"labels": {"template": "As in the template", "csm": "The CSM"}},
    )
    recipients: list[Recipient] = Field(
        default=[],
        max_length=20,
        title="Recipients",
        description="Lines add up; nobody gets the mail twice.",
        json_schema_extra=COMPANIES_ONLY,
    )
    most: int = Field(
        default=50,
        ge=1,
        le=MOST,
        title="At most so many people of a company",
        json_schema_extra=COMPANIES_ONLY,
    )
    if_nobody: Literal["go", "branch", "leave"] = Field(
        default="go",
        title="When nobody is found",
        json_schema_extra={"labels": dict[str, Any](NOBODY), **COMPANIES_ONLY},
    )


class SendEmail(StepKind):
    """Hands mails to the outbox and goes on; the sender checks consent again when they leave.

    In company programs each addressed one has a part of its own: each gets the mail once per visit.
    """

    key = "send_email"
    label = "Send email"
    sentence = "Sends a mail template to the person or people, with their name and data filled in."
    icon = "mail"
    group = "Messages"
    Config = SendEmailConfig
    addresses_people = True
    requirements = (Requirement("no_email", "Has no email address.", "s.email IS NOT NULL"),)
    example = {"template": 1}

    def requires(self, config: SendEmailConfig) -> tuple[Requirement, ...]:
        """An address that mails reach, and the wish to get them."""
        if config.template is None:
            return (*self.requirements, BOUNCED)
        return (*self.requirements, BOUNCED, not_unsubscribed(config.template))

    def exits(self, config: SendEmailConfig) -> tuple[Exit, ...]:
        """Two where "nobody" has a path of its own."""
        if config.if_nobody != "branch":
            return ()
        return (Exit("sent", "Sent", "good"), Exit("nobody", "Nobody found", "bad"))

    def words(self, config: SendEmailConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        mail = names.get(f"email_template:{config.template}", "a mail")
        to = listed(config.recipients, names) if config.recipients else "the person"
        sender = ", from the CSM" if config.sender == "csm" else ""
        return f"Sends “{mail}” to {to}{sender}"

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
        """The template exists and its tokens are known; a company's mail goes to somebody."""
        marks = _template_marks(config, context)
        if context.subject == "company":
            return marks + recipient_marks(config.recipients, context, "/recipients")
        if config.recipients or config.if_nobody == "branch":
            message = "In a program for people the mail goes to the person: remove the recipients."
            marks.append(Mark("/recipients", message, code="subject"))
        return marks

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One outbox row per addressed one, written with the decision."""
        config: SendEmailConfig = batch.step.config
        payload: dict[str, Any] = {"template": config.template}
        if config.sender == "csm":
            payload["as_csm"] = True
        if batch.subject == "company":
            return _to_companies(config, batch, payload)
        return {
            t.id: Go(
                evidence={"template": config.template},
                effects=(Effect("email", "person", payload, person_id=t.person_id),),
            )
            for t in batch.travellers
        }


def _template_marks(config: SendEmailConfig, context: CheckContext) -> list[Mark]:
    if not config.template:
        return [Mark("/template", "Choose the mail to send.", code="missing")]
    template = context.referred("email_template", config.template, EmailTemplate.objects.in_bulk)
    if template is None:
        return [Mark("/template", "This mail template no longer exists; choose another.")]
    tokens = tokens_of_flow(context)
    return [Mark("/template", message) for message in template_problems(template, tokens)]


def _to_companies(
    config: SendEmailConfig, batch: StepBatch, payload: Mapping[str, Any]
) -> dict[int, Outcome]:
    found = addressees(
        config.recipients, batch.subject_ids(), batch.now,
        most=config.most, channel="email", by_mail=True,
    )  # fmt: skip
    return {t.id: _outcome(config, t, found[t.subject_id], payload) for t in batch.travellers}


def _outcome(
    config: SendEmailConfig, traveller: Traveller, who: Addressees, payload: Mapping[str, Any]
) -> Outcome:
    reached = who.reached
    evidence = {"template": config.template, "recipients": len(reached)}
    if without := len(who.found) - len(reached):
        evidence["without_address"] = without
    if who.left_out:
        evidence["left_out"] = who.left_out
    if not reached and config.if_nobody == "leave":
        return Leave("completed", "Nobody to send the mail to", evidence)
    exit_key = "done"
    if config.if_nobody == "branch":
        exit_key = "sent" if reached else "nobody"
    effects = tuple(_effect(one, traveller, payload) for one in reached)
    return Go(exit_key, evidence, effects=effects, addressed=who.found)


def _effect(one: Addressed, traveller: Traveller, payload: Mapping[str, Any]) -> Effect:
    if one.person_id is None:  # ours or a fixed address: nothing is tracked
        payload = {**payload, "to": one.address}
    return Effect(
        "email", one.slot, payload, person_id=one.person_id, company_id=traveller.company_id
    )
