"""The freshness consumer: a change of a fact refreshes the segments that read it, for those
concerned alone."""

from django.db import OperationalError, transaction
from django.db.models import Q

from csplatform.freshness.flips import time_key
from csplatform.freshness.loop import Touched
from csplatform.rules.kind import FactKey
from csplatform.rules.parse import load_rule
from csplatform.rules.reach import affected_ids, touched_texts
from csplatform.segments.models import Segment, State
from csplatform.segments.operations.membership import FLIPS, refresh_members
from csplatform.segments.recompute import BROKEN, mark_failed


def refresh_touched(touched: Touched) -> None:
    """Refresh the dynamic segments whose fact keys were touched. Runs in the loop's transaction."""
    by_time = time_key(FLIPS, 0).removesuffix("0")
    timed = [int(key.removeprefix(by_time)) for key in touched.keys if key.startswith(by_time)]
    asked = Q(fact_keys__overlap=touched_texts(touched)) | Q(pk__in=timed, subject=touched.subject)
    # Locked in id order, before their statements take a snapshot; see refresh_members.
    concerned = (
        Segment.objects.dynamic()
        .filter(asked)
        .exclude(state=State.FAILED)
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    for segment in concerned:
        _refresh(segment, touched)


def _refresh(segment: Segment, touched: Touched) -> None:
    keys = [FactKey(*_split(text)) for text in segment.fact_keys]
    ids = affected_ids(touched, keys, segment.subject)
    if touched.subject == segment.subject:
        ids |= touched.keys.get(time_key(FLIPS, segment.pk), frozenset())
    if not ids:
        return
    read = {key.key for key in keys if key.subject == touched.subject}
    changed = sorted(read & set(touched.keys))[:10]
    kind = "change" if changed else "time"
    cause = {"kind": kind, "of": touched.subject, "keys": changed}
    try:
        with transaction.atomic():
            node = load_rule(segment.rule, segment.subject)
            refresh_members(segment, node, touched.now, cause=cause, ids=ids)
    except BROKEN as error:
        if isinstance(error, OperationalError):
            raise
        mark_failed(segment, error)


def _split(text: str) -> tuple[str, str, int]:
    """ "subject:key:hops"; an event's name may hold colons."""
    subject, _, rest = text.partition(":")
    key, _, hops = rest.rpartition(":")
    return subject, key, int(hops)
