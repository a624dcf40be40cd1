"""The program step that triggers an engagement (PRG-09)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config
from engagements.inapp.active import why_failed, why_not
from engagements.inapp.kind import engagement_kinds
from engagements.inapp.models import Engagement
from engagements.inapp.operations.invite import Guest, GuestKey, Invited, invite
from engagements.inapp.operations.links import (
    Connection,
    StepPlace,
    connect,
    connection,
    disconnect,
)
from journeys.steps.kind import (
    CheckContext,
    EventOffer,
    Mark,
    Requirement,
    StepBatch,
    StepKind,
    StepView,
    Traveller,
)
from journeys.steps.outcome import Addressed, Fail, Go, Outcome
from journeys.steps.recipients import (
    COMPANIES_ONLY,
    MOST,
    Addressees,
    PeopleLine,
    addressees,
    listed,
    recipient_marks,
)

# Whom the tracker knows: who has a user id of the host product, or was seen signed in.
KNOWN_SQL = (
    "s.erased_at IS NULL AND (EXISTS (SELECT 1 FROM customers_externalid x"
    " WHERE x.person_id = s.id AND x.kind = 'user_id')"
    " OR EXISTS (SELECT 1 FROM engagements_visitor v WHERE v.person_id = s.id))"
)
UNKNOWN_PERSON = (
    "Invalid in-app user id: the tracker does not know this person. Give it a user id, or have it"
    " sign in once."
)
CHANGED = "The step's engagement was changed after this participant had entered."
DISCONNECTED = "The program is no longer connected to the engagement."


class TriggerEngagementConfig(Config):
    """Which engagement; in company programs for whom."""

    engagement: int | None = Field(
        default=None,
        title="Engagement",
        description="Launched engagements that are triggered by programs.",
        json_schema_extra={"options": "engagements", "reference": "engagement"},
    )
    recipients: list[PeopleLine] = Field(
        default=[],
        max_length=20,
        title="Recipients",
        description="Whom at the company it is shown to. Lines add up.",
        json_schema_extra=COMPANIES_ONLY,
    )
    most: int = Field(
        default=50,
        ge=1,
        le=MOST,
        title="At most so many people of a company",
        json_schema_extra=COMPANIES_ONLY,
    )


class TriggerEngagement(StepKind):
    """Invites the person to see an engagement and goes on; a wait behind it hears what came of it.

    Nobody gets stuck here: who cannot be invited goes on with the event "engagement failed".
    """

    key = "trigger_engagement"
    label = "Trigger engagement"
    sentence = "Shows a dialog inside your product the next time the person is there."
    icon = "web_asset"
    group = "Messages"
    Config = TriggerEngagementConfig
    addresses_people = True
    amending = (
        "Newcomers get the new engagement. Those inside keep their place but can no longer trigger"
        " the old one: open invitations are taken back, and whoever reaches the step goes on with"
        " “engagement failed”."
    )
    # Events about persons are recorded here: persons are locked before participants.
    writes_subjects = True
    requirements = (Requirement("invalid_user_id", UNKNOWN_PERSON, KNOWN_SQL),)
    example = {"engagement": 1}

    def words(self, config: TriggerEngagementConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        name = names.get(f"engagement:{config.engagement}", "an engagement")
        to = f" to {listed(config.recipients, names)}" if config.recipients else ""
        return f"Shows “{name}” inside the product{to}"

    def references(self, config: TriggerEngagementConfig) -> set[tuple[str, int | str]]:
        """The engagement."""
        return {("engagement", config.engagement)} if config.engagement else set()

    def offers(self, config: TriggerEngagementConfig) -> tuple[EventOffer, ...]:
        """What a wait below can wait for."""
        return (
            EventOffer("viewed", "viewed", "engagement.viewed"),
            EventOffer("not_viewed", "not viewed", "engagement.viewed", positive=False),
            EventOffer("completed", "completed", "engagement.completed"),
            EventOffer("not_completed", "not completed", "engagement.completed", positive=False),
            EventOffer("dismissed", "dismissed", "engagement.dismissed"),
            EventOffer("failed", "engagement failed", "engagement.failed"),
        )

    def check(self, config: TriggerEngagementConfig, context: CheckContext) -> list[Mark]:
        """Program-triggered, launched, in its schedule - now, not only when it was chosen; and a
        company's step is for somebody."""
        marks = self._engagement_marks(config, context)
        if context.subject == "company":
            return marks + recipient_marks(config.recipients, context, "/recipients")
        if config.recipients:
            message = "In a program for people it is shown to the person: remove the recipients."
            marks.append(Mark("/recipients", message, code="subject"))
        return marks

    def _engagement_marks(
        self, config: TriggerEngagementConfig, context: CheckContext
    ) -> list[Mark]:
        if not config.engagement:
            return [Mark("/engagement", "Choose the engagement to show.", code="missing")]
        engagement = context.referred("engagement", config.engagement, Engagement.objects.in_bulk)
        if engagement is None:
            message = "This engagement no longer exists; choose another."
            return [Mark("/engagement", message, code="gone")]
        reason = why_not(engagement, context.known.lookup("now", database_now))
        return [Mark("/engagement", reason, code="not_active")] if reason else []

    def may_amend(self, old: TriggerEngagementConfig, new: TriggerEngagementConfig) -> list[Mark]:
        """Another engagement takes over at once (PRG-43)."""
        return []

    def on_publish(self, step: StepView) -> list[Mark]:
        """Associate the engagement; the mark of an error undoes the whole publishing."""
        config: TriggerEngagementConfig = step.config
        if config.engagement is None:
            return [Mark("/engagement", "Choose the engagement to show.", code="missing")]
        try:
            connect(config.engagement, _place(step), now=database_now())
        except DomainError as error:
            return [Mark("/engagement", p.message, code=p.code) for p in error.problems]
        return []

    def on_disconnect(self, step: StepView, now: Any) -> None:
        """Untie it and withdraw what was not seen yet."""
        config: TriggerEngagementConfig = step.config
        if config.engagement is not None:
            disconnect(config.engagement, _place(step), now=now)

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One invitation each, whose id is the ref of waits behind this step."""
        config: TriggerEngagementConfig = batch.step.config
        engagement = Engagement.objects.filter(pk=config.engagement or 0).first()
        if engagement is None:
            return {
                t.id: Fail("The engagement of this step no longer exists.")
                for t in batch.travellers
            }
        who = _addressees(config, batch)
        guests = _guests(engagement, batch, who)
        kind = engagement.kind
        invited = invite(
            guests,
            engagement_id=engagement.pk,
            program_id=batch.step.program_id,
            step_id=batch.step.id,
            step_key=batch.step.key,
            remembers=kind not in engagement_kinds or engagement_kinds.get(kind).remembers,
            now=batch.now,
        )
        if batch.subject == "company":
            return _of_companies(engagement.name, batch, guests, invited, who)
        outcomes: dict[int, Outcome] = {}
        for guest in guests:
            found = invited[guest.key]
            evidence: dict[str, Any] = {
                "engagement": engagement.name, "invitation": found.invitation_id,
                "state": found.state,
            }  # fmt: skip
            if guest.failure:
                evidence["failed"] = guest.failure
            outcomes[guest.participant_id] = Go(evidence=evidence, ref=found.invitation_id)
        return outcomes


def _place(step: StepView) -> StepPlace:
    return StepPlace(step.program_id, step.version_id, step.id, step.key, step.name)


def _addressees(config: TriggerEngagementConfig, batch: StepBatch) -> dict[int, Addressees]:
    """Whom a company's step is for, by company."""
    if batch.subject != "company":
        return {}
    return addressees(
        config.recipients, batch.subject_ids(), batch.now,
        most=config.most, channel="engagement", by_mail=False,
    )  # fmt: skip


