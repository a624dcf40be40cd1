"""May this webhook still leave? Asked at the moment of sending, for a batch at once."""

from collections.abc import Mapping, Sequence

from csplatform.customers.models import Person
from journeys.emails.sending_checks import (
    Cancel,
    Postpone,
    Verdict,
    check_program,
    check_run,
)
from journeys.webhooks.call import Call
from journeys.webhooks.endpoints import Endpoint

OFF = Cancel("The endpoint is switched off.")
UNREADABLE_LOOK_SECONDS = 300


def verdicts(calls: Sequence[Call], endpoints: Mapping[int, Endpoint]) -> dict[int, Verdict]:
    """Objections by message id: what the run wants first, then what the endpoint allows."""
    found: dict[int, Verdict] = {
        **_of_endpoints(calls, endpoints),
        **check_program(calls),
        **check_run(calls),
        **_of_people(calls),
    }
    return found


def may_resend(verdict: Cancel) -> bool:
    """Whether only the endpoint stood in the way: somebody may send it again later."""
    return verdict == OFF


def _of_endpoints(calls: Sequence[Call], endpoints: Mapping[int, Endpoint]) -> dict[int, Verdict]:
    found: dict[int, Verdict] = {}
    for call in calls:
        endpoint = endpoints.get(call.endpoint_id)
        if endpoint is None:
            found[call.id] = Cancel("The endpoint was deleted.")
        elif not endpoint.is_active and not call.is_test:
            found[call.id] = OFF
        elif endpoint.problem:
            found[call.id] = Postpone(endpoint.problem, UNREADABLE_LOOK_SECONDS)
    return found


def _of_people(calls: Sequence[Call]) -> dict[int, Verdict]:
    """Nothing is told of somebody who was erased or is no more."""
    about = {call.id: call.person_id for call in calls if call.person_id}
    living = set(
        Person.objects.filter(pk__in=set(about.values()), merged_into=None, erased_at=None)
        .order_by()
        .values_list("pk", flat=True)
    )
    return {
        message_id: Cancel("The person was erased or no longer exists.")
        for message_id, person_id in about.items()
        if person_id not in living
    }
