"""If/else: many paths, the first whose rule matches wins (PRG-05)."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config
from csplatform.rules.parse import load_rule, parse_rule
from csplatform.rules.properties import PropertyFilter
from csplatform.rules.words import in_words
from journeys.fields.values import told
from journeys.steps.kind import CheckContext, Exit, Mark, StepBatch, StepKind
from journeys.steps.matching import who_matches
from journeys.steps.outcome import Go, Outcome
from journeys.steps.participant_fields import tests_words, who_holds

ELSE = "else"


class Path(Config):
    """One path and who takes it."""

    key: str = Field(pattern=r"^[a-z0-9]{1,20}$", title="Key", json_schema_extra={"widget": "key"})
    label: str = Field(min_length=1, max_length=60, title="Name")
    rule: dict[str, Any] = Field(default={}, title="When", json_schema_extra={"widget": "rule"})
    fields: list[PropertyFilter] = Field(
        default=[],
        max_length=10,
        title="And participant fields",
        description="What the participant came with, by the field's name, or context_id.",
    )


class IfElseConfig(Config):
    """Paths in the order in which they are tried; nobody is lost: the rest goes by "else"."""

    paths: list[Path] = Field(
        default=[Path(key="yes", label="Yes")],
        min_length=1,
        max_length=20,
        title="Paths",
        description="Tried from top to bottom, the first that matches is taken; all others go by"
        " “Else”.",
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        keys = [path.key for path in self.paths]
        if len(set(keys)) != len(keys) or ELSE in keys:
            raise ValueError("Two paths have the same key")
        return self


class IfElse(StepKind):
    """Branches by rules."""

    key = "if_else"
    label = "If / else"
    sentence = "Sends people down the first path whose rule they match, the others down “else”."
    icon = "alt_route"
    group = "Decisions"
    Config = IfElseConfig
    example = {
        "paths": [
            {
                "key": "yes", "label": "Has a name",
                "rule": {"test": "attribute", "name": "name", "operator": "set"},
            }
        ]
    }  # fmt: skip

    def exits(self, config: IfElseConfig) -> tuple[Exit, ...]:
        """One per path, and else."""
        tone = "good" if len(config.paths) == 1 else ""
        return (*(Exit(p.key, p.label, tone) for p in config.paths), Exit(ELSE, "Else"))

    def words(self, config: IfElseConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        if len(config.paths) == 1:
            return f"Asks: {config.paths[0].label}?"
        return "First match of: " + ", ".join(path.label for path in config.paths) + ", else"

    def check(self, config: IfElseConfig, context: CheckContext) -> list[Mark]:
        """Every rule must parse, and an empty one would swallow everybody."""
        marks = []
        for index, path in enumerate(config.paths):
            place = f"/paths/{index}/rule"
            try:
                parse_rule(path.rule, context.subject, known=context.known)
            except DomainError as error:
                marks += [Mark(place + p.path, p.message, code=p.code) for p in error.problems]
            if path.rule in ({}, {"all": []}) and not path.fields:
                message = f"“{path.label}” has no condition, so everybody takes it: add one."
                marks.append(Mark(place, message, "warning", "empty_rule"))
        return marks

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One query per path for those whom no earlier path took."""
        config: Any = batch.step.config
        fields = told(config, batch.subject, batch.travellers, batch.now)
        left = {t.id: t for t in batch.travellers}
        outcomes: dict[int, Outcome] = {}
        for path in config.paths:
            if not left:
                break
            rule = load_rule(path.rule, batch.subject)
            asked = [left[pk] for pk in who_holds(path.fields, left.values())]
            hits = who_matches(rule, batch.subject, asked, batch.now)
            words = in_words(rule, batch.subject) if hits else ""
            if path.fields:
                words = f"{words}; {tests_words(path.fields)}"
            for participant_id in hits:
                evidence = {"matched": path.label, "rule": words}
                outcomes[participant_id] = Go(path.key, evidence | _values(fields, participant_id))
                del left[participant_id]
        for participant_id in left:
            evidence = {"matched": "no path"}
            outcomes[participant_id] = Go(ELSE, evidence | _values(fields, participant_id))
        return outcomes


def _values(fields: Mapping[int, dict[str, Any]], participant_id: int) -> dict[str, Any]:
    """The calculated fields that the rules named, for the evidence."""
    return {"fields": found} if (found := fields.get(participant_id)) else {}
