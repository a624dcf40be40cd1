"""A scheduled publishing against others at the same moment, and killed midway (PRG-40, 41)."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as configured
from django.db import connection, transaction

from csplatform.kit import jobs
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict
from csplatform.segments.models import Segment
from journeys.models import EntryScan, ProgramVersion
from journeys.operations.draft import save_draft
from journeys.operations.publish import publish_program
from journeys.operations.schedule import publish_due, schedule_program, unschedule_program
from tests import factories as make
from tests.journeys.engine.racing import MEANWHILE, elsewhere
from tests.journeys.test_schedule import CHANGED, SOON, a_draft, come, scheduled

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return make.staff("program_manager")


# --- at the same moment ---------------------------------------------------------------------------

race = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as found:
        yield found


def outcomes(pool, *works):
    """What came of each of several that run at once: a result or the Conflict."""

    def safely(work):
        try:
            return work()
        except Conflict as conflict:
            return conflict

    return [
        done.result(20) for done in [elsewhere(pool, lambda w=work: safely(w)) for work in works]
    ]


def held_while(pool, first, second):
    """`second` runs into `first`, which has not committed yet; what came of `second`."""
    with transaction.atomic():
        first()
        other = elsewhere(pool, lambda: outcomes_of(second))
        time.sleep(MEANWHILE)
    return other.result(20)


def outcomes_of(work):
    try:
        return work()
    except Conflict as conflict:
        return conflict


@race
def test_of_two_who_schedule_one_is_told(pool, ann):
    program = a_draft()
    times = [now() + SOON, now() + 2 * SOON]
    found = outcomes(
        pool, *[lambda at=at: schedule_program(program.pk, at, actor=ann) for at in times] * 2
    )
    assert sum(isinstance(one, Conflict) for one in found) == 3
    assert program.state_changes.count() == 1


@race
def test_taking_back_while_it_is_published_is_told_so(pool, ann):
    program = scheduled(ann)
    come(program)
    told = held_while(pool, publish_due, lambda: unschedule_program(program.pk, actor=ann))
    assert isinstance(told, Conflict)
    program.refresh_from_db()
    assert (program.state, program.published.number) == ("active", 1)


@race
def test_what_is_being_taken_back_is_not_published(pool, ann):
    program = scheduled(ann)
    come(program)
    assert held_while(pool, lambda: unschedule_program(program.pk, actor=ann), publish_due) == 0
    assert publish_due() == 0
    program.refresh_from_db()
    assert (program.state, ProgramVersion.objects.count()) == ("draft", 0)


@race
def test_two_workers_publish_a_due_program_once(pool, ann):
    program = scheduled(ann)
    come(program)
    assert sum(outcomes(pool, *[publish_due] * 4)) == 1
    assert ProgramVersion.objects.filter(program=program).count() == 1


@race
def test_publishing_by_hand_against_the_clock_makes_one_version(pool, ann):
    program = scheduled(ann)
    come(program)
    told = held_while(pool, publish_due, lambda: publish_program(program.pk, actor=ann))
    assert isinstance(told, Conflict)
    assert ProgramVersion.objects.filter(program=program).count() == 1


@race
def test_an_edit_against_scheduling_is_told(pool, ann):
    program = a_draft()
    told = held_while(
        pool,
        lambda: schedule_program(program.pk, now() + SOON, actor=ann),
        lambda: save_draft(program.pk, CHANGED, revision=0, actor=None),
    )
    assert isinstance(told, Conflict)
    program.refresh_from_db()
    assert program.draft["steps"][0]["config"]["amount"] == 1


# --- killed ---------------------------------------------------------------------------------------

WORK = (
    "import django; django.setup()\n"
    "from journeys.operations.schedule import publish_due\n"
    "print('ready', flush=True)\n"
    "publish_due()\n"
)


def start_worker():
    """A worker of its own process on the test database."""
    parts = urlsplit(os.environ.get("DATABASE_URL", "postgresql://postgres@localhost/app"))
    name = connection.settings_dict["NAME"]
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "csplatform.settings",
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
        "SECRET_KEY": configured.SECRET_KEY,
    }
    return subprocess.Popen([sys.executable, "-c", WORK], env=env, cwd=configured.BASE_DIR)


def blocked():
    """Whether somebody of this database waits for a table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE NOT granted AND d.datname = current_database()"
        )
        return cursor.fetchone()[0]


@race
@pytest.mark.slow
@pytest.mark.parametrize("table", ["journeys_step", "journeys_entryscan"])
def test_a_worker_that_is_killed_in_the_middle_leaves_it_to_the_next(ann, table):
    """PRG-41: the version is made, or all but the entry; then kill -9."""
    people = Segment.objects.create(name="Trials", subject="person", kind="static")
    entry = {"sources": [{"kind": "segment", "segment": people.pk}]}
    program = scheduled(ann, a_draft(entry=entry))
    come(program)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")  # it stands before its writing
        worker = start_worker()
        try:
            end = time.monotonic() + 90
            while not blocked() and time.monotonic() < end:
                time.sleep(0.05)
            assert blocked(), f"the worker never came to {table}"
        finally:
            worker.kill()
            worker.wait(10)
    program.refresh_from_db()
    assert program.state == "scheduled"
    assert not ProgramVersion.objects.exists()
    end = time.monotonic() + 20
    while not publish_due() and time.monotonic() < end:
        time.sleep(0.05)  # PostgreSQL needs a moment to notice that a client died
    program.refresh_from_db()
    assert (program.state, ProgramVersion.objects.count()) == ("active", 1)
    assert EntryScan.objects.filter(program=program).count() == 1
    assert publish_due() == 0


def test_the_tick_finds_it_by_itself(ann):
    """PRG-40: no wake-up is kept in Redis; the scheduler asks this each half second."""
    work = jobs.lane_work.get("journeys.publish")
    program = scheduled(ann)
    assert not work.pending()
    come(program)
    assert work.pending()
    assert (work.lane, work.run()) == ("live", 1)
