"""Entry, control group and what takes people out, in plain words; also of what is half done."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from csplatform.rules.properties import PropertyFilter
from journeys.flow.document import Flow
from journeys.flow.entry import source_items

PERIODS = {"day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year"}
ONCE = {"email": "address", "person": "person", "company": "company", "context_id": "context id"}


def ids_in(entry: Mapping[str, Any], kind: str, name: str) -> list[int]:
    """Ids that sources of a kind point at."""
    found = [s.get(name) for s in source_items(entry) if s.get("kind", "segment") == kind]
    return [pk for pk in found if isinstance(pk, int) and not isinstance(pk, bool)]


def enters_by_itself(entry: Mapping[str, Any]) -> bool:
    """Whether there is any source."""
    return bool(source_items(entry))


def query_rules(entry: Mapping[str, Any]) -> list[Any]:
    """The rules of the sources that are queries."""
    return [source.get("rule") for source in source_items(entry) if source.get("kind") == "query"]


def entry_references(flow: Flow) -> set[tuple[str, int | str]]:
    """What entry and exits point at, as ("segment", 3)."""
    found: set[tuple[str, int | str]] = {
        ("segment", pk) for pk in ids_in(flow.entry, "segment", "segment")
    }
    found |= {("entry_list", pk) for pk in ids_in(flow.entry, "csv", "list")}
    programs = flow.leaving.get("unenrol_programs")
    if isinstance(programs, list):
        found |= {("program", pk) for pk in programs if isinstance(pk, int)}
    return found


def entry_title(
    entry: Mapping[str, Any], names: Mapping[str, str], queries: Sequence[str] = ()
) -> str:
    """Who enters, in a few words."""
    if not source_items(entry):
        return "Enrolled by hand"
    segments = ids_in(entry, "segment", "segment")
    known = [f"“{names[key]}”" for pk in segments if (key := f"segment:{pk}") in names]
    parts = [f"segment{'' if len(known) == 1 else 's'} {listed(known)}"] if known else []
    if len(known) < len(segments):
        parts.append("a segment that is gone")
    files = ids_in(entry, "csv", "list")
    parts += [f"file “{names.get(f'entry_list:{pk}', 'that is gone')}”" for pk in files]
    parts += queries
    parts += [_event(s) for s in source_items(entry) if s.get("kind") == "event"]
    text = listed(parts) if parts else "A source that is not complete"
    return text[:1].upper() + text[1:]


def _event(source: Mapping[str, Any]) -> str:
    where = source.get("where")
    demands = []
    for item in where if isinstance(where, list) else ():
        try:
            demands.append(PropertyFilter.model_validate(item).words())
        except ValueError:
            demands.append("(a test that is not complete)")
    more = f" where {' and '.join(demands)}" if demands else ""
    return f"event “{source.get('event') or '?'}”{more}"


def entry_words(entry: Mapping[str, Any]) -> str:
    """How one gets in, as one sentence or two."""
    kinds = {source.get("kind", "segment") for source in source_items(entry)}
    if not kinds:
        return "Only those enter whom somebody enrols."
    first = "Whoever it happens to"
    if kinds - {"event"}:
        existing = entry.get("include_existing", True)
        first = "Those inside at publishing and newcomers" if existing else "Newcomers only"
        first += ", and whoever the event happens to" if "event" in kinds else ""
    again = {
        "every_time": "again each time they come back",
        "after_days": f"again {entry.get('re_enrolment_days', 90)} days after the last run",
    }.get(str(entry.get("re_enrolment")), "each only once")
    return " ".join([f"{first}; {again}.", *_limits(entry)])


def existing_words(entry: Mapping[str, Any]) -> str:
    """What becomes of members already inside when it is published; "" where no source has any."""
    if not {source.get("kind", "segment") for source in source_items(entry)} - {"event"}:
        return ""
    if entry.get("include_existing", True):
        return "Members already inside are taken in, as chosen under “Entry”."
    return "Members already inside stay out, as chosen under “Entry”: only those enter who come."


def _limits(entry: Mapping[str, Any]) -> Iterator[str]:
    by, fields = entry.get("unique_by"), entry.get("unique_fields")
    per = [ONCE.get(str(name), str(name)) for name in (by if isinstance(by, list) else ())]
    per += [f"“{name}”" for name in (fields if isinstance(fields, list) else ())]
    if per:
        period = PERIODS.get(str(entry.get("unique_period")))
        more = f" and {period}" if period else ""
        yield f"At most one run per {', '.join(per)}{more}."
    if entry.get("same_email_days"):
        yield f"The same email not again within {entry['same_email_days']} days."
    if entry.get("needs_context_id"):
        yield "Needs a context id."


def leaving_words(flow: Flow, names: Mapping[str, str]) -> Iterator[str]:
    """What takes people out beyond goal and exit rules; what is as usual is not told."""
    leaving = flow.leaving
    if leaving.get("when_left"):
        yield "Leaves when in none of the sources any more"
    if not leaving.get("when_churned", True):
        yield "Goes on when the company churns"
    unenrol = leaving.get("unenrol", "none")
    if unenrol == "all":
        yield "Entering takes out of all other programs"
    elif unenrol == "chosen":
        programs = leaving.get("unenrol_programs")
        found = [
            f"“{names.get(f'program:{pk}', 'a program that is gone')}”"
            for pk in (programs if isinstance(programs, list) else ())
        ]
        yield f"Entering takes out of {listed(found) if found else '(no program chosen)'}"


def control_words(flow: Flow) -> Iterator[str]:
    """Who is held out."""
    if percent := flow.control.get("percent"):
        yield f"Holds out {percent} % for {flow.control.get('days', 30)} days, to compare"
    if flow.control.get("operational"):
        yield "Operational: also for the global hold-out"


def listed(items: Iterable[str]) -> str:
    """“A”, “B” and “C”."""
    *head, last = list(items)
    return f"{', '.join(head)} and {last}" if head else last
