"""What calculated fields bring: sources, the test of rules, options of their forms."""

from csplatform.customers.attributes import attribute_specs
from csplatform.rules.registry import rule_kinds
from journeys.fields.events import EventsSource
from journeys.fields.related import companies_source, people_source
from journeys.fields.rule import FieldTest
from journeys.fields.source import field_sources
from journeys.steps.options import Options, option_providers


def register() -> None:
    """Called once at start."""
    for source in (EventsSource(), people_source(), companies_source()):
        field_sources.register(source.key, source)
    rule_kinds.register(FieldTest.key, FieldTest())
    option_providers.register("field_sources", _sources)
    option_providers.register("person_numbers", lambda subject: _numbers("person"))
    option_providers.register("company_numbers", lambda subject: _numbers("company"))


def _sources(subject: str) -> Options:
    return [(s.key, s.label) for s in field_sources if subject in s.subjects]


def _numbers(subject: str) -> Options:
    specs = attribute_specs(subject).values()
    return [(spec.name, spec.label) for spec in specs if spec.type == "number"]
