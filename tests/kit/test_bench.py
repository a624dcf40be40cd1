"""Benchmarks run at small sizes, give their figures and leave nothing behind."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from csplatform.customers.models import Event, Person
from csplatform.kit import jobs
from csplatform.kit.bench import benches
from journeys.models import Participant, Program, Transition

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _awake(monkeypatch):
    """The command puts this process's wake-ups to sleep."""
    monkeypatch.setattr(jobs, "sleeping", False)


@pytest.mark.parametrize("name", benches.keys())
def test_a_benchmark_gives_its_figures_and_cleans_up(name):
    """Design, stable interfaces: name, size, seconds, rate."""
    out = StringIO()
    call_command("bench", name, size=30, stdout=out)
    found = json.loads(out.getvalue())
    assert (found["name"], found["size"]) == (name, 30)
    assert found["seconds"] >= 0
    assert found["rate"] > 0
    for model in (Person, Event, Participant, Program, Transition):
        assert not model.objects.exists()
