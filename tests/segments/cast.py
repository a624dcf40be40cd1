"""Short ways to make segments and look at them."""

from typing import Any

from csplatform.segments.models import Member, MemberChange, Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment


def segment(
    name: str, rule: Any = None, *, subject: str = "person", kind: str = "dynamic"
) -> Segment:
    """A segment made by the system."""
    return save_segment(SegmentInput(name, "", subject, kind, rule), actor=None)


def attribute(name: str, operator: str, value: Any = None) -> dict[str, Any]:
    """A test of an attribute."""
    rule = {"test": "attribute", "name": name, "operator": operator}
    return rule if value is None else {**rule, "value": value}


def members(of: Segment) -> set[int]:
    """Who is in it; also checks that the stored count is the true one."""
    found = set(Member.objects.filter(segment=of).values_list("subject_id", flat=True))
    of.refresh_from_db()
    assert of.member_count == len(found)
    return found


def history(of: Segment) -> list[tuple[int, bool]]:
    """(id, entered) in order."""
    rows = MemberChange.objects.filter(segment=of).order_by("id")
    return list(rows.values_list("subject_id", "entered"))
