"""Copy attribute: into another one, also from person to company and back (PRG-07)."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from csplatform.customers.attributes import Spec, cast
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.patching import read_rows
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Fail, Go, Outcome
from journeys.steps.targets import (
    NO_COMPANY,
    Target,
    all_fail,
    cause_of,
    gone,
    is_company,
    overtaken,
    problem_text,
    row_of,
    rows_of,
    spec_of,
    target_of,
    title,
    usable,
)

# A type is copied into its own and into these.
WIDER = {
    "text": {"text"}, "link": {"link", "text"}, "choice": {"choice", "text"},
    "number": {"number", "text"}, "boolean": {"boolean"}, "date": {"date", "text"},
    "datetime": {"datetime", "date", "text"}, "list": {"list"},
}  # fmt: skip


class CopyAttributeConfig(Config):
    """From where, to where, and what an empty source means."""

    source: str = Field(
        min_length=1, title="From", json_schema_extra={"options": "readable_attributes"}
    )
    attribute: str = Field(
        min_length=1, title="Into", json_schema_extra={"options": "writable_attributes"}
    )
    if_unset: Literal["keep", "clear"] = Field(
        default="keep",
        title="When there is no value to copy",
        json_schema_extra={
            "labels": {"keep": "Leave the other as it is", "clear": "Clear the other, too"}
        },
    )


class CopyAttribute(StepKind):
    """Copies a value. Of several people who copy to one company in one batch the last one in id
    order counts, as if they had come one after the other."""

    key = "copy_attribute"
    label = "Copy attribute"
    sentence = "Copies a value into another attribute, also from person to company and back."
    icon = "content_copy"
    group = "Data"
    Config = CopyAttributeConfig
    writes_subjects = True
    example = {"source": "name", "attribute": "persona"}

    def words(self, config: CopyAttributeConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        where = f"{title(config.source, names)} into {title(config.attribute, names)}"
        return f"Copies {where}" + (", also when empty" if config.if_unset == "clear" else "")

    def references(self, config: CopyAttributeConfig) -> set[tuple[str, int | str]]:
        """Both attributes, by name."""
        return {("attribute", config.source), ("attribute", config.attribute)}

    def writes_company(self, config: CopyAttributeConfig) -> bool:
        """Where it copies to the company; and from it, so that the value stays what it was."""
        return is_company(config.attribute) or is_company(config.source)

    def check(self, config: CopyAttributeConfig, context: CheckContext) -> list[Mark]:
        """Both exist, the types fit, and they differ."""
        marks = usable(config.source, context, "/source", writes=False)
        marks += usable(config.attribute, context, "/attribute")
        if marks:
            return marks
        source = target_of(config.source, context.subject)
        target = target_of(config.attribute, context.subject)
        if source == target:
            return [Mark("/attribute", "It would copy onto itself: choose another.")]
        reason = _misfit(spec_of(source, context.known), spec_of(target, context.known))
        return [Mark("/attribute", reason, code="type")] if reason else []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One read, one write."""
        config: CopyAttributeConfig = batch.step.config
        if not batch.travellers:
            return {}
        source = target_of(config.source, batch.subject)
        target = target_of(config.attribute, batch.subject)
        from_spec, to_spec = spec_of(source), spec_of(target)
        if from_spec is None or to_spec is None:
            return all_fail(batch, gone(config.attribute if from_spec else config.source))
        if reason := _misfit(from_spec, to_spec):
            return all_fail(batch, reason)
        values, outcomes = _values(config, source, from_spec, to_spec, batch)
        rows = {p: row for p, row in rows_of(target, batch).items() if p in values}
        changed = patch_attributes(
            target.subject,
            {row: {target.name: values[participant]} for participant, row in rows.items()},
            cause=cause_of(batch.step),
        )
        late = overtaken(list(rows), rows)
        for participant, row in rows.items():
            pair = changed.get(row, {}).get(target.name)
            told: dict[str, Any] = {"attribute": config.attribute, "source": config.source}
            told |= {"new": values[participant]}
            told |= {"old": pair[0]} if pair else {"unchanged": True}
            told |= {"overtaken": True} if participant in late else {}
            outcomes[participant] = Go(evidence=told)
        for t in batch.travellers:
            outcomes.setdefault(t.id, _nothing(config, NO_COMPANY))
        return outcomes


def _misfit(source: Spec | None, target: Spec | None) -> str:
    """Why values of one cannot be copied into the other, "" when they can."""
    if source is None or target is None or target.type in WIDER[source.type]:
        return ""
    return (
        f"“{source.label}” ({source.type}) does not fit into “{target.label}” ({target.type}):"
        " choose attributes of the same type."
    )


def _nothing(config: CopyAttributeConfig, why: str) -> Go:
    return Go(evidence={"attribute": config.attribute, "source": config.source, "skipped": why})


def _values(
    config: CopyAttributeConfig, source: Target, spec: Spec, fit: Spec, batch: StepBatch
) -> tuple[dict[int, Any], dict[int, Outcome]]:
    """What each participant copies, and the outcomes of those who copy nothing."""
    ids = {t.id: row_of(source, t, batch.subject) for t in batch.travellers}
    stored = read_rows(source.subject, {i for i in ids.values() if i is not None}, lock=False)
    winners = {row.merged_into for row in stored.values() if row.merged_into} - stored.keys()
    if winners:
        stored |= read_rows(source.subject, winners, lock=False)
    values: dict[int, Any] = {}
    outcomes: dict[int, Outcome] = {}
    for participant, row_id in ids.items():
        row = stored.get(row_id) if row_id is not None else None
        if row is None:
            outcomes[participant] = _nothing(config, NO_COMPANY)
            continue
        row = stored[row.merged_into] if row.merged_into else row
        value = row.value(spec)
        if value is None and config.if_unset == "keep":
            outcomes[participant] = _nothing(config, "there was no value to copy")
            continue
        try:
            values[participant] = cast(fit, value)
        except DomainError as error:  # a choice that the other does not know
            outcomes[participant] = Fail(problem_text(error))
    return values, outcomes
