"""Two people at one form: nobody overwrites what they have not seen (ADM-01).

The page carries a fingerprint of each field as it was when the page was drawn. Saving compares it
with the row, locked until the commit.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest
from django.utils.text import capfirst

from csplatform.kit.errors import Conflict, Problem

FIELD = "_seen"
TEMPLATE = "adminkit/_seen.html"
_SHOWN = "_csplatform_seen"
_SAVING = "_csplatform_saving"


def begin_saving(request: HttpRequest) -> None:
    """From here on the row is read for the change form itself: once, its changes are refused."""
    setattr(request, _SAVING, request.method == "POST" and FIELD in request.POST)


def note_seen(request: HttpRequest, obj: Any, names: Iterable[str]) -> None:
    """Keep the fingerprints for the page that is about to be drawn.

    Raises Conflict, once after `begin_saving`, when the request would overwrite fields that changed
    since its page was drawn. The page that is drawn then shows the user's input, and saving it
    again overwrites.
    """
    saving = getattr(request, _SAVING, False)
    if saving:
        setattr(request, _SAVING, False)
        type(obj)._base_manager.select_for_update(no_key=True).filter(pk=obj.pk).first()
        obj.refresh_from_db()
    now = {name: _fingerprint(obj, name) for name in _stored(obj, names)}
    setattr(request, _SHOWN, json.dumps(now))
    if saving:
        before = _before(request)
        changed = [name for name, mark in now.items() if mark != before.get(name, mark)]
        if changed:
            raise Conflict(_problems(obj, changed))


def seen_on(request: HttpRequest) -> str:
    """The fingerprints for the page; "" where nothing is guarded."""
    return getattr(request, _SHOWN, "")


def _stored(obj: Any, names: Iterable[str]) -> list[str]:
    columns = {field.name for field in obj._meta.concrete_fields if field.editable}
    return [name for name in names if name in columns]


def _fingerprint(obj: Any, name: str) -> str:
    value = obj._meta.get_field(name).value_from_object(obj)
    text = json.dumps(value, cls=DjangoJSONEncoder, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _before(request: HttpRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.POST[FIELD])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _problems(obj: Any, changed: list[str]) -> list[Problem]:
    what = (
        "Somebody else changed this while you worked on it. Your input stands below: save again to"
        " put it over theirs, or open the page anew to see theirs."
    )
    return [Problem("", what, "changed"), *(_theirs(obj, name) for name in changed)]


def _theirs(obj: Any, name: str) -> Problem:
    """What a field says now, if it is short enough to be said."""
    label = capfirst(str(obj._meta.get_field(name).verbose_name))
    value = getattr(obj, name)
    if isinstance(value, (dict, list)) or len(str(value)) > 200:
        return Problem(f"/{name}", f"“{label}” was changed meanwhile.", "changed")
    said = f"“{value}”" if str(value) else "nothing"
    return Problem(f"/{name}", f"“{label}” says {said} by now.", "changed")
