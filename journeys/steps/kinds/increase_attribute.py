"""Increase attribute: adds to a number, for as many as come at once (PRG-07)."""

from collections import Counter
from collections.abc import Mapping

from pydantic import Field

from csplatform.customers.operations.increase import increase_attribute
from csplatform.kit.schema import Config
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Fail, Go, Outcome
from journeys.steps.targets import (
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


class IncreaseAttributeConfig(Config):
    """Which number, by how much."""

    attribute: str = Field(
        min_length=1, title="Attribute", json_schema_extra={"options": "number_attributes"}
    )
    amount: float = Field(
        default=1,
        ge=-1e12,
        le=1e12,
        allow_inf_nan=False,
        title="By",
        description="Below zero decreases. Without a value it starts at 0.",
    )


class IncreaseAttribute(StepKind):
    """Adds to a number. A thousand people of one company who come at once add up."""

    key = "increase_attribute"
    label = "Increase attribute"
    sentence = "Adds to a number of the person or company."
    icon = "exposure_plus_1"
    group = "Data"
    Config = IncreaseAttributeConfig
    writes_subjects = True
    example = {"attribute": "company.arr", "amount": 1}

    def words(self, config: IncreaseAttributeConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        word = "Decreases" if config.amount < 0 else "Increases"
        return f"{word} {title(config.attribute, names)} by {abs(config.amount):g}"

    def references(self, config: IncreaseAttributeConfig) -> set[tuple[str, int | str]]:
        """The attribute, by name."""
        return {("attribute", config.attribute)}

    def writes_company(self, config: IncreaseAttributeConfig) -> bool:
        """Where the company's attribute was chosen."""
        return is_company(config.attribute)

    def check(self, config: IncreaseAttributeConfig, context: CheckContext) -> list[Mark]:
        """It exists and is a number."""
        if marks := usable(config.attribute, context, "/attribute"):
            return marks
        spec = spec_of(target_of(config.attribute, context.subject), context.known)
        if spec is not None and spec.type != "number":
            message = f"“{spec.label}” is no number: only numbers can be increased."
            return [Mark("/attribute", message, code="type")]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One set-based write: as many times the amount as come to a row."""
        config: IncreaseAttributeConfig = batch.step.config
        target = target_of(config.attribute, batch.subject)
        if not batch.travellers:
            return {}
        spec = spec_of(target)
        if spec is None:
            return all_fail(batch, gone(config.attribute))
        if spec.type != "number":
            return all_fail(batch, f"“{spec.label}” is no number any more.")
        rows = rows_of(target, batch)
        times = Counter(rows.values())
        done = increase_attribute(
            target.subject, target.name, {row: (config.amount, n) for row, n in times.items()},
            cause=cause_of(batch.step),
        )  # fmt: skip
        outcomes = skipped(batch, rows, config.attribute)
        for participant, row in rows.items():
            result = done[row]
            evidence = {"attribute": config.attribute, "amount": config.amount}
            if result.problem:
                outcomes[participant] = Fail(result.problem, evidence)
                continue
            evidence |= {"old": result.old, "new": result.new}
            evidence |= {"together_with": times[row] - 1} if times[row] > 1 else {}
            outcomes[participant] = Go(evidence=evidence)
        return outcomes
