"""Set attribute: writes a value onto the subject or its company (PRG-07)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from csplatform.customers.attributes import Spec, cast
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.errors import DomainError
from csplatform.kit.merge_tags import Values, parse_tokens, token_problems
from csplatform.kit.schema import Config
from journeys.emails.context import Recipient, load_values
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Fail, Go, Outcome
from journeys.steps.targets import (
    all_fail,
    cause_of,
    gone,
    is_company,
    overtaken,
    problem_text,
    rows_of,
    skipped,
    spec_of,
    target_of,
    title,
    usable,
)
from journeys.steps.tokens import in_short, tokens_of_flow


class SetAttributeConfig(Config):
    """Which attribute gets which value."""

    attribute: str = Field(
        min_length=1, title="Attribute", json_schema_extra={"options": "writable_attributes"}
    )
    value: str | int | float | bool | list[str] | None = Field(
        default=None,
        title="Value",
        description="Empty clears the attribute. In text, tokens such as {{ program.today }} or"
        " {{ person.name }} are filled in.",
        json_schema_extra={"widget": "attribute_value"},
    )


class SetAttribute(StepKind):
    """Writes one attribute of everybody who gets here; unchanged values are left alone.

    Of several people who write to one company in one batch the last one in id order counts.
    """

    key = "set_attribute"
    label = "Set attribute"
    sentence = "Writes a value onto the person or company."
    icon = "edit_attributes"
    group = "Data"
    Config = SetAttributeConfig
    writes_subjects = True
    example = {"attribute": "persona", "value": "Champion"}

    def words(self, config: SetAttributeConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        what = title(config.attribute, names)
        if config.value is None or config.value == "":
            return f"Clears {what}"
        value = ", ".join(config.value) if isinstance(config.value, list) else config.value
        return f"Sets {what} = “{in_short(str(value))}”"

    def references(self, config: SetAttributeConfig) -> set[tuple[str, int | str]]:
        """The attribute, by name."""
        return {("attribute", config.attribute)}

    def writes_company(self, config: SetAttributeConfig) -> bool:
        """Where the company's attribute was chosen."""
        return is_company(config.attribute)

    def check(self, config: SetAttributeConfig, context: CheckContext) -> list[Mark]:
        """The attribute exists, may be written, and takes the value."""
        if marks := usable(config.attribute, context, "/attribute"):
            return marks
        if _has_tokens(config.value):
            problems = token_problems(str(config.value), tokens_of_flow(context), "/value")
            return [Mark(p.path, p.message, code=p.code) for p in problems]
        spec = spec_of(target_of(config.attribute, context.subject), context.known)
        assert spec is not None  # usable() has seen it
        try:
            cast(spec, config.value)
        except DomainError as error:
            return [Mark("/value", p.message, code=p.code) for p in error.problems]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One set-based write; the evidence names old and new value."""
        config: SetAttributeConfig = batch.step.config
        target = target_of(config.attribute, batch.subject)
        spec = spec_of(target) if batch.travellers else None
        if spec is None:
            return all_fail(batch, gone(config.attribute))
        rows = rows_of(target, batch)
        values, outcomes = _values(config.value, spec, batch)
        rows = {participant: row for participant, row in rows.items() if participant in values}
        changed = patch_attributes(
            target.subject,
            {row: {target.name: values[participant]} for participant, row in rows.items()},
            cause=cause_of(batch.step),
        )
        late = overtaken(list(rows), rows)
        for participant, row in rows.items():
            pair = changed.get(row, {}).get(target.name)
            evidence = {"attribute": config.attribute, "new": values[participant]}
            evidence |= {"old": pair[0]} if pair else {"unchanged": True}
            evidence |= {"overtaken": True} if participant in late else {}
            outcomes[participant] = Go(evidence=evidence)
        done = rows.keys() | outcomes.keys()
        return outcomes | skipped(batch, done, config.attribute)


def _has_tokens(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


def _values(value: Any, spec: Spec, batch: StepBatch) -> tuple[dict[int, Any], dict[int, Outcome]]:
    """Each participant's value, and failures of those whose filled-in value does not fit."""
    if not _has_tokens(value):
        try:
            fit = cast(spec, value)
        except DomainError as error:  # of another type since publishing
            return {}, all_fail(batch, problem_text(error))
        return dict.fromkeys((t.id for t in batch.travellers), fit), {}
    text = parse_tokens(value)
    recipients = [
        Recipient(t.person_id, t.company_id or t.at_company_id, t.id, t.program_id)
        for t in batch.travellers
    ]
    values: dict[int, Any] = {}
    failed: dict[int, Outcome] = {}
    for t, found in zip(batch.travellers, load_values(recipients), strict=True):
        try:
            values[t.id] = cast(spec, text.text(Values(found)).strip())
        except DomainError as error:
            failed[t.id] = Fail(problem_text(error))
    return values, failed
