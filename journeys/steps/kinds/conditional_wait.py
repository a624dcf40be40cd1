"""Conditional wait: until something happens, at most for a time (PRG-06)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from csplatform.customers.models import EventName
from csplatform.kit import sql
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config, problems_of
from csplatform.rules.parse import load_rule, parse_rule
from csplatform.rules.properties import PropertyFilter
from csplatform.rules.tree import Node
from csplatform.rules.words import in_words
from journeys.fields.values import told as field_values
from journeys.steps.kind import (
    CheckContext,
    EventOffer,
    Exit,
    Mark,
    StepBatch,
    StepKind,
    StepView,
    Traveller,
)
from journeys.steps.logic import (
    Logic,
    LogicError,
    is_true,
    logic_words,
    numbers_in,
    parse_logic,
    plain_logic,
)
from journeys.steps.matching import who_matches
from journeys.steps.outcome import Go, Outcome, Stay, WaitFor
from journeys.steps.participant_fields import tests_words, who_holds
from journeys.steps.parts import Parts, Reached, parts_of, who_did

# How many of the people whom a company's step addressed.
QUORUM = {"any": "anybody", "all": "everybody", "count": "at least"}
NO_REF = -1  # a step that this traveller never passed: no event can be about it


class Condition(Config):
    """One thing to wait for: an event of an earlier step, a rule about the subject, or something
    that the participant came with."""

    type: Literal["event", "rule", "field"] = Field(default="event", title="Kind")
    step: str = Field(default="", max_length=20, title="Of step")
    event: str = Field(default="", max_length=60, title="What happened")
    quorum: Literal["any", "all", "count"] = Field(
        default="any",
        title="By",
        json_schema_extra={"labels": dict[str, Any](QUORUM), "subjects": ["company"]},
    )
    count: int = Field(
        default=2, ge=1, le=10_000, title="People", json_schema_extra={"subjects": ["company"]}
    )
    rule: dict[str, Any] = Field(default={}, title="Rule", json_schema_extra={"widget": "rule"})
    test: dict[str, Any] = Field(
        default={}, title="Participant field", json_schema_extra={"widget": "property_test"}
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.type == "event" and not (self.step and self.event):
            raise ValueError("Choose the step and what is to happen")
        if self.type == "field":
            self.demand()
        return self

    def demand(self) -> PropertyFilter:
        """The test of a participant field. Raises ValueError with what is missing."""
        if not self.test.get("property"):
            raise ValueError("Name the field, and what it is to be")
        try:
            return PropertyFilter.model_validate(self.test)
        except ValidationError as error:
            raise ValueError(problems_of(error, "")[0].message.rstrip(".")) from None


class ConditionalWaitConfig(Config):
    """Conditions, how they combine, and the limit."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=20,
        title="Goes on when",
        json_schema_extra={"widget": "conditions"},
    )
    logic: Literal["any", "all", "custom"] = Field(
        default="any",
        title="Combine",
        json_schema_extra={
            "labels": {
                "any": "Any of them", "all": "All of them", "custom": "By an expression",
            }
        },
    )  # fmt: skip
    expression: str = Field(
        default="",
        max_length=200,
        title="Expression",
        description="The numbers of the conditions with “and”, “or”, ( and ): 1 and (2 or 3).",
        json_schema_extra={
            "when": {"logic": ["custom"]},
            "widget": "logic",
            "numbers": "conditions",
        },
    )
    amount: int = Field(default=3, ge=1, le=3650, title="At most")
    unit: Literal["minutes", "hours", "days"] = Field(default="days", title="Unit")


