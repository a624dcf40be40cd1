"""The page that says why somebody is in a segment or not, also back then."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from csplatform.customers.models import Company, Person
from csplatform.customers.search import matching
from csplatform.kit.clock import now
from csplatform.rules.evaluate import Explained
from csplatform.segments.admin.pages import frame, load, page_of, why_words
from csplatform.segments.explaining import why
from csplatform.segments.lookup import find_pasted

FOUND = 8


def why_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Look for somebody, then the rule's answer about them test by test."""
    segment = load(request, object_id)
    term = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    at, wrong = _instant(request.GET.get("at", ""))
    found = _found(segment.subject, term)
    chosen = _chosen(request.GET.get("id", ""), found)
    answer, lines = None, []
    if chosen is not None:
        answer = why(segment, chosen, at or now(), past=at is not None)
        lines = list(_lines(answer.explained, 0)) if answer.explained else []
    context = frame(
        model_admin, request, segment, search=term, found=found, chosen=chosen, answer=answer,
        lines=lines, at=request.GET.get("at", ""), wrong=wrong, past=at is not None,
        url=page_of(segment.subject, chosen) if chosen else "",
        changes=[(change, why_words(change.cause)) for change in answer.changes] if answer else [],
    )  # fmt: skip
    return render(request, "segments/why.html", context)


def _instant(text: str) -> tuple[datetime | None, str]:
    """A past instant in UTC, and what is wrong with it."""
    if not text:
        return None, ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None, "Give an instant like 2026-01-31T10:00."
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (None, "That is yet to come; here is the answer as of now.") if at > now() else (at, "")


def _found(subject: str, term: str) -> list[Any]:
    """People or companies by the beginning of the name, or exactly by address, domain or id."""
    if not term:
        return []
    model: Any = Person if subject == "person" else Company
    exact = find_pasted(subject, term).ids
    living = model.objects.filter(merged_into=None)
    rows = list(living.filter(pk__in=exact)[:FOUND])
    return rows or list(matching(subject, living, term)[:FOUND])


def _chosen(text: str, found: list[Any]) -> int | None:
    """The id in the address, else the only one that was found."""
    if text.isdigit() and len(text) < 19:
        return int(text)
    return found[0].pk if len(found) == 1 else None


def _lines(node: Explained, depth: int) -> Any:
    """The explanation as lines with their depth."""
    yield {"depth": min(depth, 6), "words": node.words, "truth": node.truth,
           "value": "" if node.children else shown(node.value)}  # fmt: skip
    for child in node.children:
        yield from _lines(child, depth + 1)


def shown(value: Any) -> str:
    """A leaf's value for reading."""
    if value is None or value == "" or value == []:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value[:10])
    if isinstance(value, dict):
        if "truth" in value:
            return f"{value.get('label')}: {shown(value['truth'])}"
        pairs = ((key, item) for key, item in value.items() if item not in (None, "", []))
        return "; ".join(f"{key.replace('_', ' ')} {shown(item)}" for key, item in pairs)
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
