"""The list of failed participants: who was refused, filtered, as a QuerySet (PRG-24)."""

from collections.abc import Iterator

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower

from csplatform.customers.models import Company, Person
from journeys.engine.candidates import requirements_of, sentence_of
from journeys.engine.versions import load_versions
from journeys.models import Program, Refusal

HEADER = ("name", "email", "id", "context_id", "reason", "sentence", "times", "last")


def find_refusals(program: Program, *, reason: str = "", search: str = "") -> QuerySet[Refusal]:
    """Refusals of a program, the newest first; names come with them."""
    rows = Refusal.objects.filter(program=program).select_related("person", "company")
    if reason:
        rows = rows.filter(reason=reason)
    if search:
        low = search.lower()
        people = Person.objects.alias(a=Lower("name"), b=Lower("email")).order_by()
        companies = Company.objects.alias(a=Lower("name")).filter(a__startswith=low).order_by()
        rows = rows.filter(
            Q(person__in=people.filter(a__startswith=low).values("pk"))
            | Q(person__in=people.filter(b__startswith=low).values("pk"))
            | Q(company__in=companies.values("pk"))
            | Q(context_id=search)
        )
    return rows.order_by("-at", "-id")


def reason_counts(program: Program) -> dict[str, int]:
    """How many lines there are by reason, the most first."""
    rows = Refusal.objects.filter(program=program).order_by().values_list("reason")
    return dict(rows.annotate(number=Count("pk")).order_by("-number", "reason"))


def reason_sentences(program: Program, reasons: list[str]) -> dict[str, str]:
    """Reasons in words."""
    versions = load_versions([program.published_id]) if program.published_id else {}
    known = [r for version in versions.values() for r in requirements_of(version)]
    return {reason: sentence_of(reason, known) for reason in reasons}


def table(rows: QuerySet[Refusal], sentences: dict[str, str]) -> Iterator[tuple]:
    """The rows of the CSV file."""
    for row in rows.iterator(chunk_size=2_000):
        subject = row.person or row.company
        yield (
            subject.name if subject else "", row.person.email if row.person else "",
            row.person_id or row.company_id, row.context_id, row.reason,
            sentences.get(row.reason, row.reason), row.times, row.at.isoformat(),
        )  # fmt: skip
