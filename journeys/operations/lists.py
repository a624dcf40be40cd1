"""Uploaded files as sources of a program: taken in whole, matched with people in the bulk lane."""

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import F

from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.freshness.touches import touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from csplatform.segments.operations.definition import drop_owned
from csplatform.segments.operations.membership import add_members
from journeys.flow.entry import source_items
from journeys.models import EntryList, EntryRow, Program, ProgramVersion
from journeys.models.program import ProgramState
from journeys.operations.csv_rows import (
    Row,
    check_columns,
    open_table,
    read_text,
    rows_of,
    suggested,
)
from journeys.operations.own_segments import files_of, own_list, owner_of

STORED_AT_ONCE = 5_000
MATCHED_AT_ONCE = 2_000


def upload_list(
    program_id: int,
    name: str,
    data: bytes,
    *,
    actor: Any,
    columns: dict[str, str] | None = None,
    creates_people: bool = False,
) -> EntryList:
    """Take a file in: all of its rows, or none. Whom they mean is found out in the bulk lane.

    Args:
        columns: what each column is for by its place, e.g. {"0": "key", "2": "field:plan"}; None
            goes by the names in the first line.
        creates_people: unknown email addresses become people.

    Raises DomainError for what is no table, with what to do; Conflict for a program that is over.
    """
    require(actor, "journeys.change_program")
    if creates_people:
        require(actor, "customers.add_person")
    header, reader = open_table(read_text(data))
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        if program.state == ProgramState.STOPPED:
            raise Conflict("A stopped program takes nobody in: clone it.", code="state")
        chosen = columns or suggested(header, program.type)
        check_columns(chosen, len(header))
        label = name.replace("\x00", "").strip()[:200] or "List"
        made = EntryList.objects.create(
            program=program, segment=own_list(program, label), name=label,
            columns={header[int(place)] or f"column {int(place) + 1}": use
                     for place, use in chosen.items() if int(place) < len(header)},
            creates_people=creates_people and program.type == "person",
            uploaded_at=database_now(), uploaded_by=actor,
        )  # fmt: skip
        _store(made, rows_of(reader, chosen, len(header)))
        if not made.rows_total:
            raise DomainError("The file has no rows below its header.", path="/file")
        made.save(update_fields=["rows_total", "wrong"])
        audit.record(
            actor, "program.upload_list", program,
            after={"file": label, "rows": made.rows_total, "creates_people": made.creates_people},
        )  # fmt: skip
        wake_on_commit("bulk")
    return made


def _store(made: EntryList, rows: Iterable[Row]) -> None:
    """Write the rows by thousands; counts them on the list."""
    left = iter(rows)
    while chunk := list(islice(left, STORED_AT_ONCE)):
        made.rows_total += len(chunk)
        made.wrong += sum(1 for row in chunk if row.error)
        sql.run(
            "INSERT INTO journeys_entryrow (entry_list_id, number, key, name, context_id, fields,"
            "  error) SELECT %s, number, key, name, context_id, fields, error"
            " FROM json_to_recordset(%s) AS r (number int, key text, name text, context_id text,"
            "  fields jsonb, error text)",
            [made.pk, json.dumps([_as_json(row) for row in chunk])],
        )


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "number": row.number, "key": row.key, "name": row.name, "context_id": row.context_id,
        "fields": row.fields, "error": row.error,
    }  # fmt: skip


def delete_list(list_id: int, *, actor: Any) -> None:
    """Forget an uploaded file with its rows. Raises Conflict while the flow uses it."""
    require(actor, "journeys.change_program")
    with transaction.atomic():
        row = EntryList.objects.select_related("program").get(pk=list_id)
        program = Program.objects.select_for_update(no_key=True).get(pk=row.program_id)
        drafts = [program.draft]
        if program.published_id and program.state != ProgramState.STOPPED:
            drafts += ProgramVersion.objects.filter(pk=program.published_id).values_list(
                "document", flat=True
            )
        used = {s.get("list") for d in drafts for s in source_items(d.get("entry", {}))}
        if list_id in used:
            raise Conflict("The flow takes people from this file: remove it there first.")
        audit.record(actor, "program.delete_list", program, before={"file": row.name})
        segment_id = row.segment_id
        row.delete()
        drop_owned(owner_of(program), keep=_others(program, segment_id))


def _others(program: Program, segment_id: int) -> list[int]:
    """Everything that the program owns but for one segment."""
    versions = program.versions.values_list("entry_segments", flat=True)
    owned = {pk for segments in versions for pk in segments or ()} | set(files_of(program))
    return sorted(owned - {segment_id})


# --- matching -------------------------------------------------------------------------------


def match_pending() -> bool:
    """Whether rows of any file are still to be matched."""
    return EntryList.objects.filter(done_at=None).exists()


