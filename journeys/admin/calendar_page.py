"""The calendar of all programs: what was and will be published, paused, stopped (PRG-40)."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from csplatform.kit.clock import now
from journeys.admin.door import need
from journeys.models import Folder
from journeys.models.program import ProgramState, ProgramType
from journeys.snapshot.calendar import CalendarEntry, CalendarFilter, by_day, entries_between

TEMPLATE = "admin/journeys/program/calendar.html"
FIRST_YEAR, LAST_YEAR = 2000, 2100
SHOWN = 4  # of a day, the others behind "more"


@dataclass(frozen=True)
class Day:
    """One cell of the grid."""

    date: date
    inside: bool  # of the month that is shown
    today: bool
    entries: list[CalendarEntry]

    @property
    def first(self) -> list[CalendarEntry]:
        """What is shown at once; one more than that is shown rather than hidden."""
        return self.entries if len(self.entries) == SHOWN + 1 else self.entries[:SHOWN]

    @property
    def others(self) -> list[CalendarEntry]:
        """What stands behind "more"."""
        return self.entries[len(self.first) :]


@require_GET
def calendar_page(request: HttpRequest, *, model_admin: ModelAdmin) -> HttpResponse:
    """A month: ?month=2026-12&folder=&type=&state=."""
    need(request, "journeys.view_program")
    today = now().date()
    month = _month(request.GET.get("month", ""), today)
    wanted = CalendarFilter.read(request.GET.dict())
    weeks = _weeks(month, today, wanted)
    days = [day for week in weeks for day in week if day.inside]
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Program calendar",
        "is_fullwidth": "1",
        "month": month,
        "weeks": weeks,
        "count": sum(len(day.entries) for day in days),
        "wanted": wanted,
        "filtered": wanted != CalendarFilter(),
        "keep": urlencode({k: v for k, v in vars(wanted).items() if v}),
        "before": _step(month, -1),
        "after": _step(month, 1),
        "this_month": today.replace(day=1),
        "folders": Folder.objects.values_list("pk", "name"),
        "types": ProgramType.choices,
        "states": ProgramState.choices,
    }
    return TemplateResponse(request, TEMPLATE, context)


def _month(text: str, today: date) -> date:
    """The first day of a month of an address; the present month for what is none."""
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else today.replace(day=1)


def _step(month: date, by: int) -> date | None:
    """The month before or after; None where the calendar ends."""
    number = month.year * 12 + month.month - 1 + by
    year = number // 12
    return date(year, number % 12 + 1, 1) if FIRST_YEAR <= year <= LAST_YEAR else None


def _weeks(month: date, today: date, wanted: CalendarFilter) -> list[list[Day]]:
    dates = calendar.Calendar().monthdatescalendar(month.year, month.month)
    start = datetime.combine(dates[0][0], time(), UTC)
    end = datetime.combine(dates[-1][-1], time(), UTC) + timedelta(days=1)
    found = by_day(entries_between(start, end, wanted))
    return [
        [Day(day, day.month == month.month, day == today, found.get(day, [])) for day in week]
        for week in dates
    ]
