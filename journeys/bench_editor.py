"""What the flow editor's requests take: opening it, one edit, one panel; drafts and travelled ones.

The size is the number of steps; the travelled program has 2,500 participants per step, who have
passed six steps each: 100,000 and 600,000 at the full size.
"""

import json
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from csplatform.accounts.models import User
from csplatform.kit import sql
from csplatform.kit.bench import Bench, benches
from journeys import bench
from journeys.models import EmailTemplate, Program
from journeys.operations.draft import create_program
from journeys.sample_flow import sample_flow

TIMES = 30
PEOPLE_PER_STEP = 2_500
NAME = "Benchmark of the editor"


def register() -> None:
    """Called once at start by journeys.registrations."""
    benches.register("editor", Bench(40, editor))


def editor(size: int) -> Iterator[dict[str, Any]]:
    """Requests through the whole stack of the web process, without the network."""
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name their files
    with _quiet(), _staff() as client, _mail() as template:
        document = sample_flow(size, 5, template=template)
        draft = create_program(name=NAME, actor=None, document=document)
        try:
            yield from _cases(client, draft, "draft")
        finally:
            draft.delete()
        with (
            bench.people(size * PEOPLE_PER_STEP) as ids,
            bench.program(*document["steps"]) as made,
        ):
            _travel(made, ids)
            made.refresh_from_db()
            yield from _cases(client, made, f"{len(ids):,} participants")


def _cases(client: Client, program: Program, what: str) -> Iterator[dict[str, Any]]:
    page = {name: reverse(f"admin:journeys_program_{name}", args=[program.pk])
            for name in ("flow", "flow_edit", "flow_panel", "snapshot")}  # fmt: skip
    last = program.draft["steps"][-1]["key"]
    number = iter(range(10**6))
    revision = [program.draft_revision]

    def edit() -> Any:
        change = {"op": "update", "key": last, "name": f"Renamed {next(number)}"}
        body = json.dumps({"revision": revision[0], "edit": change})
        answer = client.post(page["flow_edit"], body, content_type="application/json")
        revision[0] += 1
        return answer

    runs: dict[str, Callable[[], Any]] = {
        "open": lambda: client.get(page["flow"]),
        "edit": edit,
        "panel": lambda: client.get(page["flow_panel"], {"of": last}),
        "snapshot": lambda: client.get(page["snapshot"]),
    }
    for name, run in runs.items():
        yield {"case": f"{name}, {what}", **_measure(run)}


def _measure(run: Callable[[], Any]) -> dict[str, Any]:
    """Percentiles of some runs after the first, and how many queries one takes."""
    for _ in range(2):
        answer = run()
        assert answer.status_code == 200, answer.content[:300]
    queries = 0

    def count(execute: Callable[..., Any], *given: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*given)

    with connection.execute_wrapper(count):
        run()
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        run()
        took.append((time.perf_counter() - began) * 1000)
    seconds = sum(took) / 1000
    return {
        "seconds": round(seconds, 3),
        "rate": round(TIMES / seconds),
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
        "queries": queries,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """A line per request would hide the figures."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _staff() -> Iterator[Client]:
    """A program manager's browser."""
    user = User.objects.create_user(username="bench-editor", role="program_manager", is_staff=True)
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    try:
        yield client
    finally:
        client.logout()
        user.delete()


@contextmanager
def _mail() -> Iterator[int]:
    made = EmailTemplate.objects.create(
        name=NAME, subject="Hello", blocks=[{"kind": "text", "text": "Hello"}]
    )
    try:
        yield made.pk
    finally:
        made.delete()


def _travel(made: Program, ids: list[int]) -> None:
    """Participants and what they passed, by plain SQL; they wait at the first step."""
    sql.run(
        "INSERT INTO journeys_participant (program_id, version_id, person_id, context_id,"
        " state, lane, phase, visit, refs, step_since, entered_at, end_reason, deaths,"
        " cause, depth, wait_local, wait_zone, step_id) SELECT g.id, g.published_id, p.id, '',"
        " 'active', 0, 'waiting', 0, '{}', now(), now(), '', 0, '{}', 0, '', '',"
        " (SELECT min(id) FROM journeys_step WHERE version_id = g.published_id)"
        " FROM journeys_program g, customers_person p WHERE g.id = %s AND p.id = ANY(%s)",
        [made.pk, ids],
    )
    sql.run(
        "INSERT INTO journeys_transition (participant_id, program_id, version_id, step_id, kind,"
        " exit, occurred_at, recorded_at) SELECT p.id, p.program_id, p.version_id, s.id, 'go',"
        " 'done', now(), now() FROM journeys_participant p, (SELECT id FROM journeys_step"
        "  WHERE version_id = %s ORDER BY id LIMIT 6) s WHERE p.program_id = %s",
        [made.published_id, made.pk],
    )
    for table in ("journeys_participant", "journeys_transition"):
        sql.run(f"ANALYZE {table}")
