"""The addressed people of companies' steps, as waits ask about them: any, all or n of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from csplatform.customers.models import EventName
from csplatform.kit import sql
from journeys.steps.kind import Traveller

Key = tuple[int, str]  # participant, step key


@dataclass(frozen=True)
class PartRef:
    """A person's message or invitation. `counts`: something could be shown or sent to them."""

    ref: int
    person_id: int
    counts: bool = True


Parts = Mapping[Key, Sequence[PartRef]]


def parts_of(travellers: Iterable[Traveller], steps: Iterable[str]) -> Parts:
    """The people addressed at these steps' last visits, from what is decided in this pass or
    stored. One query at most."""
    wanted = set(steps)
    found: dict[Key, list[PartRef]] = {}
    asked: list[int] = []
    for t in travellers:
        here = {key: addressed for key, addressed in t.parts.items() if key in wanted}
        for key, addressed in here.items():
            found[t.id, key] = [
                PartRef(one.ref, one.person_id, not one.refused)
                for one in addressed
                if one.ref is not None and one.person_id is not None
            ]
        if wanted - here.keys():
            asked.append(t.id)
    if asked and wanted:
        stored = _stored(asked, wanted)
        found = {**stored, **found}
    return found


def _stored(participants: list[int], steps: set[str]) -> dict[Key, list[PartRef]]:
    rows = sql.rows(
        "SELECT participant_id, step_key, ref, person_id, refused = '' FROM (SELECT *, rank() OVER"
        "  (PARTITION BY participant_id, step_key ORDER BY visit DESC) AS place"
        "  FROM journeys_part WHERE participant_id = ANY(%s) AND step_key = ANY(%s)) q"
        " WHERE place = 1 AND ref IS NOT NULL AND person_id IS NOT NULL"
        " ORDER BY id",
        [participants, sorted(steps)],
    )
    found: dict[Key, list[PartRef]] = defaultdict(list)
    for participant, step, ref, person, counts in rows:
        found[participant, step].append(PartRef(ref, person, counts))
    return found


@dataclass(frozen=True)
class Reached:
    """How many people did it, how many were reached, how many of these did not, and the refs of
    those who did."""

    did: int
    addressed: int
    missing: int
    refs: tuple[int, ...] = ()

    def meets(self, quorum: str, count: int) -> bool:
        """Whether that is "any", "all" (of at least one) or at least `count` of them."""
        if quorum == "all":
            return self.addressed > 0 and not self.missing
        return self.did >= (count if quorum == "count" else 1)


def who_did(
    event: str, step: str, travellers: Sequence[Traveller], parts: Parts
) -> dict[int, Reached]:
    """By participant: how many of the people addressed at a step did something about their own
    message. One query. Two people who turned out to be one count once."""
    name_id = EventName.objects.filter(name=event).values_list("pk", flat=True).first()
    asked = [(t.id, part) for t in travellers for part in parts.get((t.id, step), ())]
    hits: set[tuple[int, int]] = set()
    if name_id is not None and asked:
        found = sql.rows(
            "SELECT t.participant, t.ref FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"
            " AS t (participant, person, ref) WHERE EXISTS (SELECT 1 FROM customers_event e"
            " WHERE e.person_id = t.person AND e.name_id = %s AND e.ref = t.ref)",
            [
                [participant for participant, _ in asked],
                [part.person_id for _, part in asked],
                [part.ref for _, part in asked],
                name_id,
            ],
        )
        hits = {(row[0], row[1]) for row in found}
    return {t.id: _reached(t.id, parts.get((t.id, step), ()), hits) for t in travellers}


def _reached(participant: int, parts: Sequence[PartRef], hits: set[tuple[int, int]]) -> Reached:
    done = [part for part in parts if (participant, part.ref) in hits]
    people = {part.person_id for part in done}
    counted = {part.person_id for part in parts if part.counts}
    refs = tuple(part.ref for part in done)
    return Reached(len(people), len(counted), len(counted - people), refs)
