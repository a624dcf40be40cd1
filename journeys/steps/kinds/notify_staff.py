"""Notify staff: a mail to the CSM, another owner or chosen users (PRG-07)."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from csplatform.accounts.models import User
from csplatform.customers.owners import owners_of
from csplatform.kit.schema import Config
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind, Traveller
from journeys.steps.outcome import Effect, Go, Outcome
from journeys.steps.staff import active_ids, user_marks
from journeys.steps.tokens import in_short, token_marks


class NotifyStaffConfig(Config):
    """Whom, and what they are told."""

    to: Literal["csm", "owner", "users"] = Field(
        default="csm", title="To",
        json_schema_extra={
            "labels": {"csm": "The CSM", "owner": "Another owner", "users": "Chosen people"}
        },
    )  # fmt: skip
    owner: str | None = Field(
        default=None, max_length=60, title="Owner",
        json_schema_extra={"options": "owner_roles", "when": {"to": ["owner"]}},
    )  # fmt: skip
    users: list[str] = Field(
        default=[], max_length=50, title="People",
        json_schema_extra={
            "options": "staff_users", "widget": "chips", "when": {"to": ["users"]},
        },
    )  # fmt: skip
    subject: str = Field(
        default="{{ company.name }}: please have a look", max_length=300, title="Subject"
    )
    message: str = Field(
        default="", max_length=5_000, title="Message",
        description="Tokens such as {{ person.name }} or {{ company.name }} are filled in.",
        json_schema_extra={"widget": "textarea"},
    )  # fmt: skip


class NotifyStaff(StepKind):
    """Sends one of ours a mail, at most once as all mail; nobody to tell is no obstacle."""

    key = "notify_staff"
    label = "Notify staff"
    sentence = "Mails somebody of yours about the person or company."
    icon = "notifications_active"
    group = "People"
    Config = NotifyStaffConfig
    example = {"to": "csm", "subject": "{{ company.name }}", "message": "Please call them."}

    def words(self, config: NotifyStaffConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        if config.to == "users":
            who = ", ".join(names.get(f"user:{u}", u) for u in config.users) or "…"
        else:
            who = "the CSM" if config.to == "csm" else f"the {config.owner or '…'}"
        return f"Tells {who}: “{in_short(config.subject)}”"

    def references(self, config: NotifyStaffConfig) -> set[tuple[str, int | str]]:
        """The users that it names."""
        return {("user", name) for name in config.users} if config.to == "users" else set()

    def check(self, config: NotifyStaffConfig, context: CheckContext) -> list[Mark]:
        """Somebody is told something."""
        marks: list[Mark] = []
        if config.to == "owner" and not config.owner:
            marks.append(Mark("/owner", "Choose which owner.", code="missing"))
        if config.to == "users" and not config.users:
            marks.append(Mark("/users", "Choose at least one person.", code="missing"))
        if config.to == "users":
            marks += user_marks(config.users, context, "/users")
        for name in ("subject", "message"):
            text = getattr(config, name)
            if not text.strip():
                marks.append(Mark(f"/{name}", "Write what they are told.", code="missing"))
            marks += token_marks(text, context, f"/{name}")
        return marks

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One outbox row per user and participant."""
        config: NotifyStaffConfig = batch.step.config
        told = _told(config, batch.travellers)
        users = User.objects.in_bulk({user for users in told.values() for user in users})
        return {t.id: _outcome(config, t, [users[u] for u in told[t.id]]) for t in batch.travellers}


def _told(config: NotifyStaffConfig, travellers: Iterable[Traveller]) -> dict[int, list[int]]:
    """Users by participant."""
    if config.to == "users":
        chosen = sorted(active_ids(config.users).values()) if travellers else []
        return {t.id: chosen for t in travellers}
    companies = {t.id: t.company_id or t.at_company_id for t in travellers}
    role = "csm" if config.to == "csm" else config.owner or ""
    owners = owners_of({c for c in companies.values() if c is not None}, role)
    return {
        participant: [owners[company]] if company in owners else []
        for participant, company in companies.items()
    }


def _outcome(config: NotifyStaffConfig, traveller: Traveller, users: list[User]) -> Outcome:
    reached = [user for user in users if user.email]
    evidence: dict[str, Any] = {"told": [str(user) for user in reached]}
    if not reached:
        evidence["skipped"] = "nobody to tell, or no mail address"
    content = {
        "subject": config.subject, "preheader": "", "sender_name": "", "reply_to": "",
        "blocks": [{"kind": "text", "text": config.message}],
    }  # fmt: skip
    effects = tuple(
        Effect(
            "email", f"user:{user.pk}",
            {"to": user.email, "as_person": traveller.person_id, "content": content},
            company_id=traveller.company_id,
        )
        for user in reached
    )  # fmt: skip
    return Go(evidence=evidence, effects=effects)
