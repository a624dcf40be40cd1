"""Programs whose rules name something that has changed its meaning."""

from django.db.models import Q

from journeys.engine.reactions import note_interest
from journeys.engine.versions import load_versions
from journeys.models import Participant, ProgramVersion
from journeys.operations.publish import subscribe_version
from journeys.usage import MEANING_PATHS, programs_with


def follow_meaning(type_: str) -> None:
    """Note again what the versions read that people are in or enter. Runs in the transaction of
    the change; answers themselves come with the next change of a fact, or the daily sweep."""
    path = MEANING_PATHS.get(type_)
    if path is None:
        return
    programs = programs_with(path)
    inside = Participant.objects.filter(ended_at=None).values("version")
    stored = ProgramVersion.objects.filter(program__in=programs.values("pk")).filter(
        Q(pk__in=inside) | Q(pk__in=programs.values("published"))
    )
    rows = {row.pk: row for row in stored}
    for version_id, version in load_versions(rows).items():
        note_interest(version, rows[version_id])
        subscribe_version(version)
