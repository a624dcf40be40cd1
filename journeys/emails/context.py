"""The values that tokens stand for, loaded for many recipients in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from csplatform.billing.figures import TOKENS, token_values
from csplatform.customers.attributes import Spec, attribute_specs, datetime_text, stored_value
from csplatform.customers.models import Company, Membership, Person
from csplatform.kit.clock import now
from journeys.fields.definition import by_key
from journeys.fields.values import values_of
from journeys.models import Participant, Program, ProgramVersion
from journeys.operations.field_names import field_names


@dataclass(frozen=True)
class Recipient:
    """Whom a mail is about. A run's company wins over the person's primary one (CUS-01)."""

    person_id: int | None
    company_id: int | None = None
    participant_id: int = 0
    program_id: int | None = None


def load_values(recipients: Sequence[Recipient]) -> list[dict[str, Any]]:
    """The token values of each recipient by "group.name", in order. Unset ones are None."""
    people = Person.objects.in_bulk({r.person_id for r in recipients if r.person_id})
    runs = Participant.objects.in_bulk({r.participant_id for r in recipients if r.participant_id})
    programs = dict(
        Program.objects.filter(pk__in={r.program_id for r in recipients if r.program_id})
        .order_by()
        .values_list("pk", "name")
    )
    company_of = _companies_of(recipients, people, runs)
    companies = Company.objects.select_related("csm").in_bulk(
        {company_id for company_id in company_of if company_id}
    )
    brought = dict.fromkeys(f"participant.{name}" for name in field_names())
    specs = {subject: attribute_specs(subject) for subject in ("person", "company")}
    paying = token_values(companies)
    fields = _fields_of(recipients, runs)
    today = now().astimezone(UTC).date().isoformat()
    return [
        _person_values(people.get(recipient.person_id or 0), specs["person"])
        | _billing_values(paying.get(company_id or 0, {}))
        | _company_values(companies.get(company_id or 0), specs["company"])
        | brought
        | _run_values(runs.get(recipient.participant_id))
        | fields.get(recipient.participant_id, {})
        | {"program.name": programs.get(recipient.program_id or 0), "program.today": today}
        for recipient, company_id in zip(recipients, company_of, strict=True)
    ]


def _companies_of(
    recipients: Sequence[Recipient], people: dict[int, Person], runs: dict[int, Participant]
) -> list[int | None]:
    primary = dict(
        Membership.objects.filter(is_primary=True, person_id__in=people)
        .order_by()
        .values_list("person_id", "company_id")
    )
    found: list[int | None] = []
    for recipient in recipients:
        run = runs.get(recipient.participant_id)
        of_run = (run.company_id or run.at_company_id) if run else None
        found.append(of_run or recipient.company_id or primary.get(recipient.person_id or 0))
    return found


def _fields_of(
    recipients: Sequence[Recipient], runs: dict[int, Participant]
) -> dict[int, dict[str, Any]]:
    """Calculated fields of the runs' versions, by participant: a statement per version that has
    any."""
    versions = ProgramVersion.objects.filter(pk__in={run.version_id for run in runs.values()})
    found: dict[int, dict[str, Any]] = {}
    for version in versions.exclude(document__fields=None).select_related("program"):
        subject = version.program.type
        fields = by_key(version.document["fields"])
        pairs = {
            run.pk: (run.company_id or run.person_id or 0, run.at_company_id)
            for run in runs.values()
            if run.version_id == version.pk
        }
        values = values_of(fields, subject, pairs.values(), now())
        for participant, pair in pairs.items():
            found[participant] = {f"fields.{k}": v for k, v in values.get(pair, {}).items()}
    return found


def _shown(subject: Any, spec: Spec) -> Any:
    """An attribute as mails show it: choices by their label."""
    value = stored_value(subject, spec)
    if spec.type == "choice" and value is not None:
        return dict(spec.choices).get(value, value)
    return value


def _first_word(name: str) -> str | None:
    words = name.split()
    return words[0] if words else None


def _person_values(person: Person | None, specs: dict[str, Spec]) -> dict[str, Any]:
    values = {
        f"person.{name}": _shown(person, spec) if person else None for name, spec in specs.items()
    }
    return values | {"person.first_name": _first_word(person.name) if person else None}


def _company_values(company: Company | None, specs: dict[str, Spec]) -> dict[str, Any]:
    values = {
        f"company.{name}": _shown(company, spec) if company else None
        for name, spec in specs.items()
    }
    csm = company.csm if company else None
    return values | {
        "csm.name": str(csm) if csm else None,
        "csm.first_name": (csm.first_name or _first_word(str(csm))) if csm else None,
        "csm.email": csm.email or None if csm else None,
    }


def _billing_values(told: dict[str, Any]) -> dict[str, Any]:
    """What the company pays; a declared attribute of the same name wins."""
    return {f"company.{name}": told.get(name) for name, _, _ in TOKENS}


def _run_values(run: Participant | None) -> dict[str, Any]:
    fields = run.fields if run else {}
    return {f"participant.{name}": value for name, value in fields.items()} | {
        "participant.context_id": (run.context_id or None) if run else None,
        "participant.entered_at": datetime_text(run.entered_at) if run else None,
    }
