"""How PostgreSQL answers every statement of the hot paths, at full size (docs/plans.md).

    python -m tests.benchmarks.plans [--people 1000000] [--events 10000000] > docs/plans.md

Joins the installation of DATA_DIR (or DATABASE_URL), best `make servers` on an empty folder; fills
it with a world, lets people wait in a program, does each operation once to warm up and once with
EXPLAIN (ANALYZE) before every statement, and takes the world away again.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

GREAT = ("customers_event", "customers_person", "customers_company", "journeys_participant",
         "journeys_transition", "segments_member", "customers_membership")  # fmt: skip
HEAD = """# How the hot statements are answered

Made by `python -m tests.benchmarks.plans` with {people:,} people, {companies:,} companies,
{events:,} events and {waiting:,} participants waiting; PostgreSQL {version}. One line per
statement: the tables that it reaches through which index, and its time, planning apart. A whole
table is read ("Seq Scan") only where it is small, or where the operation is about all of it.
"""


class Plans:
    """Explains every statement of the operation in hand before it runs."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, str]] = []
        self.busy = False

    def __call__(self, execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        """A wrapper of django.db.connection.execute_wrapper."""
        verb = statement.strip().split(None, 1)[0].upper()
        if not self.busy and verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
            self.busy = True
            try:
                self.rows.append(self._explain(statement, params))
            finally:
                self.busy = False
        return execute(statement, params, many, context)

    def _explain(self, statement: str, params: Any) -> tuple[str, float, str]:
        from django.db import connection, transaction

        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", params)
                found = cursor.fetchone()[0]
            transaction.set_rollback(True)
        plan = (json.loads(found) if isinstance(found, str) else found)[0]
        ways = list(dict.fromkeys(_ways(plan["Plan"])))
        return _short(statement), plan["Execution Time"], ", ".join(ways)


def _ways(node: dict[str, Any]) -> Iterator[str]:
    """How tables are reached, partitions under the name of their parent."""
    if node.get("Actual Loops", 1):
        table = re.sub(r"_(\d{4}_\d{2}|default)$", "", node.get("Relation Name", ""))
        index = re.sub(r"_\d{4}_\d{2}_|_default_", "_…_", node.get("Index Name", ""))
        if index:
            yield f"`{table or '…'}` by `{index}`" if table else f"by `{index}`"
        elif node["Node Type"] == "Seq Scan":
            yield f"{'**Seq Scan**' if table in GREAT else 'Seq Scan'} `{table}`"
    for child in node.get("Plans", ()):
        yield from _ways(child)


def _short(statement: str) -> str:
    """The beginning of a statement, on one line."""
    text = re.sub(r"\s+", " ", statement).replace('"', "").replace("|", "\\|").strip()
    return text if len(text) < 90 else text[:87] + "…"


def operations(stack: ExitStack, people: int, companies: int, events: int) -> dict[str, Any]:
    """The hot paths by name, over a world that is made here."""
    from csplatform.customers import bench_world
    from csplatform.customers.operations.attributes import patch_attributes
    from csplatform.customers.operations.events import EventInput, record_events
    from csplatform.customers.operations.people import PersonInput, upsert_people
    from csplatform.freshness import flips, loop
    from csplatform.kit import jobs
    from csplatform.segments import bench as segment_bench
    from csplatform.segments import recompute
    from csplatform.segments.operations.definition import (
        SegmentInput,
        delete_segment,
        request_recompute,
        save_segment,
    )
    from journeys.bench import enter_all, program, step
    from journeys.emails import sender
    from journeys.emails.bench import BLOCKS
    from journeys.engine import advance, inbox
    from journeys.models import EmailTemplate
    from journeys.operations.enroll import enroll

    stack.callback(bench_world.remove)
    world = bench_world.build(people, companies, events)
    ids = list(range(world.low + 1, world.high + 1))
    segments = [
        save_segment(SegmentInput(f"Plans: {name}", rule=rule), actor=None)
        for name, rule in (("half", segment_bench.HALF), ("active", segment_bench.ACTIVE))
    ]
    for segment in segments:
        stack.callback(delete_segment, segment.pk, actor=None)
    while recompute.run_slice():
        pass
    template = EmailTemplate.objects.create(name="Plans", subject="Hello", blocks=BLOCKS)
    stack.callback(template.delete)
    signal = {"test": "event", "name": "upload", "operator": "at_least", "count": 999}
    conditions = [
        {"type": "event", "step": "mail", "event": "opened"}, {"type": "rule", "rule": signal},
    ]  # fmt: skip
    goal = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Won"}
    made = stack.enter_context(
        program(
            step("send_email", "mail", template=template.pk),
            step("conditional_wait", "wait", "met", "not_met", conditions=conditions),
            goal=goal, goal_exits=False,
        )
    )  # fmt: skip
    waiting = min(100_000, people // 2)
    enter_all(made, ids[:waiting])
    while advance.advance_due(1) or advance.advance_due(0):
        pass
    refs = dict(made.participants.values_list("person_id", "refs")[:1000])
    some = sorted(refs)
    numbers = iter(range(10**9))
    fresh = iter(ids[waiting:])

    def next_few(count: int) -> list[int]:
        return [next(fresh) for _ in range(count)]

    def opened() -> list[EventInput]:
        return [
            EventInput("email.opened", person_id=p, ref=int(refs[p]["mail"]), passive=True)
            for p in [some.pop() for _ in range(100)]
        ]

    def pending() -> None:
        for work in jobs.lane_work:
            work.pending()

    def again(segment: Any) -> Callable[[], Any]:
        def run() -> None:
            request_recompute(segment.pk, actor=None)
            recompute.run_slice()

        return run

    return {
        "One event is stored": lambda: record_events([EventInput("upload", person_id=ids[5])]),
        "A thousand events are stored": lambda: record_events(
            [EventInput("page", person_id=p) for p in ids[:1000]]
        ),
        "The freshness loop follows them": loop.run_batch,
        "A hundred openings are stored": lambda: record_events(opened()),
        "They meet the waits": inbox.run_batch,
        "A thousand people are identified": lambda: upsert_people(
            [PersonInput(email=f"n{next(numbers)}@bench.invalid", name="New") for _ in range(1000)]
        ),
        "The loop follows new people": loop.run_batch,
        "One attribute changes": lambda: patch_attributes(
            "person", {ids[7]: {"persona": f"P{next(numbers)}"}}, cause={}
        ),
        "The loop looks at segments, goals and waits": loop.run_batch,
        "A thousand people enter": lambda: enroll(made.pk, next_few(1000), actor=None),
        "A batch is advanced": lambda: advance.advance_due(1),
        "Their waits are armed": lambda: advance.advance_due(1),
        "A batch of mails is sent": lambda: sender.run_batch(limit=3),
        "A slice of a segment is computed (attribute)": again(segments[0]),
        "A slice of a segment is computed (events, with next flips)": again(segments[1]),
        "Due flips become touches": flips.run_batch,
        "The scheduler's tick": pending,
        "Batches of dead workers are looked for": advance.recover,
    }


def main() -> int:
    """Prints the page; what goes on, to standard error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--companies", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csplatform.settings")
    from csplatform.embedded.attach import attach

    attach()
    import django

    django.setup()
    from django.db import connection

    from csplatform.kit import jobs, sql

    jobs.sleeping = True
    with ExitStack() as stack:
        found = operations(stack, options.people, options.companies, options.events)
        waiting = sql.one("SELECT count(*) FROM journeys_participant WHERE ended_at IS NULL")
        version = sql.one("SHOW server_version")
        print(HEAD.format(**vars(options), waiting=waiting, version=version))
        for operation in found.values():  # warms caches up
            operation()
        for name, operation in found.items():
            print(name, file=sys.stderr)
            plans = Plans()
            with connection.execute_wrapper(plans):
                operation()
            total = sum(row[1] for row in plans.rows)
            print(f"\n## {name}\n\n{len(plans.rows)} statements, {total:.1f} ms\n")
            print("| Statement | ms | Read and written by |\n|---|---:|---|")
            for statement, took, ways in plans.rows:
                print(f"| `{statement}` | {took:.2f} | {ways} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
