"""Benchmarks run at small sizes, give their figures and leave nothing behind."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from csplatform.customers import bench_world
from csplatform.customers.models import Company, Event, Membership, Person
from csplatform.freshness.models import Touch
from csplatform.kit import jobs
from csplatform.kit.bench import benches
from csplatform.segments.models import Segment
from engagements.models import Visitor
from journeys.models import EmailTemplate, Outbox, Participant, Program, Transition

MODELS = (
    Person, Company, Membership, Event, Participant, Program, Transition, Outbox, EmailTemplate,
    Segment, Visitor, Touch,
)  # fmt: skip
# These start processes, which see only what is committed.
WITH_PROCESSES = ("ingest", "latency")
# editor: steps; latency: so much behind it that something can be measured meanwhile
SIZES = {"editor": 8, "latency": 2000}


@pytest.fixture(autouse=True)
def _awake(monkeypatch):
    """The command puts this process's wake-ups to sleep."""
    monkeypatch.setattr(jobs, "sleeping", False)


def run(name, size):
    """The lines of a benchmark."""
    out = StringIO()
    call_command("bench", name, size=size, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def check(name, size):
    """Figures as promised, and nothing left."""
    lines = run(name, size)
    assert lines
    assert len({line.get("case") for line in lines}) == len(lines)
    for line in lines:
        assert (line["name"], line["size"]) == (name, size)
        assert line["seconds"] >= 0
        assert line["rate"] > 0
    left = [model.__name__ for model in MODELS if model.objects.exists()]
    assert left == []
    return lines


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted({*benches.keys()} - {*WITH_PROCESSES}))
def test_a_benchmark_gives_its_figures_and_cleans_up(name):
    """Design, stable interfaces: name, size, seconds, rate; ratio where there is a twin."""
    lines = check(name, SIZES.get(name, 60))
    assert ("ratio" in lines[0]) == (name in ("engine", "enroll", "segments"))


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", WITH_PROCESSES)
def test_a_benchmark_with_processes_of_its_own(name, monkeypatch):
    """Design, stable interfaces: latency gives p50_ms and p95_ms."""
    monkeypatch.undo()  # wake-ups really go out
    monkeypatch.setattr(jobs, "sleeping", False)
    lines = check(name, SIZES.get(name, 200))
    assert ("p95_ms" in lines[0]) == (name == "latency")


@pytest.mark.django_db
def test_a_world_is_the_same_for_the_same_seed():
    """Figures can be compared: roles and events do not depend on the day."""
    found = []
    for seed in (1, 1, 2):
        world = bench_world.build(300, 20, 900, seed=seed)
        roles = list(Person.objects.order_by("pk").values_list("role", flat=True))
        people = Event.objects.order_by("pk").values_list("person_id", flat=True)
        found.append((roles, [person - world.low for person in people]))
        bench_world.remove()
    assert found[0] == found[1] != found[2]
    assert len(set(found[0][0])) == 4


@pytest.mark.django_db
def test_the_world_has_a_command_of_its_own():
    """SCL-01: fill a database to measure with, and empty it again."""
    out = StringIO()
    call_command("bench_world", people=30, companies=3, events=90, stdout=out)
    assert "30 people, 3 companies, 90 events" in out.getvalue()
    assert (Person.objects.count(), Event.objects.count()) == (30, 90)
    call_command("bench_world", remove=True, stdout=out)
    assert not Person.objects.exists()
    assert not Event.objects.exists()
