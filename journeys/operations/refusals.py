"""Trying refused candidates again, with all that they came with (PRG-24)."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.permissions import require
from journeys.engine.candidates import Candidate, entry_of
from journeys.engine.entry import enter
from journeys.models import Refusal
from journeys.operations.enroll import open_program, published_version

AT_ONCE = 10_000


@dataclass(frozen=True)
class TriedAgain:
    """How many entered, and why the others did not."""

    entered: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


def try_again(refusal_ids: Sequence[int], *, actor: Any) -> TriedAgain:
    """Let refused candidates in, if they may enter now. Their lines go; who is refused again has
    one with the reason of now.

    Raises DomainError for none chosen, Conflict for a program that takes nobody in.
    """
    require(actor, "journeys.enroll_participant")
    if not refusal_ids:
        raise DomainError("Choose at least one of the refused.")
    ids = list(refusal_ids)[:AT_ONCE]
    entered, refused = 0, defaultdict[str, int](int)
    with transaction.atomic():
        programs = Refusal.objects.filter(pk__in=ids).order_by("program_id").distinct("program_id")
        for program_id in list(programs.values_list("program_id", flat=True)):
            result = _again(program_id, ids, actor)
            entered += result.entered
            for reason, count in result.refused.items():
                refused[reason] += count
    return TriedAgain(entered, dict(refused))


def _again(program_id: int, ids: list[int], actor: Any) -> Any:
    program = open_program(program_id)
    version = published_version(program)
    assert program.published is not None  # an open program has a version
    rows = sql.rows(
        "WITH mine AS (SELECT id FROM journeys_refusal WHERE id = ANY(%s) AND program_id = %s"
        "  ORDER BY id FOR UPDATE), gone AS (DELETE FROM journeys_refusal"
        "  WHERE id IN (SELECT id FROM mine)"
        "  RETURNING id, coalesce(person_id, company_id) AS subject, context_id, fields, cause)"
        " SELECT subject, context_id, fields, cause FROM gone ORDER BY id",
        [ids, program_id],
    )
    candidates = [
        Candidate(subject, context_id, json.loads(fields), json.loads(cause))
        for subject, context_id, fields, cause in rows
    ]
    result = enter(
        program, version, entry_of(program.published), candidates, now=database_now(),
        cause={"how": "tried again"}, actor_id=getattr(actor, "pk", None),
    )  # fmt: skip
    audit.record(
        actor, "program.try_again", program,
        after={"asked": len(rows), "entered": result.entered, "refused": dict(result.refused)},
    )  # fmt: skip
    return result
