"""Who may enter and who may not, as one SQL statement over a set of candidates (PRG-20 to 24, 28).

A candidate is a subject with what it comes with: a context id and participant fields.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from csplatform.kit.schema import parse_config
from journeys.engine.versions import CompiledVersion
from journeys.flow.entry import ControlConfig, EntryConfig, LeavingConfig
from journeys.models import HoldOut, ProgramVersion
from journeys.steps.kind import Requirement

REASONS = {
    "gone": "Was merged or erased.",
    "already_in": "Is in this program already.",
    "duplicate": "Was in this program before, and it takes nobody twice.",
    "not_unique": "Somebody entered with the same values, and the program takes those once.",
    "too_soon": "The last run ended too short a time ago.",
    "same_email": "The same address was in this program too short a time ago.",
    "no_context": "Came without a context id, and the program asks for one.",
    "churned": "The company has churned.",
    "closed": "Was handed over by another program while this one took nobody in.",
    "circle": "Programs let each other in again and again: stopped.",
    "paused": "Came while the program took nobody in; looked at again when it goes on.",
}
# Not worth a line in the list of refusals: nothing was missed.
SILENT = ("already_in", "gone")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may enter.

    Attributes:
        cause: what is told of this one beyond the cause of all of them.
    """

    id: int
    context_id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    cause: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """How a published version lets people in.

    Attributes:
        segments: all that count as sources with members: segments, lists, files, queries.
        held_out: percent of everybody that the installation holds out, 0 for operational programs.
    """

    config: EntryConfig
    segments: tuple[int, ...]
    leaving: LeavingConfig
    control: ControlConfig
    held_out: float = 0


def entry_of(version: ProgramVersion) -> Entry:
    """The entry of a published version. Raises DomainError when it cannot be read."""
    document = version.document
    config = parse_config(EntryConfig, document.get("entry", {}), "/entry")
    segments = version.entry_segments
    if segments is None:  # published before sources were noted with the version
        segments = [source["segment"] for source in document["entry"].get("sources", [])]
    control = parse_config(ControlConfig, document.get("control", {}), "/control")
    return Entry(
        config=config,
        segments=tuple(segments),
        leaving=parse_config(LeavingConfig, document.get("leaving", {}), "/leaving"),
        control=control,
        held_out=0 if control.operational else global_percent(),
    )


def global_percent() -> float:
    """Percent of everybody that no program treats."""
    return float(HoldOut.objects.values_list("percent", flat=True).first() or 0)


def requirements_of(version: CompiledVersion) -> list[Requirement]:
    """What the steps of a version ask of their subjects, each condition once."""
    found: dict[str, Requirement] = {}
    for view in version.steps.values():
        for requirement in view.kind.requires(view.config):
            if requirement.subject == version.subject:
                found.setdefault(requirement.condition, requirement)
    return list(found.values())


def sentence_of(reason: str, requirements: Sequence[Requirement]) -> str:
    """A refusal's reason for the screen."""
    own = {requirement.reason: requirement.sentence for requirement in requirements}
    return own.get(reason) or REASONS.get(reason) or reason


# --- given candidates -----------------------------------------------------------------------


def given_sql(candidates: Sequence[int | Candidate]) -> tuple[str, dict[str, Any]]:
    """The candidates as a relation (id, place, context_id, fields, cause) and its parameters.

    Bare ids travel as an array, which is many times faster; they share %(context)s.
    """
    if all(isinstance(candidate, int) for candidate in candidates):
        text = (
            "SELECT i AS id, 0 AS place, %(context)s::text AS context_id, '{}'::jsonb AS fields,"
            " '{}'::jsonb AS cause FROM unnest(%(ids)s::bigint[]) i"
        )
        return text, {"ids": sorted({c for c in candidates if isinstance(c, int)})}
    rows = [
        {"id": c.id, "context_id": c.context_id, "fields": dict(c.fields), "cause": dict(c.cause),
         "place": place}
        for place, c in enumerate(Candidate(c) if isinstance(c, int) else c for c in candidates)
    ]  # fmt: skip
    text = (
        "SELECT id, place, CASE WHEN context_id = '' THEN %(context)s ELSE context_id END"
        " AS context_id, fields, cause FROM json_to_recordset(%(rows)s)"
        " AS g (id bigint, place int, context_id text, fields jsonb, cause jsonb)"
    )
    return text, {"rows": json.dumps(rows, default=str)}


def ids_of(candidates: Sequence[int | Candidate]) -> list[int]:
    """Their subjects, ascending, each once."""
    return sorted({c if isinstance(c, int) else c.id for c in candidates})


# --- who may enter --------------------------------------------------------------------------


