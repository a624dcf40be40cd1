"""Enrolling by hand, removing, trying again."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from csplatform.segments.models import Member
from journeys.engine.candidates import Candidate, entry_of
from journeys.engine.entry import EntryResult, enter
from journeys.engine.lists import brought
from journeys.engine.telling import tell_where
from journeys.engine.versions import CompiledVersion, load_versions
from journeys.models import EntryScan, Program
from journeys.models.program import ProgramState
from journeys.operations.fields import check_fields
from journeys.operations.removal import remove_rows

CHUNK = 20_000


def enroll(
    program_id: int,
    subject_ids: Sequence[int | Candidate],
    *,
    actor: Any,
    cause: dict[str, Any] | None = None,
    context_id: str = "",
) -> EntryResult:
    """Let people or companies into an active program by hand or through the API.

    Args:
        subject_ids: ids, or Candidates with a context id and participant fields.
        context_id: of those who bring none of their own.

    Returns how many entered and why the others did not. Raises Conflict when it is not active,
    DomainError for fields that are none.
    """
    require(actor, "journeys.enroll_participant")
    check_fields(subject_ids)
    with transaction.atomic():
        program = open_program(program_id)
        version = published_version(program)
        assert program.published is not None
        result = enter(
            program,
            version,
            entry_of(program.published),
            subject_ids,
            now=database_now(),
            cause=cause or {"how": "by hand"},
            context_id=context_id,
            actor_id=getattr(actor, "pk", None),
        )
        audit.record(
            actor, "program.enroll", program,
            after={"asked": len(subject_ids), "entered": result.entered,
                   "refused": dict(result.refused)},
        )  # fmt: skip
    return result


def open_program(program_id: int) -> Program:
    """Locked against pausing and stopping while people enter."""
    program = (
        Program.objects.select_for_update(of=("self",), no_key=True)
        .select_related("published")
        .get(pk=program_id)
    )
    if program.state != ProgramState.ACTIVE:
        raise Conflict("Publish the program before letting people in.", code="state")
    if not program.accepts_entries:
        raise Conflict("This program takes nobody in at the moment.", code="closed")
    return program


def published_version(program: Program) -> CompiledVersion:
    assert program.published_id is not None  # an active program has a version
    version = load_versions([program.published_id]).get(program.published_id)
    if version is None:
        raise Conflict("This program is quarantined; see its page for the reason.")
    return version


def remove_participants(ids: Sequence[int], *, actor: Any, reason: str = "Removed by hand") -> int:
    """Take participants out of their programs. Returns how many were still inside."""
    require(actor, "journeys.enroll_participant")
    with transaction.atomic():
        removed = remove_rows("id = ANY(%(ids)s)", {"ids": list(ids)}, reason, actor=actor)
        for program in Program.objects.filter(participants__in=list(ids)).distinct():
            audit.record(actor, "program.remove", program, after={"participants": list(ids)[:100]})
    return removed


def retry_participants(ids: Sequence[int], *, actor: Any) -> int:
    """Let failed participants try their step again, unless their subject runs again already.

    Of several failed runs of one subject the last one is revived. Returns how many were revived.
    """
    require(actor, "journeys.enroll_participant")
    if not ids:
        raise DomainError("Choose at least one participant.")
    with transaction.atomic():
        # Locked, so that nobody is revived into a program that is being stopped or entered.
        sql.rows(
            "SELECT id FROM journeys_program WHERE id IN (SELECT program_id"
            " FROM journeys_participant WHERE id = ANY(%s)) ORDER BY id FOR NO KEY UPDATE",
            [list(ids)],
        )
        # and their persons, so that nobody is revived who is being merged away or erased
        sql.rows(
            "SELECT id FROM customers_person WHERE id IN (SELECT person_id"
            " FROM journeys_participant WHERE id = ANY(%s)) ORDER BY id FOR KEY SHARE",
            [list(ids)],
        )
        revived = sql.run(
            "WITH back AS (UPDATE journeys_participant p SET state = 'active', ended_at = NULL,"
            "  end_reason = '', phase = 'run', due_at = clock_timestamp(), visit = visit + 1,"
            "  step_since = clock_timestamp(), deaths = 0, lane = 0"
            " WHERE p.id IN (SELECT id FROM journeys_participant WHERE id = ANY(%(ids)s)"
            "  AND state = 'failed' ORDER BY id FOR UPDATE)"
            " AND NOT EXISTS (SELECT 1 FROM journeys_participant o WHERE o.id <> p.id"
            "  AND o.program_id = p.program_id AND o.context_id = p.context_id"
            "  AND o.ended_at IS NULL"
            "  AND (o.person_id = p.person_id OR o.company_id = p.company_id))"
            " AND NOT EXISTS (SELECT 1 FROM journeys_participant o WHERE o.id > p.id"
            "  AND o.id = ANY(%(ids)s) AND o.state = 'failed'"
            "  AND o.program_id = p.program_id AND o.context_id = p.context_id"
            "  AND (o.person_id = p.person_id OR o.company_id = p.company_id))"
            " AND NOT EXISTS (SELECT 1 FROM customers_person s WHERE s.id = p.person_id"
            "  AND s.erased_at IS NOT NULL)"
            " AND EXISTS (SELECT 1 FROM journeys_program g WHERE g.id = p.program_id"
            "  AND g.state = 'active')"
            " RETURNING p.id, p.program_id, p.version_id, p.step_id, p.visit)"
            " INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment,"
            "  step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
            " SELECT id, program_id, version_id, 0, step_id, visit, 'retry', '',"
            "  jsonb_build_object('by', %(by)s::bigint), clock_timestamp(), clock_timestamp()"
            " FROM back",
            {"ids": list(ids), "by": getattr(actor, "pk", None)},
        )
        tell_where("id = ANY(%(ids)s)", {"ids": list(ids)})
        wake_on_commit("live")
    return revived


def scan_pending() -> bool:
    """Whether members inside a published program's segments are still to be taken in."""
    return _open_scans().exists()


