"""Programs forget an erased person."""

from django.db.models import Q

from csplatform.customers.hooks import Erasure
from csplatform.customers.operations.erase import emptied
from csplatform.kit import sql
from journeys.models import EntryRow, Participant
from journeys.operations.removal import remove_rows


def forget_runs(erasure: Erasure) -> None:
    """Runs end as erased, nobody waits for them any more, and no evidence holds their values.

    Waits for whoever a worker has in hand: what it wrote is emptied too.
    """
    who = {"ids": list(erasure.ids)}
    remove_rows("person_id = ANY(%(ids)s)", who, "erased")
    sql.run(
        "DELETE FROM journeys_wait WHERE person_id = ANY(%(ids)s) OR participant_id IN"
        " (SELECT id FROM journeys_participant WHERE person_id = ANY(%(ids)s))",
        who,
    )
    sql.run(
        "UPDATE journeys_transition SET evidence = evidence - '{old,new,fields}'::text[]"
        " WHERE evidence ?| '{old,new,fields}'"
        " AND participant_id IN (SELECT id FROM journeys_participant"
        "  WHERE person_id = ANY(%(ids)s))",
        who,
    )
    # Their part in companies' runs stays, but nobody waits for it any more.
    sql.run(
        "UPDATE journeys_part SET address = '', refused = 'erased' WHERE person_id = ANY(%(ids)s)",
        who,
    )
    sql.run("DELETE FROM journeys_refusal WHERE person_id = ANY(%(ids)s)", who)
    Participant.objects.filter(person__in=erasure.ids).update(**emptied(Participant))
    _forget_rows(erasure)


def _forget_rows(erasure: Erasure) -> None:
    """Rows of uploaded files: those of the person, and those that name an address of theirs."""
    rows = EntryRow.objects.filter(
        Q(person__in=erasure.ids) | Q(key__in=sorted(erasure.words | erasure.addresses))
    )
    rows.update(**emptied(EntryRow), person=None, error="Was erased.")
