"""Building the usage tree: parts one by one, or a product as a whole."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.permissions import require
from csplatform.kit.schema import parse_config
from csplatform.rules.meaning import meaning_changed
from csplatform.rules.operators import MAX_DAYS
from csplatform.rules.properties import PropertyFilter
from csplatform.usage.hooks import users_of
from csplatform.usage.models import BELOW, Level, Measure, UsagePart

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
MAX_DEMANDS = 10


@dataclass(frozen=True)
class PartInput:
    """What people say about a part. Parent and name count at creation only.

    Attributes:
        parent: path of the part above; "" for a product.
        event, where: of a feature.
        adopted_measure: "" where nobody says when it is adopted; then count and days are unused.
    """

    name: str
    label: str = ""
    parent: str = ""
    event: str = ""
    where: Sequence[Mapping[str, Any]] = ()
    adopted_measure: str = ""
    adopted_count: int | None = None
    adopted_days: int | None = None


def save_part(given: PartInput, *, actor: Any, part_id: int | None = None) -> UsagePart:
    """Create or change a part; rules that name it follow.

    Raises NotAllowed, DomainError with paths, Conflict when the key is taken.
    """
    require(actor, f"usage.{'change' if part_id else 'add'}_usagepart")
    try:
        with transaction.atomic():
            part, changed = _save(given, actor, part_id)
            if changed:
                meaning_changed("usage")
            return part
    except IntegrityError as error:
        if "path" in str(error):
            raise Conflict("This key is taken here.", path="/name", code="taken") from None
        raise


def _locked() -> list[UsagePart]:
    """The tree is small; whoever changes it does so alone."""
    return list(UsagePart.objects.select_for_update(no_key=True).order_by("pk"))


def _save(given: PartInput, actor: Any, part_id: int | None) -> tuple[UsagePart, bool]:
    parts = _locked()
    part = next((row for row in parts if row.pk == part_id), None)
    if part_id and part is None:
        raise DomainError("This part is no longer there.", code="gone")
    before = _plain(part) if part else {}
    if part is None:
        part = _new(given, parts)
    _fill(part, given)
    after = _plain(part)
    if before == after:
        return part, False
    part.save()
    verb = "change" if part_id else "add"
    audit.record(actor, f"usage.{verb}", part, before=before, after=after)
    return part, True


def _new(given: PartInput, parts: list[UsagePart]) -> UsagePart:
    """A part at the end of its siblings."""
    parent = next((row for row in parts if row.path == given.parent), None)
    if given.parent and (parent is None or parent.level not in BELOW):
        message = "There is no product or module of this path; choose one of the tree."
        raise DomainError(message, path="/parent", code="unknown")
    if not NAME.fullmatch(given.name):
        message = "Use lower-case letters, digits, - and _, at most 60 of them."
        raise DomainError(message, path="/name", code="name")
    siblings = [row for row in parts if row.parent_id == (parent.pk if parent else None)]
    return UsagePart(
        name=given.name,
        parent=parent,
        level=BELOW[Level(parent.level)] if parent else Level.PRODUCT,
        path=f"{parent.path}/{given.name}" if parent else given.name,
        position=max((row.position for row in siblings), default=-1) + 1,
    )


def _fill(part: UsagePart, given: PartInput) -> None:
    """Take over and check what may change."""
    part.label, part.event = given.label.strip(), given.event.strip()
    part.adopted_measure = given.adopted_measure
    whole = bool(given.adopted_measure)
    part.adopted_count = given.adopted_count if whole else None
    part.adopted_days = given.adopted_days if whole else None
    problems = _problems(part, given.where)
    if problems:
        raise DomainError(problems)
    part.where = [
        parse_config(PropertyFilter, dict(item)).model_dump(exclude_defaults=True)
        for item in given.where
    ]


def _problems(part: UsagePart, where: Sequence[Mapping[str, Any]]) -> list[Problem]:
    problems = []
    if not part.label or len(part.label) > 100 or "\x00" in part.label:
        problems.append(Problem("/label", "Give it a label of at most 100 characters.", "label"))
    is_feature = part.level == Level.FEATURE
    if is_feature and (not part.event or len(part.event) > 200 or "\x00" in part.event):
        problems.append(Problem("/event", "Name the event that is its use.", "missing"))
    if not is_feature and (part.event or where):
        problems.append(Problem("/event", "Only features have an event.", "feature"))
    if len(where) > MAX_DEMANDS:
        problems.append(Problem("/where", f"Use at most {MAX_DEMANDS} conditions.", "too_many"))
    for index, item in enumerate(where):
        try:
            parse_config(PropertyFilter, dict(item), f"/where/{index}")
        except DomainError as error:
            problems += error.problems
    return problems + _threshold_problems(part)


def _threshold_problems(part: UsagePart) -> list[Problem]:
    if not part.adopted_measure:
        return []
    problems = []
    if part.adopted_measure not in Measure.values:
        known = ", ".join(Measure.values)
        problems.append(Problem("/adopted_measure", f"Use one of: {known}.", "choice"))
    if not part.adopted_count or not 1 <= part.adopted_count <= 1_000_000:
        problems.append(Problem("/adopted_count", "Give a number from 1.", "range"))
    if not part.adopted_days or not 1 <= part.adopted_days <= MAX_DAYS:
        message = f"Give a number of days from 1 to {MAX_DAYS:,}."
        problems.append(Problem("/adopted_days", message, "range"))
    return problems


def _plain(part: UsagePart) -> dict[str, Any]:
    names = (
        "path", "label", "event", "where", "adopted_measure", "adopted_count", "adopted_days",
    )  # fmt: skip
    return {name: getattr(part, name) for name in names}


def move_part(part_id: int, step: int, *, actor: Any) -> bool:
    """Put a part before (-1) or behind (1) its neighbour; False at the end. Rules do not mind."""
    require(actor, "usage.change_usagepart")
    with transaction.atomic():
        parts = _locked()
        part = next((row for row in parts if row.pk == part_id), None)
        if part is None:
            raise DomainError("This part is no longer there.", code="gone")
        siblings = sorted(
            (row for row in parts if row.parent_id == part.parent_id),
            key=lambda row: (row.position, row.pk),
        )
        place = siblings.index(part)
        target = place + (1 if step > 0 else -1)
        if not 0 <= target < len(siblings):
            return False
        siblings.insert(target, siblings.pop(place))
        _number(siblings)
        audit.record(actor, "usage.move", part, after={"position": target})
    return True


def _number(siblings: Sequence[UsagePart]) -> None:
    for position, row in enumerate(siblings):
        row.position = position
    UsagePart.objects.bulk_update(siblings, ["position"])


def delete_part(part_id: int, *, actor: Any) -> int:
    """Delete a part and what stands below it; how many parts that were.

    Raises Conflict naming the rules that still use any of them.
    """
    require(actor, "usage.delete_usagepart")
    with transaction.atomic():
        parts = _locked()
        part = next((row for row in parts if row.pk == part_id), None)
        if part is None:
            return 0
        gone = [row for row in parts if (row.path + "/").startswith(part.path + "/")]
        _refuse_used(gone)
        audit.record(actor, "usage.delete", part, before=_plain(part), after={"parts": len(gone)})
        UsagePart.objects.filter(pk__in=[row.pk for row in gone]).delete()
        meaning_changed("usage")
    return len(gone)


def _refuse_used(parts: Sequence[UsagePart]) -> None:
    if users := users_of([row.path for row in parts]):
        more = f" and {len(users) - 5} more" if len(users) > 5 else ""
        raise Conflict(f"Still used by {', '.join(users[:5])}{more}.", code="in_use")


def save_product(given: Sequence[PartInput], *, actor: Any) -> UsagePart:
    """Make a product equal to a list of parts, the product first, each after its parent: create,
    change, delete and order. All or nothing.

    Raises NotAllowed, DomainError, Conflict when a part that would go is still used.
    """
    for verb in ("add", "change", "delete"):
        require(actor, f"usage.{verb}_usagepart")
    with transaction.atomic():
        parts = {row.path: row for row in _locked()}
        top, wanted = given[0].name, {_path(item): item for item in given}
        if len(wanted) != len(given):
            raise DomainError("Each key stands once below its parent.", code="twice")
        gone = [
            row for path, row in parts.items()
            if (path + "/").startswith(top + "/") and path not in wanted
        ]  # fmt: skip
        _refuse_used(gone)
        UsagePart.objects.filter(pk__in=[row.pk for row in gone]).delete()
        saved = []
        for path, item in wanted.items():
            found = parts.get(path)
            saved.append(_save(item, actor, found.pk if found else None)[0])
        _number(saved[1:])
        if gone:
            audit.record(actor, "usage.delete", saved[0], before={"paths": [r.path for r in gone]})
        meaning_changed("usage")
    return saved[0]


def _path(item: PartInput) -> str:
    return f"{item.parent}/{item.name}" if item.parent else item.name
