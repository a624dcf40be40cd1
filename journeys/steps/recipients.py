"""Whom a company's step addresses: people of the company, owners on our side, fixed addresses.

The settings, what is wrong with them, and the answer for a whole batch of companies.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import Field

from csplatform.accounts.models import User
from csplatform.customers.owners import owners_of
from csplatform.kit import sql
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config
from csplatform.rules.compile import condition
from csplatform.rules.parse import load_rule, parse_rule
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import FALSE, Sql, joined
from journeys.steps.kind import CheckContext, Mark
from journeys.steps.outcome import Addressed

MOST = 500
NO_ADDRESS = "No email address."
WHO = {
    "everybody": "Everybody at the company", "role": "People with a job role",
    "persona": "People with a persona", "rule": "People who match a rule",
    "owner": "Our CSM or another owner", "address": "A fixed address",
}  # fmt: skip
COMPANIES_ONLY: dict[str, Any] = {"subjects": ["company"]}


def _for(*who: str, **more: Any) -> Any:
    return {"when": {"who": list(who)}, **more}


class PeopleLine(Config):
    """One line of a list of people; lines are united, nobody is addressed twice."""

    who: Literal["everybody", "role", "persona", "rule"] = Field(
        default="everybody", title="Who", json_schema_extra={"labels": dict[str, Any](WHO)}
    )
    role: str = Field(
        default="", max_length=100, title="Job role",
        json_schema_extra=_for("role", widget="suggest", options="person_roles"),
    )  # fmt: skip
    persona: str = Field(
        default="", max_length=100, title="Persona",
        json_schema_extra=_for("persona", widget="suggest", options="person_personas"),
    )  # fmt: skip
    rule: dict[str, Any] = Field(
        default={}, title="Rule about the person",
        json_schema_extra=_for("rule", widget="rule", about="person"),
    )  # fmt: skip

    def words(self, names: Mapping[str, str]) -> str:
        """As part of a sentence."""
        return {
            "everybody": "everybody there",
            "role": f"people with the role “{self.role}”",
            "persona": f"people of the persona “{self.persona}”",
            "rule": f"people: {names.get(f'rule:{id(self)}', 'a rule')}",
        }[self.who]


class Recipient(PeopleLine):
    """A line of a mail's list: also owners on our side and fixed addresses."""

    who: Literal["everybody", "role", "persona", "rule", "owner", "address"] = Field(  # type: ignore[assignment]
        default="everybody", title="Who", json_schema_extra={"labels": dict[str, Any](WHO)}
    )
    owner: str | None = Field(
        default="csm", max_length=60, title="Owner",
        json_schema_extra=_for("owner", options="owner_roles"),
    )  # fmt: skip
    address: str = Field(
        default="", max_length=254, title="Email address", json_schema_extra=_for("address")
    )

    def words(self, names: Mapping[str, str]) -> str:
        """As part of a sentence."""
        if self.who == "owner":
            return "the CSM" if self.owner == "csm" else f"the {self.owner}"
        if self.who == "address":
            return self.address or "an address"
        return super().words(names)


def listed(recipients: Sequence[PeopleLine], names: Mapping[str, str]) -> str:
    """All lines in words."""
    *head, last = [recipient.words(names) for recipient in recipients] or ["nobody yet"]
    return f"{', '.join(head)} and {last}" if head else last


def recipient_marks(
    recipients: Sequence[PeopleLine], context: CheckContext, path: str
) -> list[Mark]:
    """What is missing or wrong in the lines."""
    if not recipients:
        return [Mark(path, "Choose whom at the company it is for.", code="missing")]
    marks: list[Mark] = []
    for index, line in enumerate(recipients):
        here = f"{path}/{index}"
        if line.who in ("role", "persona") and not getattr(line, line.who):
            marks.append(Mark(f"{here}/{line.who}", "Write which one.", code="missing"))
        elif line.who == "rule":
            marks += _rule_marks(line.rule, context, f"{here}/rule")
        elif isinstance(line, Recipient) and line.who == "owner" and not line.owner:
            marks.append(Mark(f"{here}/owner", "Choose which owner.", code="missing"))
        elif isinstance(line, Recipient) and line.who == "address":
            marks += _address_marks(line.address, f"{here}/address")
    return marks


def _address_marks(address: str, path: str) -> list[Mark]:
    try:
        validate_email(address)
    except ValidationError:
        return [Mark(path, "Write a mail address, like name@example.com.", code="missing")]
    return []


