"""The demo tenant's health: a profile for everybody and one for those who still try."""

from csplatform.demo.parts import DemoPart, World, demo_parts
from csplatform.health.kind import measure_kinds
from csplatform.health.operations import MeasureInput, ProfileInput, save_profile, set_pulse
from csplatform.health.scoring import parse_tiers
from csplatform.kit.jobs import drain
from csplatform.segments.operations.definition import SegmentInput, save_segment

TRIALS = {"test": "attribute", "name": "stage", "operator": "equals", "value": "trial"}


def register() -> None:
    """Called once at start."""
    demo_parts.register("health", DemoPart(45, "health of companies", build))


def _measure(kind: str, weight: int, points: str = "", **more: object) -> MeasureInput:
    tiers = parse_tiers(points or measure_kinds.get(kind).tiers)
    return MeasureInput(kind=kind, tiers=tiers, weight=weight, **more)  # type: ignore[arg-type]


def build(world: World) -> None:
    """Two profiles, some pulses, all scores."""
    manager = world.staff["manager"]
    trials = save_segment(
        SegmentInput("Trials", "Companies that still try.", "company", "dynamic", TRIALS),
        actor=manager,
    )
    drain("bulk", "live")
    save_profile(
        ProfileInput(
            "Customers", position=20,
            measures=(
                _measure("active_share", 30), _measure("trend", 20), _measure("days_since", 15),
                _measure("overdue_amount", 15), _measure("days_to_renewal", 10),
                _measure("pulse", 10),
            ),
        ),
        actor=manager,
    )  # fmt: skip
    save_profile(
        ProfileInput(
            "Trials", segment=trials.pk,
            measures=(
                _measure("active_people", 50, days=14),
                _measure("events", 30, event="project_created", days=14,
                         points="0 = 0, 1 = 60, more = 100"),
                _measure("days_since", 20),
            ),
        ),
        actor=manager,
    )  # fmt: skip
    drain("bulk", "live")
    for company_id in world.random.sample(world.company_ids, 6):
        points = world.random.choice((10, 30, 70, 90))
        set_pulse(company_id, points, actor=manager, note="From the last call.")
    drain("bulk", "live")
