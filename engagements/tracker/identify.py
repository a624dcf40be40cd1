"""An identify item: which person, which company, and what is known about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from csplatform.customers.attributes import attribute_specs, cast
from csplatform.customers.operations.companies import CompanyRef, resolve_companies
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config

IDENTIFY = "identify"
MAX_TRAITS = 50
# Columns of a person with a place of their own in the item, or that no browser may set.
NOT_TRAITS = {"email", "name", "created_at"}


class CompanyData(Config):
    """The company on whose behalf the person is signed in."""

    id: str | None = Field(default=None, max_length=200)
    name: str | None = Field(default=None, max_length=200)
    domain: str | None = Field(default=None, max_length=253)


class IdentifyData(Config):
    """Who is signed in. Not signed yet: TRK-05 adds a token here and refuses items without one
    where it is enforced; `check_signature` is the place."""

    user_id: str | None = Field(default=None, min_length=1, max_length=200)
    email: str | None = Field(default=None, min_length=3, max_length=254)
    name: str | None = Field(default=None, max_length=200)
    traits: dict[str, Any] = Field(default={}, max_length=MAX_TRAITS)
    company: CompanyData | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.user_id or self.email):
            raise ValueError("Give a user id or an email")
        return self


@dataclass(frozen=True)
class Identified:
    """What came of an identify item.

    Attributes:
        company_id: the company that the item names, None when it names none.
        ignored: traits that were not taken, each with its reason.
        changed: whether anything about the person is new.
    """

    person_id: int
    company_id: int | None
    ignored: list[Problem]
    changed: bool


def check_signature(data: IdentifyData, source_id: int) -> None:
    """The seam for signed identity (TRK-05): raises DomainError for one that is not proven.

    Nothing is asked for yet, so every claim of the browser is believed; what a reply gives away
    is limited to the engagements that are due for the claimed person.
    """


def identify(data: IdentifyData, *, source_id: int, path: str) -> Identified:
    """Find or make the person. Raises DomainError with paths below `path`."""
    check_signature(data, source_id)
    specs = attribute_specs("person")
    attributes, ignored = _traits(data.traits, specs, f"{path}/traits")
    cause = {"kind": "tracker", "id": source_id}
    try:
        company_id = _company(data.company)
        person = PersonInput(
            external_id=data.user_id, email=data.email, name=data.name, attributes=attributes,
            companies=[CompanyRef(id=company_id)] if company_id else [],
        )  # fmt: skip
        result = upsert_people([person], actor=None, cause=cause)[0]
    except DomainError as error:
        raise DomainError(
            Problem(path + _without_index(p.path), p.message, p.code) for p in error.problems
        ) from None
    for name in result.conflicts:
        text = f"Somebody else has this {name} already; it was left alone."
        ignored.append(Problem(f"{path}/{name}", text, "taken"))
    changed = bool(result.created or result.changed_names)
    return Identified(result.id, company_id, ignored, changed)


def _company(data: CompanyData | None) -> int | None:
    """The company that is named, made if it is new. By our own ids nobody can name one."""
    if data is None or not (data.id or data.domain or data.name):
        return None
    ref = CompanyRef(external_id=data.id, domain=data.domain, name=data.name)
    return resolve_companies([ref])[0][0]


def _without_index(path: str) -> str:
    """ "/0/email" of a set of one as "/email"."""
    return "".join(f"/{part}" for part in path.split("/")[2:])


def _traits(
    traits: Mapping[str, Any], specs: Mapping[str, Any], path: str
) -> tuple[dict[str, Any], list[Problem]]:
    """Traits that fit a declared attribute. One wrong trait must not cost the sign-in."""
    fit: dict[str, Any] = {}
    ignored: list[Problem] = []
    for name, value in traits.items():
        spec = specs.get(name)
        if spec is None or not spec.writable or name in NOT_TRAITS:
            text = f"There is no person attribute “{name[:60]}” that a browser may set."
            ignored.append(Problem(f"{path}/{name[:60]}", text, "unknown_trait"))
            continue
        try:
            fit[name] = cast(spec, value, path=f"{path}/{name}")
        except DomainError as error:
            ignored += [Problem(p.path, p.message, "bad_trait") for p in error.problems]
    return fit, ignored
