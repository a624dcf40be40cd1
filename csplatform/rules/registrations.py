"""Table of contents of the kinds of tests that the rules room itself brings."""

from csplatform.rules.kinds.attribute import AttributeTest
from csplatform.rules.kinds.company import CompanyTest
from csplatform.rules.kinds.event import EventTest
from csplatform.rules.kinds.event_time import EventTimeTest
from csplatform.rules.kinds.event_value import EventValueTest
from csplatform.rules.kinds.owner import OwnerTest, owners_facts, role_options, user_names
from csplatform.rules.kinds.people import PeopleTest
from csplatform.rules.kinds.sequence import SequenceTest
from csplatform.rules.load import fact_sources
from csplatform.rules.options import event_names, option_sources
from csplatform.rules.registry import rule_kinds


def register() -> None:
    """Kinds in the order in which the builder offers them; sources of its suggestions."""
    for kind in (
        AttributeTest(), CompanyTest(), PeopleTest(), EventTest(), EventTimeTest(),
        EventValueTest(), SequenceTest(), OwnerTest(),
    ):  # fmt: skip
        rule_kinds.register(kind.key, kind)
    fact_sources.register("owners", owners_facts)
    option_sources.register("events.names", event_names)
    option_sources.register("owners.roles", role_options)
    option_sources.register("owners.users", user_names)
