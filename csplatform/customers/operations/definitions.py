"""Declaring custom attributes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from csplatform.customers.attributes import BUILT_IN
from csplatform.customers.models import AttributeDefinition
from csplatform.customers.models.attribute import AttributeType, Subject
from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.permissions import require

MAX_CHOICES = 200
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True)
class DefinitionInput:
    """What people say about an attribute. Subject, name and type count at creation only."""

    subject: str
    name: str
    label: str
    type: str
    choices: Sequence[str] = ()
    is_personal: bool = False


def define_attribute(given: DefinitionInput, *, actor: Any) -> AttributeDefinition:
    """Declare an attribute. Raises DomainError with paths, Conflict when the name is taken."""
    require(actor, "customers.add_attributedefinition")
    problems = _problems(given)
    if given.subject not in Subject.values:
        problems.append(Problem("/subject", "It belongs to a person or a company.", "choice"))
    elif given.name in BUILT_IN[given.subject]:
        problems.append(Problem("/name", "There is a built-in attribute of this name.", "taken"))
    if not NAME.fullmatch(given.name):
        text = "Use lower-case letters, digits and _, at most 60 of them."
        problems.append(Problem("/name", text, "name"))
    if problems:
        raise DomainError(problems)
    with transaction.atomic():
        definition, created = AttributeDefinition.objects.get_or_create(
            subject=given.subject,
            name=given.name,
            defaults={
                "label": given.label.strip(),
                "type": given.type,
                "choices": list(given.choices),
                "is_personal": given.is_personal,
            },
        )
        if not created:
            raise Conflict("This attribute exists already.", path="/name", code="taken")
        audit.record(actor, "attribute.add", definition, after=_plain(definition))
    return definition


def change_definition(
    definition_id: int, *, label: str, choices: Sequence[str], is_personal: bool, actor: Any
) -> AttributeDefinition:
    """Change what may change later: label, choices and whether it is erased."""
    require(actor, "customers.change_attributedefinition")
    with transaction.atomic():
        row = AttributeDefinition.objects.select_for_update().get(pk=definition_id)
        before = _plain(row)
        problems = _problems(
            DefinitionInput(row.subject, row.name, label, row.type, choices, is_personal)
        )
        if problems:
            raise DomainError(problems)
        row.label, row.choices, row.is_personal = label.strip(), list(choices), is_personal
        after = _plain(row)
        if before != after:
            row.save()
            audit.record(actor, "attribute.change", row, before=before, after=after)
    return row


def _problems(given: DefinitionInput) -> list[Problem]:
    problems = []
    if not given.label.strip() or len(given.label.strip()) > 100:
        problems.append(Problem("/label", "Give it a label of at most 100 characters.", "label"))
    if given.type not in AttributeType.values:
        known = ", ".join(AttributeType.values)
        problems.append(Problem("/type", f"The type is one of: {known}.", "choice"))
    is_choice = given.type == AttributeType.CHOICE
    if is_choice and not given.choices:
        problems.append(Problem("/choices", "Name at least one choice.", "missing"))
    if given.choices and not is_choice:
        problems.append(Problem("/choices", "Only the type “choice” has choices.", "choice"))
    if len(given.choices) > MAX_CHOICES or len(set(given.choices)) < len(given.choices):
        text = f"Name at most {MAX_CHOICES} choices, each once."
        problems.append(Problem("/choices", text, "choice"))
    problems += [
        Problem(f"/choices/{index}", "A choice has 1 to 100 characters.", "choice")
        for index, choice in enumerate(given.choices)
        if not 0 < len(choice.strip()) <= 100
    ]
    return problems


def _plain(row: AttributeDefinition) -> dict[str, Any]:
    return {
        "label": row.label,
        "type": row.type,
        "choices": list(row.choices),
        "is_personal": row.is_personal,
    }
