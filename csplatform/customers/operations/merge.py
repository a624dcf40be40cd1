"""Merging two people who turned out to be one."""

from datetime import datetime
from typing import Any

from csplatform.customers.hooks import merge_hooks
from csplatform.customers.models import Person
from csplatform.customers.operations.patching import read_rows, write_history
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.freshness.touches import EVERYTHING, touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError


@settled_by_constraint
def merge_people(
    winner_id: int, loser_id: int, *, actor: Any, moment: datetime | None = None
) -> bool:
    """Make the loser a tombstone that points to the winner; False when it is one already.

    Everything that names the loser by `person_id` names the winner afterwards; what the winner
    lacks (attributes, address, companies) is taken over, what it has stays. Rooms above follow
    through `customers.hooks.merge_hooks`, in this transaction. Nothing is deleted.
    Raises DomainError for the same or an unknown person, Conflict when the winner is a
    tombstone or one of them was erased.
    """
    if winner_id == loser_id:
        raise DomainError("A person cannot be merged into itself.", path="/loser", code="same")
    moment = moment or database_now()
    # FOR UPDATE also keeps writers of events out until this commits.
    locked = sql.rows(
        "SELECT id, merged_into_id, erased_at FROM customers_person WHERE id = ANY(%s)"
        " ORDER BY id FOR UPDATE",
        [sorted((winner_id, loser_id))],
    )
    merged_into = {row[0]: row[1] for row in locked}
    for name, person_id in (("winner", winner_id), ("loser", loser_id)):
        if person_id not in merged_into:
            raise DomainError(f"There is no person {person_id}.", path=f"/{name}", code="unknown")
    if merged_into[loser_id] == winner_id:
        return False
    if merged_into[winner_id] is not None or merged_into[loser_id] is not None:
        raise Conflict("One of them was merged already; look again.", code="merged")
    if any(erased_at is not None for *_, erased_at in locked):
        raise Conflict("One of them was erased.", code="erased")
    _bury(winner_id, loser_id)
    _take_over_values(winner_id, loser_id, moment)
    _repoint(winner_id, loser_id)
    for hook in merge_hooks:
        hook(winner_id, loser_id, moment)
    winner = Person.objects.get(pk=winner_id)
    audit.record(actor, "person.merge", winner, after={"merged": loser_id})
    touch("person", [winner_id, loser_id], [EVERYTHING])
    return True


def _bury(winner_id: int, loser_id: int) -> None:
    """The tombstone, and flat: whoever was merged into the loser points to the winner now."""
    sql.run(
        "UPDATE customers_person SET merged_into_id = %s WHERE id = %s OR merged_into_id = %s",
        [winner_id, loser_id, loser_id],
    )


def _take_over_values(winner_id: int, loser_id: int, moment: datetime) -> None:
    """Fill the winner's gaps, with history."""
    rows = read_rows("person", [winner_id, loser_id], lock=False)
    winner, loser = rows[winner_id], rows[loser_id]
    gained = {
        name: value
        for name, value in loser.attributes.items()
        if winner.attributes.get(name) is None
    }
    columns = {
        name: loser.columns[name]
        for name in ("email", "name", "role", "persona", "time_zone")
        if not winner.columns[name] and loser.columns[name]
    }
    if not gained and not columns:
        return
    sets = "".join(f", {name} = l.{name}" for name in columns)
    sql.run(
        f"UPDATE customers_person w SET attributes = l.attributes || w.attributes{sets}"
        " FROM customers_person l WHERE w.id = %s AND l.id = %s",
        [winner_id, loser_id],
    )
    changes = {name: (None, value) for name, value in (gained | columns).items()}
    cause = {"kind": "merge", "person": loser_id}
    write_history("person", {winner_id: changes}, cause=cause, moment=moment)


def _repoint(winner_id: int, loser_id: int) -> None:
    """`person_id` of everything in this room; only the person changes, never what was recorded."""
    pair = {"winner": winner_id, "loser": loser_id}
    sql.run(
        "DELETE FROM customers_membership l USING customers_membership w"
        " WHERE l.person_id = %(loser)s AND w.person_id = %(winner)s"
        " AND w.company_id = l.company_id",
        pair,
    )
    sql.run(
        "UPDATE customers_membership SET person_id = %(winner)s, is_primary = is_primary AND NOT"
        " EXISTS (SELECT 1 FROM customers_membership w WHERE w.person_id = %(winner)s"
        " AND w.is_primary) WHERE person_id = %(loser)s",
        pair,
    )
    for table in ("externalid", "membershipchange", "event", "eventinbox"):
        sql.run(
            f"UPDATE customers_{table} SET person_id = %(winner)s WHERE person_id = %(loser)s", pair
        )
    sql.run(
        "INSERT INTO customers_personactivity AS a"
        " (person_id, first_seen_at, last_seen_at, event_count)"
        " SELECT %(winner)s, first_seen_at, last_seen_at, event_count"
        " FROM customers_personactivity WHERE person_id = %(loser)s"
        " ON CONFLICT (person_id) DO UPDATE SET"
        " first_seen_at = LEAST(a.first_seen_at, excluded.first_seen_at),"
        " last_seen_at = GREATEST(a.last_seen_at, excluded.last_seen_at),"
        " event_count = a.event_count + excluded.event_count",
        pair,
    )
    sql.run("DELETE FROM customers_personactivity WHERE person_id = %(loser)s", pair)
