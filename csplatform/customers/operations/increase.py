"""Adding to number attributes of many people or companies at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from csplatform.customers.attributes import attribute_specs, normal
from csplatform.customers.columns import fit
from csplatform.customers.operations.attributes import lock_living
from csplatform.customers.operations.patching import Values, apply, cause_of
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError


@dataclass(frozen=True)
class Increased:
    """What became of one row. `problem`: why its value stayed as it was, "" when it changed."""

    old: Any = None
    new: Any = None
    problem: str = ""


@settled_by_constraint
def increase_attribute(
    subject: str,
    name: str,
    amounts: Mapping[int, tuple[float, int]],
    *,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> dict[int, Increased]:
    """Add to a number attribute under the rows' locks; no value counts as 0.

    Args:
        amounts: id to (amount, how many times); amounts may be below zero.

    A sum that the attribute cannot hold leaves that row alone and says so; the others are written.
    Raises DomainError for an attribute that is gone or no number.
    """
    spec = attribute_specs(subject).get(name)
    if spec is None:
        raise DomainError(f"There is no {subject} attribute {name[:60]!r}.", path=f"/{name}")
    if spec.type != "number" or not spec.writable:
        raise DomainError(f"“{spec.label}” is no number to add to.", path=f"/{name}", code="type")
    if not amounts:
        return {}
    rows, place = lock_living(subject, amounts)
    wanted: dict[int, Decimal] = {}
    for given, (amount, times) in amounts.items():
        added = Decimal(str(amount)) * times
        wanted[place[given]] = wanted.get(place[given], Decimal(0)) + added
    patches: dict[int, Values] = {}
    results: dict[int, Increased] = {}
    for row_id, sum_ in wanted.items():
        old = rows[row_id].value(spec)
        try:
            total = normal((Decimal(str(old or 0)) + sum_).normalize())
            new = fit(subject, spec, total, f"/{row_id}/{name}")
        except DomainError as error:
            results[row_id] = Increased(old, old, error.problems[0].message)
            continue
        patches[row_id] = {name: new}
        results[row_id] = Increased(old, new)
    apply(
        subject, rows, patches, {name: spec},
        cause=cause_of(actor, cause), moment=moment or database_now(),
    )  # fmt: skip
    return {given: results[place[given]] for given in amounts}
