"""What staff say about health: profiles and the pulse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from csplatform.customers.models import Company
from csplatform.health.computing import compute, mark_all_due
from csplatform.health.kind import measure_kinds
from csplatform.health.models import HealthMeasure, HealthProfile, Pulse
from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.permissions import require

MAX_MEASURES = 50


@dataclass(frozen=True)
class MeasureInput:
    """One measure of a profile."""

    kind: str
    tiers: Sequence[Sequence[float | int | None]]
    label: str = ""
    weight: int = 10
    event: str = ""
    days: int = 30
    attribute: str = ""


@dataclass(frozen=True)
class ProfileInput:
    """A profile with all its measures. `segment` is the id of a segment of companies."""

    name: str
    segment: int | None = None
    position: int = 10
    good_from: int = 70
    poor_below: int = 40
    is_active: bool = True
    measures: Sequence[MeasureInput] = ()


def save_profile(
    given: ProfileInput, *, actor: Any, profile_id: int | None = None
) -> HealthProfile:
    """Make or change a profile; everybody's score is worked out anew.

    Raises DomainError with "/measures/<index>/<name>" paths, Conflict for a taken name.
    """
    require(actor, f"health.{'change' if profile_id else 'add'}_healthprofile")
    if problems := _problems(given):
        raise DomainError(problems)
    try:
        with transaction.atomic():
            rows = HealthProfile.objects.select_for_update()
            row = rows.get(pk=profile_id) if profile_id else HealthProfile()
            row.name, row.segment_id, row.position = given.name, given.segment, given.position
            row.good_from, row.poor_below = given.good_from, given.poor_below
            row.is_active = given.is_active
            row.save()
            row.measures.all().delete()
            HealthMeasure.objects.bulk_create(
                HealthMeasure(profile=row, position=place, **vars(measure))
                for place, measure in enumerate(given.measures)
            )
            told = {"measures": [f"{m.kind} ({m.weight})" for m in given.measures]}
            verb = "change" if profile_id else "add"
            audit.record(actor, f"healthprofile.{verb}", row, after=told)
            mark_all_due()
    except IntegrityError:
        text = "Another profile has this name; choose a different one."
        raise Conflict(text, path="/name", code="taken") from None
    return row


def _problems(given: ProfileInput) -> list[Problem]:
    problems = []
    if not given.name.strip() or len(given.name) > 100:
        problems.append(Problem("/name", "Give a name of at most 100 characters."))
    if not 0 <= given.poor_below <= given.good_from <= 100:
        text = "“Poor below” lies at or below “good from”, both from 0 to 100."
        problems.append(Problem("/poor_below", text, "range"))
    if not given.measures:
        problems.append(Problem("/measures", "Add at least one measure.", "missing"))
    if len(given.measures) > MAX_MEASURES:
        problems.append(Problem("/measures", f"Use at most {MAX_MEASURES} measures.", "too_many"))
    for index, measure in enumerate(given.measures):
        path = f"/measures/{index}"
        if measure.kind not in measure_kinds:
            problems.append(Problem(f"{path}/kind", "There is no such measure.", "unknown"))
        elif wrong := measure_kinds.get(measure.kind).problem(measure):
            problems.append(Problem(f"{path}/attribute", wrong))
        if not 1 <= measure.weight <= 100:
            problems.append(Problem(f"{path}/weight", "A weight is from 1 to 100.", "range"))
    return problems


def delete_profile(profile_id: int, *, actor: Any) -> None:
    """Delete a profile; whom it measured is measured by the next one that takes them."""
    require(actor, "health.delete_healthprofile")
    with transaction.atomic():
        row = HealthProfile.objects.select_for_update().get(pk=profile_id)
        audit.record(actor, "healthprofile.delete", row)
        row.delete()
        mark_all_due()


def set_pulse(
    company_id: int,
    points: int,
    *,
    actor: Any,
    note: str = "",
    expires_at: datetime | None = None,
) -> Pulse:
    """Put down what one feels about a company; the score follows at once.

    Raises DomainError for points beyond 0 to 100 or an unknown company.
    """
    require(actor, "health.add_pulse")
    if not 0 <= points <= 100:
        raise DomainError("A pulse is from 0 to 100.", path="/points", code="range")
    if len(note) > 2000 or "\x00" in note:
        raise DomainError("Use at most 2,000 characters.", path="/note", code="too_long")
    with transaction.atomic():
        company = Company.objects.filter(pk=company_id, merged_into=None).first()
        if company is None:
            raise DomainError("There is no such company.", path="/company", code="unknown")
        now = database_now()
        pulse = Pulse.objects.create(
            company=company, points=points, note=note.strip(), by=actor, at=now,
            expires_at=expires_at,
        )  # fmt: skip
        audit.record(actor, "company.pulse", company, after={"points": points})
        compute([company.pk], now)
    return pulse
