"""Making, changing and deleting mail templates."""

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from csplatform.kit import audit
from csplatform.kit.blocks import dump_blocks, parse_blocks
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.permissions import require
from journeys.models import EmailTemplate, MailCategory
from journeys.usage import TEMPLATE_PATH, programs_naming

LIMITS = {"name": 200, "subject": 300, "preheader": 200, "sender_name": 100}


@dataclass(frozen=True)
class TemplateInput:
    """What a template says; `category` is an id. Tokens that are not known are told by the checks,
    not refused."""

    name: str
    subject: str
    preheader: str = ""
    sender_name: str = ""
    reply_to: str = ""
    blocks: list[Any] = field(default_factory=list)
    category: int | None = None


def save_template(
    given: TemplateInput, *, actor: Any, template_id: int | None = None
) -> EmailTemplate:
    """Make or change a template. Raises DomainError with paths, Conflict for a taken name."""
    require(actor, f"journeys.{'change' if template_id else 'add'}_emailtemplate")
    values = _checked(given)
    try:
        with transaction.atomic():
            if template_id is None:
                row, before = EmailTemplate(), {}
            else:
                row = EmailTemplate.objects.select_for_update().get(pk=template_id)
                before = {name: getattr(row, name) for name in values}
            changed = [name for name in values if before.get(name) != values[name]]
            for name in changed:
                setattr(row, name, values[name])
            if changed or template_id is None:
                row.save()
                verb = "change" if template_id else "add"
                audit.record(
                    actor, f"template.{verb}", row,
                    before={name: before[name] for name in changed if name in before},
                    after={name: values[name] for name in changed},
                )  # fmt: skip
    except IntegrityError:
        message = "Another template has this name; choose a different one."
        raise Conflict(message, path="/name", code="taken") from None
    return row


def input_of(row: EmailTemplate) -> TemplateInput:
    """What a template says now."""
    words = {name: getattr(row, name) for name in (*LIMITS, "reply_to", "blocks")}
    return TemplateInput(**words, category=row.category_id)


def _checked(given: TemplateInput) -> dict[str, Any]:
    """The values as stored. Raises DomainError with all that is wrong."""
    problems = []
    values: dict[str, Any] = {name: getattr(given, name).strip() for name in LIMITS}
    problems += [
        Problem(f"/{name}", f"Use at most {limit} characters.", "too_long")
        for name, limit in LIMITS.items()
        if len(values[name]) > limit
    ]
    for name in ("name", "subject"):
        if not values[name]:
            problems.append(Problem(f"/{name}", "This is required.", "missing"))
    values["reply_to"] = given.reply_to.strip()
    if values["reply_to"]:
        try:
            validate_email(values["reply_to"])
        except ValidationError:
            problems.append(Problem("/reply_to", "This is no email address.", "email"))
    values["category_id"] = given.category
    if given.category and not MailCategory.objects.filter(pk=given.category).exists():
        problems.append(Problem("/category", "There is no such category (any more).", "unknown"))
    try:
        values["blocks"] = dump_blocks(parse_blocks(given.blocks))
    except DomainError as error:
        problems += error.problems
    if problems:
        raise DomainError(problems)
    return values


def delete_template(template_id: int, *, actor: Any) -> None:
    """Delete a template that no program uses. Raises Conflict naming those that do."""
    require(actor, "journeys.delete_emailtemplate")
    with transaction.atomic():
        row = EmailTemplate.objects.select_for_update().get(pk=template_id)
        users = programs_using(template_id)
        if users:
            named = ", ".join(f"“{name}”" for name in users[:5])
            raise Conflict(f"“{row}” is still used by {named}.", code="in_use")
        audit.record(actor, "template.delete", row, before={"subject": row.subject})
        row.delete()


def programs_using(template_id: int) -> list[str]:
    """Names of the living programs that send a template, also by an older version."""
    return [program.name for program in programs_naming(TEMPLATE_PATH, template_id)]
