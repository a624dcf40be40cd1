"""Months are made ahead and dropped when nobody keeps them."""

from datetime import UTC, datetime

import pytest
from django.test import override_settings

from csplatform.customers.models import Event
from csplatform.kit import sql
from csplatform.kit.partitions import drop_partitions, ensure_partitions

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2019, 3, 15, tzinfo=UTC)


def event_at(moment):
    sql.run(
        "INSERT INTO customers_event (name_id, occurred_at, recorded_at) VALUES (1, %s, %s)",
        [moment, moment],
    )


def exists(table):
    return sql.one("SELECT to_regclass(%s)", [table]) is not None


def test_months_ahead_are_made_once():
    made = ensure_partitions(LONG_AGO)
    months = [f"customers_event_2019_{month:02}" for month in (3, 4, 5, 6)]
    assert [name for name in made if name.startswith("customers_event")] == months
    assert ensure_partitions(LONG_AGO) == []


def test_old_months_are_dropped_and_what_is_kept_stays():
    """Two whole months besides the present one; rows without a month of their own as well."""
    ensure_partitions(LONG_AGO)
    for month in (1, 3, 4, 5, 6):  # January has no partition and lies in the default one
        event_at(datetime(2019, month, 20, tzinfo=UTC))
    event_at(datetime(2019, 1, 2, tzinfo=UTC))
    today = datetime(2019, 6, 30, tzinfo=UTC)
    assert drop_partitions(today) == []  # for ever, unless told otherwise
    with override_settings(EVENTS_KEEP_MONTHS=2):
        assert drop_partitions(today) == ["customers_event_2019_03"]
        assert drop_partitions(today) == []
    assert not exists("customers_event_2019_03")
    assert exists("journeys_transition_2019_03")  # decisions have a setting of their own
    months = Event.objects.order_by("recorded_at").values_list("recorded_at__month", flat=True)
    assert list(months) == [4, 5, 6]
