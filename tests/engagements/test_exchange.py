"""Exchanging the engagement of a step in a running program (PRG-43)."""

from collections.abc import Callable
from typing import Any

import pytest

from engagements.models import Engagement, Invitation, ProgramLink
from journeys.flow.document import amended
from journeys.flow.parse import parse_flow
from journeys.models import Participant, Program
from journeys.operations.amend import amend_step, amendable
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll
from journeys.operations.publish import publish_preview, publish_program
from journeys.operations.review import confirm_review, review_marks
from tests import factories
from tests.engagements.make import engagement, person

pytestmark = pytest.mark.django_db
Lanes = Callable[..., int]


def waiting_for(event: str) -> dict[str, Any]:
    return factories.step(
        "conditional_wait", "cw", amount=3, unit="days",
        conditions=[{"type": "event", "step": "eng", "event": event}],
        exits={"met": [factories.step("exit", "e1", reason="met")], "not_met": []},
    )  # fmt: skip


def program(shown: Engagement) -> Program:
    """A day, the engagement, and what comes of it."""
    return factories.program(
        factories.step("wait_timer", "day", amount=1, unit="days"),
        factories.step("trigger_engagement", "eng", engagement=shown.pk),
        waiting_for("completed"),
    )


def edit(changed: Program, configs: dict[str, Any]) -> Program:
    changed.refresh_from_db()
    document = amended(changed.draft, configs)
    save_draft(changed.pk, document, revision=changed.draft_revision, actor=None)
    changed.refresh_from_db()
    return changed


def marks(of: Program) -> list[str]:
    of.refresh_from_db()
    return [mark.step_key for mark in review_marks(of, parse_flow(of.draft))]


def test_from_the_draft_at_once_and_without_a_version() -> None:
    """The editor offers it; afterwards draft and version agree, and the wait asks for a look."""
    old, new = engagement(name="Old"), engagement(name="New")
    runs = edit(program(old), {"eng": {"engagement": new.pk}})
    found = amendable(runs, parse_flow(runs.draft), "eng")
    assert found
    assert found.review == ("cw",)
    amend_step(runs.pk, "eng", dict(found.config), actor=None)
    runs.refresh_from_db()
    assert runs.published
    assert runs.versions.count() == 1
    assert runs.draft == runs.published.in_force()
    live = ProgramLink.objects.get(disconnected_at=None)
    assert live.engagement == new
    assert marks(runs) == ["cw"]
    levels = {mark.level for mark in publish_preview(runs.pk).marks if mark.code == "review"}
    assert levels == {"warning"}


def test_the_mark_goes_when_somebody_looked() -> None:
    """Confirmed, edited, amended or published anew."""

    def swapped() -> Program:
        runs = program(engagement())
        amend_step(runs.pk, "eng", {"engagement": engagement().pk}, actor=None)
        assert marks(runs) == ["cw"]
        return runs

    runs = swapped()
    confirm_review(runs.pk, "cw", actor=None)
    confirm_review(runs.pk, "cw", actor=None)
    assert marks(runs) == []
    wait = waiting_for("viewed")["config"]
    runs = edit(swapped(), {"cw": wait})
    assert marks(runs) == []
    publish_program(runs.pk, actor=None)
    runs.refresh_from_db()
    assert runs.to_review == {}


def test_earlier_versions_are_disconnected_too(run_lanes: Lanes) -> None:
    """Whoever travels an earlier version keeps his place but can no longer trigger the old one."""
    old = engagement()
    runs = program(old)
    ann, bob = person(), person("u-2", "bob@example.com")
    enroll(runs.pk, [ann], actor=None)
    run_lanes("live")
    day = {"amount": 2, "unit": "days"}
    publish_program(edit(runs, {"day": day}).pk, actor=None)
    amend_step(runs.pk, "eng", {"engagement": engagement().pk}, actor=None)
    enroll(runs.pk, [bob], actor=None)
    run_lanes("live")
    Participant.objects.update(due_at="2026-01-01T00:00:00Z")
    run_lanes("live")
    assert dict(Invitation.objects.values_list("person_id", "state")) == {
        ann: "failed", bob: "open",
    }  # fmt: skip
