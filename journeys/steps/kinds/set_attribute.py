"""Set attribute: writes a value onto the subject (PRG-07)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from csplatform.customers.attributes import cast
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Go, Outcome


class SetAttributeConfig(Config):
    """Which attribute gets which value."""

    attribute: str = Field(
        min_length=1, title="Attribute", json_schema_extra={"options": "writable_attributes"}
    )
    value: str | int | float | bool | list[str] | None = Field(
        default=None,
        title="Value",
        description="Empty clears the attribute.",
        json_schema_extra={"widget": "attribute_value"},
    )


class SetAttribute(StepKind):
    """Writes one attribute of everybody who gets here; unchanged values are left alone."""

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
        if config.value is None or config.value == "":
            return f"Clears {config.attribute}"
        return f"Sets {config.attribute} = “{config.value}”"

    def references(self, config: SetAttributeConfig) -> set[tuple[str, int | str]]:
        """The attribute, by name."""
        return {("attribute", config.attribute)}

    def check(self, config: SetAttributeConfig, context: CheckContext) -> list[Mark]:
        """The attribute exists, may be written, and takes the value."""
        spec = context.known.attributes(context.subject).get(config.attribute)
        if spec is None:
            return [Mark("/attribute", f"There is no attribute “{config.attribute}” any more.")]
        if not spec.writable:
            return [Mark("/attribute", f"“{spec.label}” cannot be set.")]
        try:
            cast(spec, config.value)
        except DomainError as error:
            return [Mark("/value", p.message, code=p.code) for p in error.problems]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One set-based write; the evidence names old and new value."""
        config: Any = batch.step.config
        cause = {"program": batch.step.program_id, "step": batch.step.key}
        ids = batch.subject_ids()
        patch = {config.attribute: config.value}
        changed = patch_attributes(batch.subject, dict.fromkeys(ids, patch), cause=cause)
        outcomes: dict[int, Outcome] = {}
        for t in batch.travellers:
            pair = changed.get(t.subject_id, {}).get(config.attribute)
            evidence = {"attribute": config.attribute, "new": config.value}
            evidence |= {"old": pair[0]} if pair else {"unchanged": True}
            outcomes[t.id] = Go(evidence=evidence)
        return outcomes
