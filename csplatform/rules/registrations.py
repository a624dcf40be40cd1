"""Table of contents of the kinds of tests that the rules room itself brings."""

from csplatform.rules.kinds.attribute import AttributeTest
from csplatform.rules.kinds.company import CompanyTest
from csplatform.rules.kinds.event import EventTest
from csplatform.rules.kinds.event_time import EventTimeTest
from csplatform.rules.kinds.event_value import EventValueTest
from csplatform.rules.kinds.people import PeopleTest
from csplatform.rules.kinds.sequence import SequenceTest
from csplatform.rules.options import event_names, option_sources
from csplatform.rules.registry import rule_kinds


def register() -> None:
    """Kinds in the order in which the builder offers them; sources of its suggestions."""
    for kind in (
        AttributeTest(), CompanyTest(), PeopleTest(), EventTest(), EventTimeTest(),
        EventValueTest(), SequenceTest(),
    ):  # fmt: skip
        rule_kinds.register(kind.key, kind)
    option_sources.register("events.names", event_names)