def _rule_marks(rule: Mapping[str, Any], context: CheckContext, path: str) -> list[Mark]:
    if rule in ({}, {"all": []}):
        message = "This rule is empty, so everybody is addressed: add a test."
        return [Mark(path, message, code="empty_rule")]
    try:
        parse_rule(rule, "person", known=context.known)
    except DomainError as error:
        return [Mark(path + p.path, p.message, code=p.code) for p in error.problems]
    return []


@dataclass(frozen=True)
class Addressees:
    """Who is addressed at one company. `left_out`: how many people the limit cut off."""

    found: tuple[Addressed, ...] = ()
    left_out: int = 0

    @property
    def reached(self) -> list[Addressed]:
        """Those to whom something can go."""
        return [one for one in self.found if not one.refused]


def addressees(
    recipients: Sequence[PeopleLine],
    companies: Iterable[int],
    at: datetime,
    *,
    most: int,
    channel: str,
    by_mail: bool,
) -> dict[int, Addressees]:
    """Everybody addressed, by company, each once: people in the order of their ids, then owners,
    then fixed addresses. A query for the people and two per owner role, for any number of
    companies.

    Args:
        most: at most so many people of a company.
        by_mail: people and owners without an address are named as refused.
    """
    ids = sorted(set(companies))
    found: dict[int, dict[str, Addressed]] = {company: {} for company in ids}
    left_out = _add_people(found, recipients, at, most, channel, by_mail)
    more = [line for line in recipients if isinstance(line, Recipient)]
    _add_owners(found, more, channel)
    _add_fixed(found, more, channel)
    return {
        company: Addressees(tuple(lines.values()), left_out.get(company, 0))
        for company, lines in found.items()
    }


def _add_people(
    found: dict[int, dict[str, Addressed]],
    recipients: Sequence[PeopleLine],
    at: datetime,
    most: int,
    channel: str,
    by_mail: bool,
) -> dict[int, int]:
    scope = Scope("person", "p", at, few=True, company="m.company_id")
    chosen = joined((_chosen(line, scope) for line in recipients), "OR", FALSE)
    if not any(line.who not in ("owner", "address") for line in recipients):
        return {}
    reach = "p.email IS NULL" if by_mail else "FALSE"
    rows = sql.rows(
        "SELECT company, id, email, total FROM (SELECT m.company_id AS company, p.id, p.email,"
        f"  row_number() OVER (PARTITION BY m.company_id ORDER BY {reach}, p.id) AS place,"
        "  count(*) OVER (PARTITION BY m.company_id) AS total"
        "  FROM customers_membership m JOIN customers_person p ON p.id = m.person_id"
        f"  WHERE m.company_id = ANY(%s) AND {scope.alive} AND {chosen.text}) q"
        " WHERE place <= %s ORDER BY company, id",
        [list(found), *chosen.params, most],
    )
    left_out: dict[int, int] = {}
    for company, person_id, email, total in rows:
        refused = NO_ADDRESS if by_mail and not email else ""
        slot = f"person:{person_id}"
        found[company][slot] = Addressed(
            slot, channel, person_id=person_id, address=email or "", refused=refused
        )
        left_out[company] = max(0, total - most)
    return left_out


def _chosen(line: PeopleLine, scope: Scope) -> Sql:
    if line.who == "everybody":
        return Sql("TRUE")
    if line.who in ("role", "persona"):
        return Sql(f"lower(p.{line.who}) = lower(%s)", (getattr(line, line.who),))
    if line.who == "rule":
        return condition(load_rule(line.rule, "person"), scope)
    return FALSE


def _add_owners(
    found: dict[int, dict[str, Addressed]], recipients: Sequence[Recipient], channel: str
) -> None:
    for role in dict.fromkeys(line.owner for line in recipients if line.who == "owner"):
        owners = owners_of(found, role or "")
        users = User.objects.in_bulk(set(owners.values()))
        for company, user_id in owners.items():
            email = users[user_id].email
            slot = f"user:{user_id}"
            found[company][slot] = Addressed(
                slot, channel, user_id=user_id, address=email, refused="" if email else NO_ADDRESS
            )


def _add_fixed(
    found: dict[int, dict[str, Addressed]], recipients: Sequence[Recipient], channel: str
) -> None:
    fixed = [line.address for line in recipients if line.who == "address" and line.address]
    for lines in found.values():
        taken: dict[str, bool] = defaultdict(bool)
        for one in lines.values():
            taken[one.address.lower()] = True
        for number, address in enumerate(fixed):
            if not taken[address.lower()]:
                taken[address.lower()] = True
                lines[f"fixed:{number}"] = Addressed(f"fixed:{number}", channel, address=address)
