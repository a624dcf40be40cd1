"""Health on the company's snapshot page and in its head."""

from datetime import datetime
from typing import Any

from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.customers.models import Company
from csplatform.health.kind import measure_kinds
from csplatform.health.models import HealthChange, HealthScore, Pulse

TONES = {"good": "good", "neutral": "warn", "poor": "bad"}
HISTORY = 60
WIDTH, HEIGHT = 300, 60


def health_figure(company: Company, user: Any) -> Figure | None:
    """The score in the head, leading to its reasons."""
    found = HealthScore.objects.filter(company=company, score__isnull=False).first()
    if found is None:
        return None
    tone = TONES.get(found.label, "")
    return Figure("Health", found.score, "#health", tone=tone, note=found.get_label_display())


def health_panel(company_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """Score, reasons, history and pulse."""
    score = HealthScore.objects.select_related("profile").filter(company=company_id).first()
    changes = list(HealthChange.objects.filter(company_id=company_id).order_by("-id")[:HISTORY])
    pulse = Pulse.objects.filter(company=company_id).select_related("by").first()
    return {
        "score": score,
        "tone": TONES.get(score.label, "") if score else "",
        "reasons": _reasons(score) if score else [],
        "line": _line(list(reversed(changes))),
        "changes": changes[:6],
        "pulse": pulse,
        "pulse_expired": bool(pulse and pulse.expires_at and pulse.expires_at <= now),
        "may_pulse": user.has_perm("health.add_pulse"),
        "pulse_link": reverse("health-pulse", args=[company_id]),
        "steps": (10, 30, 50, 70, 90),
    }


def _reasons(score: HealthScore) -> list[dict[str, Any]]:
    """Each measure's part, the weakest first; what is missing last."""
    units = {kind.label: kind.unit for kind in measure_kinds}
    weight = sum(r["weight"] for r in score.reasons if r["points"] is not None) or 1
    found = [
        {
            **reason,
            "unit": units.get(reason["label"], ""),
            "share": round(100 * reason["weight"] / weight) if reason["points"] is not None else 0,
        }
        for reason in score.reasons
    ]
    return sorted(found, key=lambda r: (r["points"] is None, r["points"] or 0))


def _line(changes: list[HealthChange]) -> str:
    """Points of a polyline: the score over the changes that are kept."""
    known = [c for c in changes if c.score is not None]
    if len(known) < 2:
        return ""
    first, last = known[0].at, known[-1].at
    span = max((last - first).total_seconds(), 1)
    places = (
        (WIDTH * (c.at - first).total_seconds() / span, HEIGHT - HEIGHT * (c.score or 0) / 100)
        for c in known
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