def candidates_sql(
    subject: str,
    entry: Entry,
    requirements: Sequence[Requirement],
    given: str,
    *,
    joined: bool = False,
) -> str:
    """SELECT id, place, at_company, context_id, fields, cause, control, unique_key, reason.

    Args:
        joined: they come because they are in a source; who has entered since joining it has not
            come back, however often that is told.

    Reason null may enter. Everything in it comes from code or from numbers that were checked;
    %(program)s, %(context)s and %(now)s are bound.
    """
    column = f"{subject}_id"
    gone = "s.merged_into_id IS NOT NULL"
    if subject == "person":
        table, company = "customers_person", "m.company_id"
        joins = (
            " LEFT JOIN customers_membership m ON m.person_id = s.id AND m.is_primary"
            " LEFT JOIN customers_company c ON c.id = m.company_id"
        )
        gone += " OR s.erased_at IS NOT NULL"
    else:
        table, company = "customers_company", "NULL::bigint"
        joins = " LEFT JOIN customers_company c ON c.id = s.id"
    key = _unique_key(subject, entry.config)
    whens = [(gone, "gone")]
    if joined and entry.segments:
        whens.append((_since_joining(column, entry.segments), "already_in"))
    whens += _earlier(column, subject, entry.config, key)
    if entry.config.needs_context_id:
        whens.append(("g.context_id = ''", "no_context"))
    if not entry.config.include_churned:
        whens.append(("c.status = 'churned'", "churned"))
    whens += [(f"NOT ({r.condition})", r.reason) for r in requirements]
    cases = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in whens)
    return (
        f"SELECT s.id, g.place, {company} AS at_company, g.context_id, g.fields, g.cause,"
        f" {_control(subject, entry)} AS control, {key} AS unique_key, CASE {cases} END AS reason"
        f" FROM ({given}) g JOIN {table} s ON s.id = g.id{joins}"
    )


def _earlier(column: str, subject: str, config: EntryConfig, key: str) -> list[tuple[str, str]]:
    """What earlier runs forbid."""
    whens = [(_earlier_run(column, "AND r.ended_at IS NULL"), "already_in")]
    if config.re_enrolment == "never":
        whens.append((_earlier_run(column, ""), "duplicate"))
    if config.re_enrolment == "after_days":
        lately = f"AND r.ended_at > %(now)s - interval '{config.re_enrolment_days:d} days'"
        whens.append((_earlier_run(column, lately), "too_soon"))
    if config.makes_keys:
        taken = (
            "EXISTS (SELECT 1 FROM journeys_participant r WHERE r.program_id = %(program)s"
            f" AND r.unique_key = {key})"
        )
        whens.append((taken, "not_unique"))
    if config.same_email_days and subject == "person":
        lately = (
            "EXISTS (SELECT 1 FROM customers_person o JOIN journeys_participant r"
            " ON r.person_id = o.id WHERE lower(o.email) = lower(s.email)"
            " AND r.program_id = %(program)s AND r.entered_at >"
            f" %(now)s - interval '{config.same_email_days:d} days')"
        )
        whens.append((lately, "same_email"))
    return whens


def _earlier_run(column: str, more: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM journeys_participant r WHERE r.{column} = s.id"
        f" AND r.program_id = %(program)s AND r.context_id = g.context_id {more})"
    )


def _since_joining(column: str, segments: Sequence[int]) -> str:
    ids = ",".join(str(int(pk)) for pk in segments)
    return _earlier_run(
        column,
        "AND r.entered_at >= (SELECT min(j.since) FROM segments_member j"
        f" WHERE j.segment_id IN ({ids}) AND j.subject_id = s.id)",
    )


def _unique_key(subject: str, config: EntryConfig) -> str:
    """A digest of the chosen values and the period; null for who lacks one of them."""
    if not config.makes_keys:
        return "NULL::text"
    values = {
        "email": "lower(s.email)" if subject == "person" else "NULL::text",
        "person": "s.id::text" if subject == "person" else "NULL::text",
        "company": "c.id::text",
        "context_id": "nullif(g.context_id, '')",
    }
    # names of fields are letters, digits and _ (FIELD_NAME)
    parts = [values[name] for name in config.unique_by]
    parts += [f"nullif(g.fields->>'{name}', '')" for name in config.unique_fields]
    lacking = " OR ".join(f"{part} IS NULL" for part in parts)
    period = "''"
    if config.unique_period != "ever":
        period = f"date_trunc('{config.unique_period}', %(now)s AT TIME ZONE 'UTC')::date::text"
    names = ",".join([*config.unique_by, *config.unique_fields, config.unique_period])
    joined = ", ".join([f"'{names}'", period, *parts])
    return f"CASE WHEN {lacking} THEN NULL ELSE md5(json_build_array({joined})::text) END"


def _control(subject: str, entry: Entry) -> str:
    """Which hold-out a subject is in, '' for none: a stable hash, so that nobody changes sides."""
    whens = []
    for share, salt, word in (
        (entry.held_out, f"'{subject}'", "global"),
        (entry.control.percent, "%(program)s::text", "program"),
    ):
        if share:
            whens.append(f"WHEN {place_sql(salt)} < {round(share * 100):d} THEN '{word}'")
    return f"CASE {' '.join(whens)} ELSE '' END" if whens else "''::text"


def place_sql(salt: str, column: str = "s.id") -> str:
    """A subject's place from 0 to 9999 as SQL: the same for ever for a salt (an expression)."""
    digest = f"md5('hold-out:' || {salt} || ':' || {column})"
    return f"mod(('x' || substr({digest}, 1, 15))::bit(60)::bigint, 10000)"
