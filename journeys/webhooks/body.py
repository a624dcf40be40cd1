"""What a webhook says: made once, in sets, and kept with the message."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csplatform.customers.attributes import datetime_text
from csplatform.customers.models import Company, ExternalId, Membership, Person
from csplatform.kit.merge_tags import Values, parse_tokens
from journeys.emails.context import load_values
from journeys.models import Participant, Program, Step
from journeys.webhooks.call import Call


def make_bodies(calls: Sequence[Call]) -> dict[int, dict[str, Any]]:
    """What to keep of each call: its body as text and the tokens that nobody knows. The same
    number of queries for one or a hundred."""
    if not calls:
        return {}
    around = _Around(calls)
    values = load_values([call.recipient for call in calls])
    return {call.id: _kept(call, around, found) for call, found in zip(calls, values, strict=True)}


def _kept(call: Call, around: "_Around", found: Mapping[str, Any]) -> dict[str, Any]:
    values = Values(found)
    fields = {
        str(field["name"]): parse_tokens(field["value"]).text(values)
        for field in call.payload.get("fields", ())
    }
    body = {
        "type": call.payload["type"],
        "timestamp": call.created_at.isoformat(),
        "data": around.data(call) | {"fields": fields},
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    unknown = {"unknown_tokens": sorted(values.unknown)} if values.unknown else {}
    return {"body": text, **unknown}


class _Around:
    """Whom and what a batch of calls is about, read once."""

    def __init__(self, calls: Sequence[Call]) -> None:
        people = {call.person_id for call in calls if call.person_id}
        self.people = Person.objects.in_bulk(people)
        self.external_ids: dict[int, dict[str, str]] = defaultdict(dict)
        for row in ExternalId.objects.filter(person_id__in=people).order_by("pk"):
            self.external_ids[row.person_id][row.kind] = row.value
        self.primary = dict(
            Membership.objects.filter(is_primary=True, person_id__in=people)
            .order_by()
            .values_list("person_id", "company_id")
        )
        self.companies = Company.objects.in_bulk(
            {company for call in calls if (company := self.company_id(call))}
        )
        self.runs = Participant.objects.in_bulk({call.participant_id for call in calls})
        self.programs = Program.objects.only("pk", "name").in_bulk(
            {call.program_id for call in calls if call.program_id}
        )
        self.steps = Step.objects.only("pk", "name").in_bulk(
            {call.step_id for call in calls if call.step_id}
        )

    def company_id(self, call: Call) -> int | None:
        """The run's company, else the person's primary one (CUS-01)."""
        return call.company_id or self.primary.get(call.person_id or 0)

    def data(self, call: Call) -> dict[str, Any]:
        """Everything but the fields."""
        program = self.programs.get(call.program_id or 0)
        step = self.steps.get(call.step_id or 0)
        run = self.runs.get(call.participant_id)
        person = self.people.get(call.person_id or 0)
        company = self.companies.get(self.company_id(call) or 0)
        return {
            "program": program and {"id": program.pk, "name": program.name},
            "step": step and {"key": call.step_key, "name": step.name},
            "participant": run and {
                "id": run.pk,
                "context_id": run.context_id,
                "entered_at": _moment(run.entered_at),
            },
            "person": person and {
                "id": person.pk,
                "name": person.name,
                "email": person.email,
                "external_ids": self.external_ids.get(person.pk, {}),
            },
            "company": company and {
                "id": company.pk,
                "name": company.name,
                "external_id": company.external_id,
                "domains": company.domains,
            },
        }  # fmt: skip


def _moment(value: datetime | None) -> str | None:
    return datetime_text(value) if value else None
