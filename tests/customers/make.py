"""A small cast of companies and people, made through the public operations."""

from itertools import count
from typing import Any

from csplatform.accounts.models import Role, User
from csplatform.customers.models import AttributeDefinition, Company, Person
from csplatform.customers.operations.companies import CompanyInput, CompanyRef, upsert_companies
from csplatform.customers.operations.people import PersonInput, upsert_people

_numbers = count(1)


def company(name: str = "", **attributes: Any) -> Company:
    """A company; keyword arguments are attributes."""
    name = name or f"Company {next(_numbers)}"
    item = CompanyInput(name=name, external_id=f"c-{next(_numbers)}", attributes=attributes)
    return Company.objects.get(pk=upsert_companies([item])[0].id)


def person(email: str = "", *, at: Company | None = None, **attributes: Any) -> Person:
    """A person, at a company if given; keyword arguments are attributes."""
    item = PersonInput(
        email=email or f"person{next(_numbers)}@example.com",
        attributes=attributes,
        companies=[CompanyRef(id=at.pk)] if at else [],
    )
    return Person.objects.get(pk=upsert_people([item])[0].id)


def attribute(name: str, type: str = "text", *, subject: str = "person", **more: Any) -> None:
    """A declared attribute."""
    AttributeDefinition.objects.create(
        subject=subject, name=name, label=name.capitalize(), type=type, **more
    )


def user(username: str = "", role: str = Role.ADMIN, **more: Any) -> User:
    """A staff user who can log in with the password "secret"."""
    more.setdefault("is_staff", True)
    return User.objects.create_user(
        username or f"user{next(_numbers)}", password="secret", role=role, **more
    )
