"""The demo tenant goes through the public operations and is plausible (OPS-01)."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from csplatform.accounts.models import User
from csplatform.customers.models import Company, Event, Person
from csplatform.kit.clock import now
from csplatform.segments.models import Segment
from journeys.models import Outbox, Participant, Program

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    """The list of logins is written for the runner; here it goes elsewhere."""
    settings.DATA_DIR = tmp_path


def test_the_tenant_is_whole_and_in_motion(tmp_path):
    """Customers, events, segments, programs with people or companies at several steps, one to be
    published and one without entries."""
    call_command("demo_tenant", verbosity=0)
    assert Company.objects.count() == 200
    assert Person.objects.count() == 5000
    assert Event.objects.count() > 50_000
    assert all(count > 0 for count in Segment.objects.values_list("member_count", flat=True))
    assert User.objects.filter(is_staff=True).count() == 7
    assert "manager" in (tmp_path / "demo-logins.txt").read_text()
    moving = Program.objects.filter(state="active", quarantine="", accepts_entries=True)
    assert moving.count() >= 3
    for program in moving:
        inside = Participant.objects.filter(program=program)
        assert inside.values("step").distinct().count() >= 2
        assert not inside.filter(state="failed").exists()
    assert Outbox.objects.exists()
    scheduled = Program.objects.get(state="scheduled")
    assert timedelta(days=6) < scheduled.publish_at - now() < timedelta(days=8)
    closed = Program.objects.get(state="active", accepts_entries=False)
    assert Participant.objects.filter(program=closed, ended_at=None).exists()
    with pytest.raises(CommandError, match="has data already"):
        call_command("demo_tenant", verbosity=0)
    call_command("demo_tenant", if_empty=True, verbosity=0)
    assert Company.objects.count() == 200
