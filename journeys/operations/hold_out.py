"""The share of everybody that no program treats (PRG-28)."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from csplatform.kit import audit
from csplatform.kit.errors import DomainError
from csplatform.kit.permissions import require
from journeys.models import HoldOut

HIGHEST = 50


def current_hold_out() -> HoldOut:
    """The setting; nobody is held out as long as it was never set."""
    return HoldOut.objects.select_related("changed_by").filter(pk=1).first() or HoldOut(pk=1)


def set_hold_out(percent: Any, *, actor: Any) -> HoldOut:
    """Hold so many percent of all people and companies out of programs from now on.

    Who is held out is told by a stable hash: a larger share keeps all who were in the smaller one.
    Runs under way go on. Raises DomainError outside 0 to 50 percent.
    """
    require(actor, "journeys.change_holdout")
    try:
        share = round(Decimal(str(percent)), 2)
    except ArithmeticError:
        share = Decimal(-1)
    if not share.is_finite() or not 0 <= share <= HIGHEST:
        text = f"Give a number from 0 to {HIGHEST}."
        raise DomainError(text, path="/percent", code="range")
    with transaction.atomic():
        HoldOut.objects.get_or_create(pk=1)
        row = HoldOut.objects.select_for_update().get(pk=1)
        before, row.percent, row.changed_by = row.percent, share, actor
        row.save()
        audit.record(
            actor, "hold_out.change", row,
            before={"percent": str(before)}, after={"percent": str(share)},
        )  # fmt: skip
    return row
