"""Who would enter if the draft were published now, and who would be refused and why (PRG-27, 40).

These are the participants "in review": listed before publishing, counted nowhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from csplatform.rules.compile import matching_query
from csplatform.rules.parse import parse_rule
from journeys.engine.candidates import Entry, candidates_sql, global_percent, sentence_of
from journeys.flow.document import Flow, walk
from journeys.flow.entry import (
    ControlConfig,
    CsvSource,
    EntryConfig,
    LeavingConfig,
    QuerySource,
    SegmentSource,
)
from journeys.models import EntryList, Program
from journeys.steps.kind import Requirement
from journeys.steps.registry import step_kinds

ENTER, HELD_OUT = "enter", "held_out"


@dataclass(frozen=True)
class Newcomers:
    """How many there are of one kind.

    Attributes:
        reason: of a refusal; None for those who enter, `held_out` or not.
    """

    reason: str | None
    sentence: str
    count: int
    held_out: bool = False

    @property
    def key(self) -> str:
        """As the listing is asked for them."""
        return self.reason or (HELD_OUT if self.held_out else ENTER)


def count_newcomers(program: Program, flow: Flow) -> list[Newcomers]:
    """How many would enter and be refused by reason, the most first; [] for a broken entry."""
    query = _query(program, flow)
    if query is None:
        return []
    text, params, known = query
    found = sql.rows(
        "SELECT reason, reason IS NULL AND control <> '', count(*)"
        f" FROM ({text}) c GROUP BY 1, 2 ORDER BY 3 DESC",
        params,
    )
    return [
        Newcomers(reason, sentence_of(reason or "", known), count, held_out)
        for reason, held_out, count in found
    ]


def list_newcomers(
    program: Program, flow: Flow, key: str, *, offset: int = 0, limit: int = 50
) -> list[tuple[int, str]]:
    """(subject id, context id) of those of one kind, by id. `key` as Newcomers.key."""
    query = _query(program, flow)
    if query is None:
        return []
    text, params, _ = query
    which = {
        ENTER: "reason IS NULL AND control = ''",
        HELD_OUT: "reason IS NULL AND control <> ''",
    }.get(key, "reason = %(key)s")
    return sql.rows(
        f"SELECT id, context_id FROM ({text}) c WHERE {which} ORDER BY id, context_id"
        " LIMIT %(limit)s OFFSET %(offset)s",
        {**params, "key": key, "limit": limit, "offset": offset},
    )


def _query(program: Program, flow: Flow) -> tuple[str, dict[str, Any], list[Requirement]] | None:
    """The candidates of the draft as SQL, its parameters, what its steps require."""
    try:
        config = parse_config(EntryConfig, dict(flow.entry), "/entry")
        control = parse_config(ControlConfig, dict(flow.control), "/control")
        given, params = _given(program, config)
    except DomainError:
        return None
    if not config.include_existing or not given:
        return None
    held_out = 0 if control.operational else global_percent()
    entry = Entry(config, (), LeavingConfig(), control, held_out)
    known = list({r.condition: r for r in _requirements(program.type, flow)}.values())
    text = candidates_sql(program.type, entry, known, given)
    params |= {"program": program.pk, "context": "", "now": database_now()}
    return text, params, known


def _requirements(subject: str, flow: Flow) -> Iterator[Requirement]:
    for place in walk(flow):
        if place.step.kind in step_kinds:
            kind = step_kinds.get(place.step.kind)
            try:
                config = parse_config(kind.Config, dict(place.step.config))
            except DomainError:
                continue
            yield from (r for r in kind.requires(config) if r.subject == subject)


def _given(program: Program, config: EntryConfig) -> tuple[str, dict[str, Any]]:
    """Everybody inside the sources, with what the rows of files bring. "" for no source."""
    files = {source.list for source in config.of_kind(CsvSource)}
    segments = {source.segment for source in config.of_kind(SegmentSource)}
    parts, params = [], {"segments": sorted(segments), "files": sorted(files)}
    if segments:
        parts.append(
            "SELECT DISTINCT subject_id AS id, '' AS context_id, '{}'::jsonb AS fields"
            " FROM segments_member WHERE segment_id = ANY(%(segments)s)"
        )
    if files and EntryList.objects.filter(program=program, pk__in=files).exists():
        column = f"{program.type}_id"
        parts.append(
            f"SELECT {column}, context_id, fields FROM journeys_entryrow"
            f" WHERE entry_list_id = ANY(%(files)s) AND {column} IS NOT NULL AND error = ''"
        )
    for index, source in enumerate(config.sources):
        if isinstance(source, QuerySource):
            node = parse_rule(source.rule, program.type, f"/entry/sources/{index}/rule")
            query = matching_query(node, program.type, database_now())
            text, bound = _named(query.text, query.params, f"q{index}")
            params |= bound
            parts.append(f"SELECT id, '', '{{}}'::jsonb FROM ({text}) q{index}")
    if not parts:
        return "", params
    united = " UNION ALL ".join(parts)
    return (
        "SELECT DISTINCT ON (id, context_id) id, 0 AS place, context_id, fields, '{}'::jsonb AS"
        f" cause FROM ({united}) u (id, context_id, fields) ORDER BY id, context_id"
    ), params


def _named(text: str, values: Any, prefix: str) -> tuple[str, dict[str, Any]]:
    """A statement with its parameters by name, so that it fits into one that has such."""
    bound: dict[str, Any] = {}

    def name(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return found[0]
        key = f"{prefix}_{len(bound)}"
        bound[key] = values[len(bound)]
        return f"%({key})s"

    return re.sub(r"%[%s]", name, text), bound
