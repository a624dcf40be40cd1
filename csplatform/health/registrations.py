"""What health brings to the rooms below."""

from django.urls import reverse, reverse_lazy

from csplatform.adminkit.navigation import Entry, entries
from csplatform.api.routes import Route, routes
from csplatform.ascode.registrations import register_kind
from csplatform.freshness.loop import consumers
from csplatform.health import book, demo
from csplatform.health.api import ProfileViewSet, ScoreViewSet
from csplatform.health.ascode import HealthProfileKind
from csplatform.health.computing import follow, pending, run_batch, sweep
from csplatform.health.kind import measure_kinds
from csplatform.health.kinds import standing, usage
from csplatform.health.models import HealthProfile
from csplatform.health.panels import health_figure, health_panel
from csplatform.health.rule_kind import SOURCE, HealthTest, health_of
from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic
from csplatform.rules.load import fact_sources
from csplatform.rules.registry import rule_kinds
from csplatform.segments.models import Segment
from csplatform.segments.usage import Use, segment_users
from csplatform.snapshots.header import company_figures
from csplatform.snapshots.panels import Panel, panels

KINDS = (
    usage.EventCount, usage.ActivePeople, usage.ActiveShare, usage.Trend, usage.DaysSince,
    standing.AttributeFigure, standing.DaysToRenewal, standing.OverdueAmount, standing.PulseMeasure,
)  # fmt: skip
SWEEP_SECONDS = 120


def register() -> None:
    """Called once at start."""
    for kind in KINDS:
        measure_kinds.register(kind.key, kind())
    test = HealthTest()
    rule_kinds.register(test.key, test)
    fact_sources.register(SOURCE, health_of)
    consumers.register("health", follow)
    lane_work.register("health.scores", LaneWork("health.scores", "bulk", run_batch, pending))
    periodic.register("health.sweep", Periodic("health.sweep", SWEEP_SECONDS, sweep))
    segment_users.register("health", _uses)
    register_kind(HealthProfileKind())
    routes.register("health_profiles", Route("health-profiles", ProfileViewSet))
    routes.register("health_scores", Route("health-scores", ScoreViewSet))
    company_figures.register("health", health_figure)
    panels.register(
        "health",
        Panel("health", "Health", "company", 10, "health/panel.html", health_panel,
              permission="health.view_healthscore"),
    )  # fmt: skip
    for order, name, group, title, icon in (
        (15, "healthscore", "Customers", "Health", "monitor_heart"),
        (16, "healthprofile", "Settings", "Health profiles", "favorite"),
    ):
        entries.register(
            f"health.{name}",
            Entry(group, order, title, icon,
                  lambda name=name: reverse_lazy(f"admin:health_{name}_changelist"),  # type: ignore[misc]
                  f"health.view_{name}"),
        )  # fmt: skip
    book.register()
    demo.register()


def _uses(segment: Segment) -> list[Use]:
    rows = HealthProfile.objects.filter(segment=segment)
    page = "admin:health_healthprofile_change"
    return [Use("Health profile", row.name, reverse(page, args=[row.pk])) for row in rows]
