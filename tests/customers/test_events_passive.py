"""What is done to people is no activity of theirs."""

import pytest

from csplatform.customers.models import PersonActivity
from csplatform.customers.operations.events import EventInput, record_events
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_a_sent_mail_does_not_make_anybody_seen():
    """CUS-02: "last seen" and the counters tell of what people did."""
    someone = make.person()
    record_events([EventInput("email.sent", person_id=someone.pk, passive=True)])
    assert not PersonActivity.objects.filter(person=someone).exists()
    record_events([EventInput("signed_in", person_id=someone.pk)])
    assert PersonActivity.objects.get(person=someone).event_count == 1
