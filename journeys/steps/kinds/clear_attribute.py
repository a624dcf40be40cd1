"""Clear attribute: unset, not empty text (PRG-07)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from csplatform.customers.columns import COLUMNS
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.schema import Config
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Go, Outcome
from journeys.steps.targets import (
    Target,
    all_fail,
    cause_of,
    gone,
    is_company,
    rows_of,
    skipped,
    spec_of,
    target_of,
    title,
    usable,
)


class ClearAttributeConfig(Config):
    """Which one."""

    attribute: str = Field(
        min_length=1,
        title="Attribute",
        description="It has no value afterwards: rules say “has no value”.",
        json_schema_extra={"options": "writable_attributes"},
    )


class ClearAttribute(StepKind):
    """Takes a value away."""

    key = "clear_attribute"
    label = "Clear attribute"
    sentence = "Takes the value of an attribute away."
    icon = "backspace"
    group = "Data"
    Config = ClearAttributeConfig
    writes_subjects = True
    example = {"attribute": "persona"}

    def words(self, config: ClearAttributeConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        return f"Clears {title(config.attribute, names)}"

    def references(self, config: ClearAttributeConfig) -> set[tuple[str, int | str]]:
        """The attribute, by name."""
        return {("attribute", config.attribute)}

    def writes_company(self, config: ClearAttributeConfig) -> bool:
        """Where the company's attribute was chosen."""
        return is_company(config.attribute)

    def check(self, config: ClearAttributeConfig, context: CheckContext) -> list[Mark]:
        """It exists and may be empty."""
        if marks := usable(config.attribute, context, "/attribute"):
            return marks
        if _required(target_of(config.attribute, context.subject)):
            message = "This attribute always has a value; set it instead."
            return [Mark("/attribute", message, code="required")]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One set-based write."""
        config: ClearAttributeConfig = batch.step.config
        target = target_of(config.attribute, batch.subject)
        if not batch.travellers:
            return {}
        if spec_of(target) is None:
            return all_fail(batch, gone(config.attribute))
        if _required(target):
            return all_fail(batch, f"“{config.attribute}” always has a value.")
        rows = rows_of(target, batch)
        changed = patch_attributes(
            target.subject,
            {row: {target.name: None} for row in rows.values()},
            cause=cause_of(batch.step),
        )
        outcomes = skipped(batch, rows, config.attribute)
        for participant, row in rows.items():
            pair = changed.get(row, {}).get(target.name)
            evidence: dict[str, Any] = {"attribute": config.attribute}
            evidence |= {"old": pair[0], "new": pair[1]} if pair else {"unchanged": True}
            outcomes[participant] = Go(evidence=evidence)
        return outcomes


def _required(target: Target) -> bool:
    column = COLUMNS[target.subject].get(target.name)
    return column is not None and column.required
