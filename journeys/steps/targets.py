"""Whose attribute a step reads or writes: the traveller's own, or that of its company.

In settings a bare name is the subject's own attribute and "company.<name>" one of the company; for
a person that is the company it travels for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csplatform.customers.attributes import Spec, attribute_specs
from csplatform.kit.errors import DomainError
from csplatform.rules.kind import Known
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepView, Traveller
from journeys.steps.options import COMPANY
from journeys.steps.outcome import Fail, Go, Outcome

# In evidence: there was nobody to write to.
NO_COMPANY = "travels for no company"


@dataclass(frozen=True)
class Target:
    """An attribute of "person" or "company"."""

    subject: str
    name: str


def target_of(attribute: str, subject: str) -> Target:
    """The target that a setting names in a program for `subject`."""
    if attribute.startswith(COMPANY):
        return Target("company", attribute.removeprefix(COMPANY))
    return Target(subject, attribute)


def is_company(attribute: str) -> bool:
    """Whether a setting names an attribute of the company."""
    return attribute.startswith(COMPANY)


def row_of(target: Target, traveller: Traveller, subject: str) -> int | None:
    """Id of the row that the target stands in for a traveller; None: travels for no company."""
    return traveller.subject_id if target.subject == subject else traveller.at_company_id


def rows_of(target: Target, batch: StepBatch) -> dict[int, int]:
    """Participant id to row id, in the order of the participants' ids; without those who have no
    such row."""
    found = {}
    for traveller in sorted(batch.travellers, key=lambda t: t.id):
        row = row_of(target, traveller, batch.subject)
        if row is not None:
            found[traveller.id] = row
    return found


def cause_of(step: StepView) -> dict[str, Any]:
    """Why a value changed, as its history keeps it."""
    return {"program": step.program_id, "step": step.key}


def spec_of(target: Target, known: Known | None = None) -> Spec | None:
    """What the target is now; None when it was deleted."""
    specs = known.attributes(target.subject) if known else attribute_specs(target.subject)
    return specs.get(target.name)


def usable(attribute: str, context: CheckContext, path: str, *, writes: bool = True) -> list[Mark]:
    """Marks for an attribute that is gone or cannot be written."""
    target = target_of(attribute, context.subject)
    spec = spec_of(target, context.known)
    if spec is None:
        return [Mark(path, f"There is no attribute “{attribute}” any more; choose another.")]
    if writes and not spec.writable:
        return [Mark(path, f"“{spec.label}” cannot be set; choose another.")]
    return []


def title(attribute: str, names: Mapping[str, str]) -> str:
    """How an attribute is called in a sentence."""
    return names.get(f"attribute:{attribute}") or attribute or "…"


def all_fail(batch: StepBatch, reason: str) -> dict[int, Outcome]:
    """Nobody can be served; each fails with the reason, and may try again once it is put right."""
    return {t.id: Fail(reason) for t in batch.travellers}


def gone(attribute: str) -> str:
    """The reason when an attribute was deleted since publishing."""
    return f"There is no attribute “{attribute}” any more."


def skipped(batch: StepBatch, rows: Iterable[int], attribute: str) -> dict[int, Outcome]:
    """Outcomes of those who have no such row: they go on, and the feed says why nothing was
    done."""
    there = set(rows)
    return {
        t.id: Go(evidence={"attribute": attribute, "skipped": NO_COMPANY})
        for t in batch.travellers
        if t.id not in there
    }


def problem_text(error: DomainError) -> str:
    """An error's sentences as one reason."""
    return " ".join(problem.message for problem in error.problems)


def overtaken(order: Sequence[int], rows: Mapping[int, int]) -> set[int]:
    """Of participants that write to one row, all but the last in id order: as if they had come one
    after the other."""
    last = {rows[participant]: participant for participant in order}
    return {participant for participant in order if last[rows[participant]] != participant}
