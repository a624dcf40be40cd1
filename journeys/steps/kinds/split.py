"""Split: random groups by a stable hash (PRG-05)."""

import hashlib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from csplatform.kit.schema import Config
from journeys.steps.kind import Exit, StepBatch, StepKind
from journeys.steps.outcome import Go, Outcome


class Group(Config):
    """One group of the split."""

    key: str = Field(pattern=r"^[a-z0-9]{1,20}$", title="Key", json_schema_extra={"widget": "key"})
    label: str = Field(min_length=1, max_length=60, title="Name")
    percent: int = Field(ge=0, le=100, title="Percent")


class SplitConfig(Config):
    """Groups that add up to 100 percent."""

    groups: list[Group] = Field(
        default=[Group(key="a", label="A", percent=50), Group(key="b", label="B", percent=50)],
        min_length=2,
        max_length=10,
        title="Groups",
        description="Shares add up to 100. Everybody stays in the same group for ever; a group"
        " whose path is empty is a hold-out.",
    )

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        keys = [group.key for group in self.groups]
        if len(set(keys)) != len(keys):
            raise ValueError("Two groups have the same key")
        total = sum(group.percent for group in self.groups)
        if total != 100:
            wanted = f"give {100 - total} more" if total < 100 else f"take {total - 100} away"
            raise ValueError(f"The groups add up to {total} percent: {wanted}")
        return self


def bucket(program_id: int, step_key: str, subject_id: int) -> float:
    """A subject's place in [0, 100): the same for ever in this step, across versions."""
    text = f"{program_id}:{step_key}:{subject_id}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) / 2**64 * 100


def group_of(groups: list[Group], place: float) -> Group:
    """The group that a place falls into."""
    upper = 0.0
    for group in groups:
        upper += group.percent
        if place < upper:
            return group
    return next(group for group in reversed(groups) if group.percent)


class Split(StepKind):
    """Sends each subject to one of several paths at random, always the same one."""

    key = "split"
    label = "Split"
    sentence = "Divides people at random into groups of a given share, e.g. to hold some out."
    icon = "call_split"
    group = "Decisions"
    Config = SplitConfig
    example = {
        "groups": [
            {"key": "a", "label": "Gets it", "percent": 90},
            {"key": "b", "label": "Hold-out", "percent": 10},
        ]
    }

    def exits(self, config: SplitConfig) -> tuple[Exit, ...]:
        """One per group."""
        return tuple(Exit(g.key, f"{g.label} · {g.percent} %") for g in config.groups)

    def words(self, config: SplitConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        return "Splits at random: " + ", ".join(f"{g.percent} % {g.label}" for g in config.groups)

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """By hash; no randomness at run time, so a repeated run decides the same."""
        config: Any = batch.step.config
        step = batch.step
        outcomes: dict[int, Outcome] = {}
        for t in batch.travellers:
            place = bucket(step.program_id, step.key, t.subject_id)
            group = group_of(config.groups, place)
            outcomes[t.id] = Go(group.key, {"bucket": round(place, 3), "group": group.label})
        return outcomes