def match_chunk() -> int:
    """Match the next rows of one file; its own commit (bulk lane). How many, 0 for none."""
    with transaction.atomic():
        found = (
            EntryList.objects.filter(done_at=None)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .order_by("pk").first()
        )  # fmt: skip
        if found is None:
            return 0
        rows = list(
            EntryRow.objects.filter(entry_list=found, number__gte=found.next_row)
            .order_by("number")[:MATCHED_AT_ONCE]
        )  # fmt: skip
        usable = [row for row in rows if not row.error]
        subject = Program.objects.values_list("type", flat=True).get(pk=found.program_id)
        created = _match(found, subject, usable)
        _note(found, subject, rows, usable, created)
    return len(rows) or 1


def _match(found: EntryList, subject: str, rows: list[EntryRow]) -> int:
    """Say of each row whom it means, or why nobody; how many people were made."""
    known = _known(subject, [row.key for row in rows])
    unknown: list[EntryRow] = []
    for row in rows:
        ids = known.get(row.key.lower(), set())
        if len(ids) == 1:
            setattr(row, f"{subject}_id", next(iter(ids)))
        elif ids:
            row.error = f"“{row.key[:60]}” means {len(ids)} of them: use the email or another id."
        else:
            unknown.append(row)
    if found.creates_people:
        return _create(unknown)
    for row in unknown:
        row.error = f"Nobody is known as “{row.key[:100]}”."
    return 0


_KNOWN = {
    "person": (
        "SELECT lower(email), id FROM customers_person WHERE lower(email) = ANY(%(low)s)"
        " AND merged_into_id IS NULL AND erased_at IS NULL"
        " UNION SELECT lower(x.value), p.id FROM customers_externalid x JOIN customers_person p"
        "  ON p.id = x.person_id AND p.merged_into_id IS NULL AND p.erased_at IS NULL"
        "  WHERE x.value = ANY(%(keys)s)"
    ),
    "company": (
        "SELECT lower(external_id), id FROM customers_company WHERE external_id = ANY(%(keys)s)"
        " AND merged_into_id IS NULL"
        " UNION SELECT lower(name), id FROM customers_company WHERE lower(name) = ANY(%(low)s)"
        " AND merged_into_id IS NULL"
        " UNION SELECT d, c.id FROM customers_company c, unnest(c.domains) d"
        "  WHERE c.domains && %(low)s::varchar[] AND d = ANY(%(low)s) AND c.merged_into_id IS NULL"
    ),
}


def _known(subject: str, keys: Sequence[str]) -> dict[str, set[int]]:
    """Whom keys mean, by the key in lower case: one statement."""
    found: dict[str, set[int]] = {}
    given = {"keys": sorted(set(keys)), "low": sorted({key.lower() for key in keys})}
    for key, pk in sql.rows(_KNOWN[subject], given):
        found.setdefault(key, set()).add(pk)
    return found


def _create(rows: list[EntryRow]) -> int:
    """Make people of unknown addresses; rows that cannot be people say why."""
    wanted = []
    for row in rows:
        if "@" in row.key:
            wanted.append(row)
        else:
            row.error = f"Nobody has the id “{row.key[:100]}”; new people need an email address."
    while wanted:
        try:
            with transaction.atomic():
                made = upsert_people(
                    [PersonInput(email=row.key, name=row.name or None) for row in wanted],
                    cause={"kind": "list"},
                )
        except DomainError as error:
            wrong = {int(p.path.split("/")[1]): p.message for p in error.problems}
            for index, message in wrong.items():
                wanted[index].error = message[:200]
            wanted = [row for index, row in enumerate(wanted) if index not in wrong]
            continue
        for row, result in zip(wanted, made, strict=True):
            row.person_id = result.id
        return len({result.id for result in made if result.created})
    return 0


def _note(
    found: EntryList, subject: str, rows: list[EntryRow], usable: list[EntryRow], created: int
) -> None:
    """Write what was found out, put the known ones on the list, and move on."""
    column = f"{subject}_id"
    told = [{"id": row.pk, "whom": getattr(row, column), "error": row.error} for row in usable]
    sql.run(
        f"UPDATE journeys_entryrow r SET {column} = u.whom, error = u.error"
        " FROM json_to_recordset(%s) AS u (id bigint, whom bigint, error text) WHERE r.id = u.id",
        [json.dumps(told)],
    )
    ids = {pk for row in usable if (pk := getattr(row, f"{subject}_id"))}
    if ids:
        add_members(found.segment_id, ids, actor=None)
        # also of those who were on it: another row of theirs is another candidate
        touch(subject, ids, [f"segment.{found.segment_id}"])
    matched = sum(1 for row in usable if not row.error)
    EntryList.objects.filter(pk=found.pk).update(
        matched=F("matched") + matched,
        created=F("created") + created,
        wrong=F("wrong") + len(usable) - matched,
        next_row=rows[-1].number + 1 if rows else found.next_row,
        done_at=None if len(rows) == MATCHED_AT_ONCE else database_now(),
    )