def _open_scans() -> QuerySet[EntryScan]:
    """Scans that can go on. Those of a program that takes nobody in wait, and hold up no other."""
    return EntryScan.objects.filter(
        done_at=None, program__state=ProgramState.ACTIVE, program__quarantine="",
        program__accepts_entries=True,
    )  # fmt: skip


def scan_chunk() -> int:
    """Take in the next members of one open scan; its own commit per chunk (bulk lane).

    Returns how many members were looked at (1 for a scan that was only finished); 0: no scan is
    open.
    """
    with transaction.atomic():
        found = _open_scans().order_by("pk").values_list("pk", "program_id").first()
        if found is None:
            return 0
        # Locked, so that a program being stopped or paused takes nobody in behind its back; before
        # the scan, as stopping does.
        program = (
            Program.objects.select_for_update(of=("self",), no_key=True)
            .select_related("published")
            .get(pk=found[1])
        )
        scan = EntryScan.objects.select_for_update().filter(pk=found[0], done_at=None).first()
        if scan is None or not program.takes_in:
            return 1  # changed since it was chosen
        now = database_now()
        assert program.published is not None  # an active program has a version
        version = load_versions([program.published.pk]).get(program.published.pk)
        if version is None:
            return 1  # it cannot be read, and its program was quarantined just now
        ids = _next_members(scan)
        entry = entry_of(program.published)
        result = enter(
            program, version, entry, brought(program, entry, scan.segment_id, ids),
            now=now, cause={"segment": scan.segment_id, "how": "already inside"}, joined=True,
        )  # fmt: skip
        scan.entered += result.entered
        scan.refused += sum(result.refused.values())
        if ids:
            scan.after_id = ids[-1]
        if len(ids) < CHUNK:
            scan.done_at = now
        scan.save()
    return len(ids) or 1


def _next_members(scan: EntryScan) -> list[int]:
    found = (
        Member.objects.filter(segment_id=scan.segment_id, subject_id__gt=scan.after_id)
        .order_by("subject_id")
        .values_list("subject_id", flat=True)[:CHUNK]
    )
    return list(found)
