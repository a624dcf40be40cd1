"""Creating, changing, cloning and deleting segments."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from csplatform.customers.operations.events import subscribe
from csplatform.kit import audit, sql
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed, Problem
from csplatform.kit.jobs import wake_on_commit
from csplatform.rules.parse import dump, load_rule, parse_rule
from csplatform.rules.reach import key_text
from csplatform.rules.references import event_names, fact_keys, references, time_dependent
from csplatform.rules.tree import EVERYBODY, Node
from csplatform.segments.models import Kind, Segment, SegmentDefinition, State, Subject
from csplatform.segments.operations.membership import lock_segment
from csplatform.segments.references import refuse_circle
from csplatform.segments.usage import used_by


@dataclass(frozen=True)
class SegmentInput:
    """What people say about a segment. Subject and kind count at creation only."""

    name: str
    description: str = ""
    subject: str = Subject.PERSON
    kind: str = Kind.DYNAMIC
    rule: Any = None


def own_segment(given: SegmentInput, owner: str) -> Segment:
    """A segment that belongs to something, such as "program:7", and is in no list.

    Its owner's operation has asked for permission and writes the audit entry. Inside a transaction.
    Raises DomainError with the path of what is wrong with the rule.
    """
    return _save(given, None, None, owner)


def drop_owned(owner: str, keep: Collection[int] = ()) -> int:
    """Delete the segments of an owner but for those to keep; how many went. In a transaction."""
    rows = Segment.objects.select_for_update().filter(owner=owner).exclude(pk__in=keep)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    if ids and owner:
        for table in ("segments_member", "segments_memberchange"):
            sql.run(f"DELETE FROM {table} WHERE segment_id = ANY(%s)", [ids])
        Segment.objects.filter(pk__in=ids).delete()
    return len(ids)


def save_segment(given: SegmentInput, *, actor: Any, segment_id: int | None = None) -> Segment:
    """Create or change a segment; a changed rule asks for a recompute.

    Guarantees: the rule is checked, its events are subscribed, the definition's history and the
    audit trail are written, or nothing is. Raises NotAllowed, or DomainError with the path.
    """
    _may(actor, "change" if segment_id else "add")
    try:
        with transaction.atomic():
            return _save(given, actor, segment_id)
    except IntegrityError as error:
        if "one_segment_per_name" in str(error):
            message = "Another segment has this name; choose a different one."
            raise DomainError(message, path="/name", code="taken") from None
        raise


def _save(given: SegmentInput, actor: Any, segment_id: int | None, owner: str = "") -> Segment:
    segment = lock_segment(segment_id) if segment_id else Segment(subject="", kind="", owner=owner)
    if not segment_id:
        segment.subject, segment.kind = given.subject, given.kind
    _check_words(given, segment)
    node: Node = EVERYBODY
    if segment.is_dynamic:
        node = parse_rule({} if given.rule is None else given.rule, segment.subject, "/rule")
    rule = dump(node) if segment.is_dynamic else {}
    before = {"name": segment.name, "description": segment.description, "rule": segment.rule}
    is_new_rule = segment.pk is None or rule != segment.rule
    segment.name, segment.description = given.name.strip(), given.description.strip()
    if is_new_rule:
        _refuse_in_use(segment, actor)
        _define(segment, node, rule)
    segment.save()
    if segment.is_dynamic and is_new_rule:
        refuse_circle(segment.pk, node, segment.subject)
        _remember(segment, actor)
        if names := event_names(node, segment.subject):
            subscribe(names, "freshness")
        wake_on_commit("bulk")
    after = {"name": segment.name, "description": segment.description, "rule": segment.rule}
    changed = {key for key in after if after[key] != before[key]} if segment_id else set(after)
    if changed and not segment.owner:
        audit.record(
            actor,
            f"segment.{'change' if segment_id else 'add'}",
            segment,
            before={key: before[key] for key in changed} if segment_id else {},
            after={key: after[key] for key in changed},
        )
    return segment


def _refuse_in_use(segment: Segment, actor: Any) -> None:
    """A new rule of a segment that programs take people from is a decision about those programs:
    thousands may enter at once, so it takes who may build programs."""
    if segment.pk is None or actor is None or actor.has_perm("segments.redefine_used_segment"):
        return
    if uses := used_by(segment):
        named = ", ".join(f"{use.kind} “{use.label}”" for use in uses[:3])
        message = f"This segment is used by {named}: ask a program manager to change its rule."
        raise NotAllowed(message, path="/rule", code="segments.redefine_used_segment")


def _check_words(given: SegmentInput, segment: Segment) -> None:
    """Name, subject and kind."""
    problems = []
    if not given.name.strip():
        problems.append(Problem("/name", "Give the segment a name.", "missing"))
    elif len(given.name.strip()) > 120 or "\x00" in given.name + given.description:
        problems.append(Problem("/name", "Use at most 120 characters.", "too_long"))
    if segment.subject not in Subject.values:
        problems.append(Problem("/subject", "Choose people or companies.", "choice"))
    if segment.kind not in Kind.values:
        problems.append(Problem("/kind", "Choose dynamic or static.", "choice"))
    if problems:
        raise DomainError(problems)


def _define(segment: Segment, node: Node, rule: dict[str, Any]) -> None:
    """Take over a new rule; a recompute under way starts again with it."""
    segment.rule = rule
    segment.definition += 1
    segment.error, segment.cursor = "", None
    if segment.kind == Kind.STATIC:
        segment.state, segment.computed_at = State.READY, now()
        return
    keys = fact_keys(node, segment.subject)
    segment.fact_keys = sorted(key_text(key) for key in keys)
    segment.time_dependent = time_dependent(node, segment.subject)
    segment.state, segment.requested_at = State.PENDING, now()


def _remember(segment: Segment, actor: Any) -> None:
    SegmentDefinition.objects.create(
        segment=segment,
        number=segment.definition,
        rule=segment.rule,
        actor_label=str(actor) if actor is not None else "system",
        occurred_at=now(),
    )


def request_recompute(segment_id: int, *, actor: Any) -> None:
    """Ask for a full recompute, e.g. after a failure was mended. Safe to repeat."""
    _may(actor, "change")
    with transaction.atomic():
        segment = lock_segment(segment_id)
        if not segment.is_dynamic:
            raise DomainError("A static list is not computed.", code="static")
        segment.requested_at = now()
        if segment.state != State.READY:
            segment.state = State.PENDING
        segment.error = ""
        segment.save(update_fields=["requested_at", "state", "error"])
        audit.record(actor, "segment.recompute", segment)
        wake_on_commit("bulk")


def follow_meaning(type_: str) -> None:
    """What rules name has changed its meaning: work out again what the segments that name it read,
    and who is in them. Runs in the transaction of the change."""
    for segment in Segment.objects.dynamic().order_by("pk").select_for_update(no_key=True):
        try:
            node = load_rule(segment.rule, segment.subject)
        except DomainError:
            continue
        if not any(found == type_ for found, _ in references(node, segment.subject)):
            continue
        segment.fact_keys = sorted(key_text(key) for key in fact_keys(node, segment.subject))
        segment.time_dependent = time_dependent(node, segment.subject)
        segment.requested_at = now()
        segment.save(update_fields=["fact_keys", "time_dependent", "requested_at"])
        if names := event_names(node, segment.subject):
            subscribe(names, "freshness")
        wake_on_commit("bulk")


def clone_segment(segment_id: int, *, actor: Any) -> Segment:
    """A copy under a free name; a static list takes its members along."""
    _may(actor, "add")
    source = Segment.objects.get(pk=segment_id)
    given = SegmentInput(
        _free_name(source.name), source.description, source.subject, source.kind, source.rule
    )
    with transaction.atomic():
        copy = save_segment(given, actor=actor)
        if not copy.is_dynamic:
            _copy_members(source, copy)
    return copy


def _free_name(name: str) -> str:
    """“Name (copy)”, “Name (copy 2)” ..."""
    taken = {other.lower() for other in Segment.objects.listed().values_list("name", flat=True)}
    number = 1
    while True:
        ending = " (copy)" if number == 1 else f" (copy {number})"
        candidate = name[: 120 - len(ending)] + ending
        if candidate.lower() not in taken:
            return candidate
        number += 1


def _copy_members(source: Segment, copy: Segment) -> None:
    """Members and their history; nobody listens to a segment that was just made."""
    count = sql.run(
        "WITH come AS (INSERT INTO segments_member (segment_id, subject_id, since)"
        " SELECT %s, subject_id, now() FROM segments_member WHERE segment_id = %s"
        " RETURNING subject_id)"
        " INSERT INTO segments_memberchange"
        " (segment_id, subject_id, entered, occurred_at, recorded_at, cause)"
        ' SELECT %s, subject_id, TRUE, now(), now(), \'{"kind": "clone"}\' FROM come',
        [copy.pk, source.pk, copy.pk],
    )
    copy.member_count = count
    copy.save(update_fields=["member_count"])


def delete_segment(segment_id: int, *, actor: Any) -> None:
    """Delete a segment with its history. Raises Conflict naming what still uses it."""
    _may(actor, "delete")
    with transaction.atomic():
        segment = lock_segment(segment_id)
        if uses := used_by(segment):
            named = ", ".join(f"{use.kind} “{use.label}”" for use in uses[:5])
            more = f" and {len(uses) - 5} more" if len(uses) > 5 else ""
            raise Conflict(f"“{segment}” is still used by {named}{more}.", code="in_use")
        audit.record(actor, "segment.delete", segment, before={"rule": segment.rule})
        for table in ("segments_member", "segments_memberchange"):
            sql.run(f"DELETE FROM {table} WHERE segment_id = %s", [segment_id])
        segment.delete()


def _may(actor: Any, verb: str) -> None:
    if actor is not None and not actor.has_perm(f"segments.{verb}_segment"):
        raise NotAllowed(f"You may not {verb} segments.", code="forbidden")
