"""Whom tasks and runs are about: locked, alive, and with their company."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from csplatform.customers.owners import primary_companies
from csplatform.kit import sql
from csplatform.kit.errors import DomainError, Problem


@dataclass(frozen=True, slots=True)
class Subject:
    """A person, a company, or a person at a company."""

    person_id: int | None = None
    company_id: int | None = None


def lock_people(ids: Iterable[int]) -> dict[int, tuple[int, bool]]:
    """Given person id to (living person id, erased), safe from merge and erase meanwhile."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found = sql.rows(
        "SELECT id, COALESCE(merged_into_id, id), erased_at IS NOT NULL FROM customers_person"
        " WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
        [wanted],
    )
    return {given: (living, erased) for given, living, erased in found}


def settle(subjects: Sequence[Subject], path: str = "") -> list[Subject]:
    """The same subjects as they are now: merged ones as who they became, people with their company.

    Locks the people. Raises DomainError with "<path>/<index>/person" for who is unknown or erased.
    """
    companies = _companies({s.company_id for s in subjects if s.company_id})
    people = lock_people(s.person_id for s in subjects if s.person_id)
    problems = []
    for index, subject in enumerate(subjects):
        place = f"{path}/{index}" if len(subjects) > 1 else path
        if subject.person_id is None and subject.company_id is None:
            message = "Say whom it is about: a person, a company, or both."
            problems.append(Problem(f"{place}/person", message, "missing"))
        if subject.person_id and subject.person_id not in people:
            message = f"There is no person {subject.person_id}."
            problems.append(Problem(f"{place}/person", message, "unknown"))
        elif subject.person_id and people[subject.person_id][1]:
            message = "This person was erased: nothing new can be written about them."
            problems.append(Problem(f"{place}/person", message, "erased"))
        if subject.company_id and subject.company_id not in companies:
            message = f"There is no company {subject.company_id}."
            problems.append(Problem(f"{place}/company", message, "unknown"))
    if problems:
        raise DomainError(problems)
    alone = {people[s.person_id][0] for s in subjects if s.person_id and not s.company_id}
    primary = primary_companies(alone) if alone else {}
    return [_settled(subject, people, companies, primary) for subject in subjects]


def _companies(ids: set[int]) -> dict[int, int]:
    """Given company id to the one that it is now."""
    if not ids:
        return {}
    found = sql.rows(
        "SELECT id, COALESCE(merged_into_id, id) FROM customers_company WHERE id = ANY(%s)",
        [sorted(ids)],
    )
    return dict(found)


def _settled(
    subject: Subject,
    people: dict[int, tuple[int, bool]],
    companies: dict[int, int],
    primary: dict[int, int],
) -> Subject:
    person = people[subject.person_id][0] if subject.person_id else None
    if subject.company_id:
        return Subject(person, companies[subject.company_id])
    return Subject(person, primary.get(person) if person else None)