class ConditionalWait(StepKind):
    """Holds people until the conditions are met, or takes the lower path at the limit.

    Positive events act at once, negative ones ("not opened") are judged at the limit only.
    """

    key = "conditional_wait"
    label = "Conditional wait"
    sentence = "Holds people until something happens, at most for a time."
    icon = "hourglass_top"
    group = "Waits"
    Config = ConditionalWaitConfig
    amending = "Those who wait here are judged by the new conditions at once."
    example = {
        "conditions": [
            {"type": "rule", "rule": {"test": "attribute", "name": "name", "operator": "set"}}
        ],
        "amount": 3, "unit": "days",
    }  # fmt: skip

    def exits(self, config: ConditionalWaitConfig) -> tuple[Exit, ...]:
        """Exactly two."""
        return (Exit("met", "Met", "good"), Exit("not_met", "Not met", "bad"))

    def words(self, config: ConditionalWaitConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        parts = [_condition_words(condition, names) for condition in config.conditions]
        try:
            joined = logic_words(_logic(config), lambda number: parts[number - 1])
        except LogicError:
            joined = "(an expression that is not complete)"
        unit = config.unit if config.amount != 1 else config.unit.removesuffix("s")
        return f"Waits until {joined or '(nothing chosen)'}, at most {config.amount} {unit}"

    def waits_on(self, config: ConditionalWaitConfig, subject: str) -> list[Node]:
        """The rule conditions."""
        return [load_rule(c.rule, subject) for c in config.conditions if c.type == "rule"]

    def listens_to(self, config: ConditionalWaitConfig, steps: Mapping[str, StepView]) -> set[str]:
        """The events of all event conditions."""
        pairs = [(c, _offer(c, steps)) for c in config.conditions if c.type == "event"]
        return {offer.event for _, offer in pairs if offer}

    def depends_on(self, config: ConditionalWaitConfig) -> set[str]:
        """The steps of its event conditions."""
        return {c.step for c in config.conditions if c.type == "event"}

    def check(self, config: ConditionalWaitConfig, context: CheckContext) -> list[Mark]:
        """Conditions point at steps that everybody here has passed, and rules parse."""
        if not config.conditions:
            return [Mark("/conditions", "Add what people wait for.", code="missing")]
        marks: list[Mark] = []
        passed = {key: (name, kind, parsed) for key, name, kind, parsed in context.before}
        for index, condition in enumerate(config.conditions):
            path = f"/conditions/{index}"
            if condition.type == "rule":
                marks += _rule_marks(condition, context, f"{path}/rule")
            elif condition.type == "field":
                continue
            elif condition.step not in passed:
                message = "The step that this condition is about does not come before this wait."
                marks.append(Mark(f"{path}/step", message))
            else:
                name, kind, parsed = passed[condition.step]
                if condition.event not in {offer.key for offer in kind.offers(parsed)}:
                    message = f"“{name or kind.label}” has no such event; choose another."
                    marks.append(Mark(f"{path}/event", message))
        return marks + _logic_marks(config)

    def may_amend(self, old: ConditionalWaitConfig, new: ConditionalWaitConfig) -> list[Mark]:
        """Conditions and logic may change; events and limit need a new version (PRG-44)."""
        marks = []
        if (old.amount, old.unit) != (new.amount, new.unit):
            marks.append(
                Mark("/amount", "The limit changes only with a new version.", code="version")
            )
        if _events(old) != _events(new):
            message = "The events that are waited for change only with a new version."
            marks.append(Mark("/conditions", message, code="version"))
        return marks

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """Start to listen; what happened before is looked at once the wait rows are committed."""
        config: Any = batch.step.config
        span = timedelta(**{config.unit: config.amount})
        offers = _positive_events(config, batch.steps)
        shared = {step for step, _ in offers if of_people(batch, step)}
        parts = parts_of(batch.travellers, shared)
        return {
            t.id: WaitFor(
                tuple((e, t.refs.get(step, NO_REF)) for step, e in offers if step not in shared),
                # a new version's wait counts from when they came to it
                t.step_since + span,
                of_people=tuple(
                    (event, part.ref, part.person_id)
                    for step, event in offers
                    for part in parts.get((t.id, step), ())
                ),
            )
            for t in batch.travellers
        }

    def resume(self, batch: StepBatch) -> dict[int, Outcome]:
        """Met, not met at the limit, or go on waiting."""
        config: Any = batch.step.config
        shared = {c.step for c in config.conditions if of_people(batch, c.step)}
        parts = parts_of(batch.travellers, shared)
        truths = [_truth(condition, batch, parts) for condition in config.conditions]
        logic = _logic(config)
        fields = field_values(config, batch.subject, batch.travellers, batch.now)
        told = {"logic": logic_words(logic)} if config.logic == "custom" else {}
        outcomes: dict[int, Outcome] = {}
        for t in batch.travellers:
            at_limit = t.limit_at is not None and t.limit_at <= batch.now
            answers = [truth.holds(t, at_limit) for truth in truths]
            met = is_true(logic, answers)
            in_time = not at_limit or is_true(logic, [truth.holds(t, False) for truth in truths])
            conditions = [
                {"number": number, "words": truth.words, "true": answer, **truth.told(t)}
                for number, (truth, answer) in enumerate(zip(truths, answers, strict=True), 1)
            ]
            evidence = {"conditions": conditions, "at_limit": at_limit, **told}
            if t.id in fields:
                evidence["fields"] = fields[t.id]
            heard = () if in_time else tuple(pair for truth in truths for pair in truth.heard(t))
            if met:
                outcomes[t.id] = Go("met", evidence, expired=not in_time, heard=heard)
            elif at_limit:
                outcomes[t.id] = Go("not_met", evidence, expired=True, heard=heard)
            else:
                outcomes[t.id] = Stay()
        return outcomes


def _logic(config: ConditionalWaitConfig) -> Logic:
    """How the answers combine. Raises LogicError for an expression that cannot be read."""
    if config.logic == "custom":
        return parse_logic(config.expression, len(config.conditions))
    return plain_logic("or" if config.logic == "any" else "and", len(config.conditions))


def _logic_marks(config: ConditionalWaitConfig) -> list[Mark]:
    """An expression can be read, and a condition that it leaves out is no oversight."""
    if config.logic != "custom":
        return []
    try:
        used = numbers_in(_logic(config))
    except LogicError as error:
        return [Mark("/expression", f"{error}.", code="expression")]
    unused = [str(n) for n in range(1, len(config.conditions) + 1) if n not in used]
    if not unused:
        return []
    message = f"Not in the expression: {', '.join(unused)}. Add the number or remove the condition."
    return [Mark("/expression", message, "warning", "unused")]


def _condition_words(condition: Condition, names: Mapping[str, str]) -> str:
    if condition.type == "rule":
        return names.get(f"rule:{id(condition)}", "a rule matches")
    if condition.type == "field":
        return tests_words([condition.demand()])
    step = names.get(condition.step) or "an earlier step"
    by = f" by {_quorum_words(condition)}" if condition.quorum != "any" else ""
    return f"“{step}”: {condition.event.replace('_', ' ')}{by}"


def _quorum_words(condition: Condition) -> str:
    """How many of the addressed people it takes."""
    if condition.quorum == "count":
        return f"at least {condition.count} of the people"
    return "anybody" if condition.quorum == "any" else "all of the people"


def _events(config: ConditionalWaitConfig) -> set[tuple[str, str]]:
    return {(c.step, c.event) for c in config.conditions if c.type == "event"}


def _rule_marks(condition: Condition, context: CheckContext, path: str) -> list[Mark]:
    try:
        parse_rule(condition.rule, context.subject, known=context.known)
    except DomainError as error:
        return [Mark(path + p.path, p.message, code=p.code) for p in error.problems]
    if condition.rule in ({}, {"all": []}):
        message = "This rule is empty, so everybody would go on at once: add a test."
        return [Mark(path, message, code="empty_rule")]
    return []


def _offer(condition: Condition, steps: Mapping[str, StepView]) -> EventOffer | None:
    earlier = steps.get(condition.step)
    offers = earlier.kind.offers(earlier.config) if earlier else ()
    return next((offer for offer in offers if offer.key == condition.event), None)


def _positive_events(
    config: ConditionalWaitConfig, steps: Mapping[str, StepView]
) -> list[tuple[str, str]]:
    """(step key, event name) of conditions that an event can meet."""
    found = [(c.step, _offer(c, steps)) for c in config.conditions if c.type == "event"]
    return sorted({(step, offer.event) for step, offer in found if offer and offer.positive})


class _Truth:
    """The answer of one condition for a whole batch."""

    def __init__(
        self, words: str, ids: set[int], *, positive: bool = True, event: str = "", step: str = "",
        reached: Mapping[int, Reached] | None = None,
    ) -> None:  # fmt: skip
        self.words, self.ids, self.positive = words, ids, positive
        self.event, self.step, self.reached = event, step, reached or {}

    def holds(self, traveller: Traveller, at_limit: bool) -> bool:
        """ "Did not" is true only when the time for doing it is over."""
        hit = traveller.id in self.ids
        return hit if self.positive else (at_limit and not hit)

    def heard(self, traveller: Traveller) -> list[tuple[str, int]]:
        """The events that have happened, as a wait listens to them."""
        if traveller.id in self.reached:
            return [(self.event, ref) for ref in self.reached[traveller.id].refs]
        did = self.event and traveller.id in self.ids
        return [(self.event, traveller.refs[self.step])] if did else []

    def told(self, traveller: Traveller) -> dict[str, Any]:
        """More for the evidence: how many of how many people."""
        found = self.reached.get(traveller.id)
        return {"did": found.did, "addressed": found.addressed} if found else {}


def of_people(batch: StepBatch, step: str) -> bool:
    """Whether the events of an earlier step are those of a company's people."""
    view = batch.steps.get(step)
    return batch.subject == "company" and view is not None and view.kind.addresses_people


def _truth(condition: Condition, batch: StepBatch, parts: Parts) -> _Truth:
    if condition.type == "rule":
        rule = load_rule(condition.rule, batch.subject)
        ids = who_matches(rule, batch.subject, batch.travellers, batch.now)
        return _Truth(in_words(rule, batch.subject), ids)
    if condition.type == "field":
        demands = [condition.demand()]
        return _Truth(tests_words(demands), who_holds(demands, batch.travellers))
    offer = _offer(condition, batch.steps)
    names = {key: view.name for key, view in batch.steps.items()}
    words = _condition_words(condition, names)
    if offer is None:
        return _Truth(words, set())
    if of_people(batch, condition.step):
        reached = who_did(offer.event, condition.step, batch.travellers, parts)
        quorum, count = condition.quorum, condition.count
        return _Truth(
            words,
            {t for t, found in reached.items() if found.meets(quorum, count)},
            positive=offer.positive, event=offer.event, step=condition.step, reached=reached,
        )  # fmt: skip
    happened = _who_did(offer.event, condition.step, batch.travellers, batch.subject)
    return _Truth(words, happened, positive=offer.positive, event=offer.event, step=condition.step)


def _who_did(event: str, step: str, travellers: Sequence[Traveller], subject: str) -> set[int]:
    """Participants about whose ref the event has happened: one query for the batch."""
    name_id = EventName.objects.filter(name=event).values_list("pk", flat=True).first()
    about = [t for t in travellers if t.refs.get(step) is not None]
    if name_id is None or not about:
        return set()
    column = "person_id" if subject == "person" else "company_id"
    found = sql.rows(
        "SELECT t.participant FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"
        " AS t (participant, subject, ref) WHERE EXISTS (SELECT 1 FROM customers_event e"
        f" WHERE e.{column} = t.subject AND e.name_id = %s AND e.ref = t.ref)",
        [
            [t.id for t in about],
            [t.subject_id for t in about],
            [t.refs[step] for t in about],
            name_id,
        ],
    )
    return {row[0] for row in found}