def _of_companies(
    name: str,
    batch: StepBatch,
    guests: Sequence[Guest],
    invited: Mapping[GuestKey, Invited],
    who: Mapping[int, Addressees],
) -> dict[int, Outcome]:
    """A part per addressed person. Who cannot be invited has one that failed; the company goes
    on."""
    parts: dict[int, list[Addressed]] = {t.id: [] for t in batch.travellers}
    failed: Counter[int] = Counter()
    for guest in guests:
        found = invited[guest.key]
        failed[guest.participant_id] += bool(guest.failure)
        parts[guest.participant_id].append(
            Addressed(
                f"person:{guest.addressee}", "engagement", person_id=guest.person_id,
                ref=found.invitation_id, refused=guest.failure,
            )
        )  # fmt: skip
    outcomes: dict[int, Outcome] = {}
    for t in batch.travellers:
        invitations = len(parts[t.id]) - failed[t.id]
        evidence: dict[str, Any] = {"engagement": name, "recipients": invitations}
        evidence |= {"not_invited": failed[t.id]} if failed[t.id] else {}
        left_out = who[t.subject_id].left_out
        evidence |= {"left_out": left_out} if left_out else {}
        outcomes[t.id] = Go(evidence=evidence, addressed=tuple(parts[t.id]))
    return outcomes


def _guests(engagement: Engagement, batch: StepBatch, who: Mapping[int, Addressees]) -> list[Guest]:
    """Everybody of the batch, or whom its companies address, with the reason why some cannot be
    invited."""
    asked = [
        (t, person, person)
        for t in batch.travellers
        for one in (who[t.subject_id].found if who else ())
        if (person := one.person_id)
    ]
    if batch.subject == "person":
        asked = [(t, t.subject_id, 0) for t in batch.travellers]
    tie = connection(engagement.pk, batch.step.version_id, batch.step.key)
    for_all = why_failed(engagement, batch.now) or ("" if tie.since else DISCONNECTED)
    known = set() if for_all else _known_to_tracker({person for _, person, _ in asked})
    early = set() if for_all else _entered_before(batch.travellers, tie)
    guests = []
    for t, person, addressee in asked:
        failure = for_all or (CHANGED if t.id in early else "")
        failure = failure or ("" if person in known else UNKNOWN_PERSON)
        guests.append(Guest(t.id, person, t.visit, failure, addressee))
    return guests


def _known_to_tracker(people: Iterable[int]) -> set[int]:
    """Those of a batch whom the tracker knows (still: ids get lost, people get erased)."""
    found = sql.rows(
        f"SELECT s.id FROM customers_person s WHERE s.id = ANY(%s) AND {KNOWN_SQL}",
        [sorted(people)],
    )
    return {row[0] for row in found}


def _entered_before(travellers: Sequence[Traveller], tie: Connection) -> set[int]:
    """Participants that had entered when the step's engagement was changed (PRG-43)."""
    if not tie.replaced:
        return set()
    found = sql.rows(
        "SELECT id FROM journeys_participant WHERE id = ANY(%s) AND entered_at < %s",
        [[t.id for t in travellers], tie.since],
    )
    return {row[0] for row in found}


# --- what forms of steps offer --------------------------------------------------------------


def options(subject: str) -> list[tuple[str, str]]:
    """Engagements that can be chosen in programs now."""
    now = database_now()
    rows = Engagement.objects.filter(triggered_by="program", state="launched").order_by("name")
    return [(str(row.pk), row.name) for row in rows if not why_not(row, now)]


def names(ids: Iterable[int | str]) -> dict[int | str, str]:
    """Names of engagements by id, as sentences mention them."""
    return dict(Engagement.objects.filter(pk__in=list(ids)).values_list("pk", "name"))
