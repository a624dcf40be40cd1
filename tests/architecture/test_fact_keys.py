"""What rules read and what operations touch are the same names: else something is never fresh."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS
from csplatform.billing.operations.upsert import BillingInput, upsert
from csplatform.customers.attributes import BUILT_IN, attribute_specs
from csplatform.customers.models import AttributeDefinition
from csplatform.customers.models.attribute import AttributeType
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.companies import CompanyRef
from csplatform.customers.operations.events import EventInput, record_events, subscribe
from csplatform.customers.operations.memberships import link_people
from csplatform.customers.operations.owners import set_owners, tell_of_user
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.freshness.models import Touch
from csplatform.health.operations import MeasureInput, ProfileInput, save_profile, set_pulse
from csplatform.health.scoring import parse_tiers
from csplatform.rules.parse import load_rule
from csplatform.rules.references import fact_keys
from csplatform.rules.registry import rule_kinds
from csplatform.segments.models import Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members
from csplatform.usage.models import UsagePart
from csplatform.usage.operations.tree import PartInput, save_part
from journeys.models import Participant
from journeys.operations.enroll import enroll, remove_participants
from journeys.playbooks.operations.runs import assign_playbook
from journeys.playbooks.subjects import Subject
from tests import factories as make
from tests.architecture.test_house import PACKAGES, ROOT, sources

# Facts that nothing ever changes: no touch is needed.
UNCHANGING = {"attr.created_at"}
VALUES = {
    "text": "new", "number": 7, "boolean": True, "date": "2026-02-03", "list": ["new"],
    "datetime": "2026-02-03T04:05:06Z", "choice": "b", "link": "https://example.com",
}  # fmt: skip
OWN_VALUES = {
    "email": "new@example.com", "stage": "renewal", "status": "churned", "time_zone": "Europe/Oslo",
    "language": "de", "domains": ["new.example"],
}  # fmt: skip
# Writing to these tables changes what rules read.
FACT_TABLES = (
    r"customers_(person|company|membership|event)|segments_member"
    r"|journeys_(participant|task|playbookrun)"
)
TELLING = ("freshness.touches", "engine.telling")
# Files that write them and touch nobody, and why nobody has to know.
SILENT = {
    "csplatform/customers/bench_world.py": "a benchmark's world is asked as a whole",
    "csplatform/segments/bench.py": "a benchmark's twin",
    "engagements/tracker/bench_site.py": "a benchmark takes away what it made",
    "csplatform/segments/operations/definition.py": "copies and deletions of whole segments",
    "journeys/playbooks/operations/changing.py": "its callers tell, through playbooks.history",
    "journeys/playbooks/operations/create.py": "tells through playbooks.history",
    "journeys/playbooks/operations/runs.py": "tells through playbooks.history",
    "journeys/playbooks/operations/settling.py": "tells through playbooks.history",
    "journeys/playbooks/merging.py": "tells through playbooks.history",
    "csplatform/segments/operations/erase.py": "the erasure touches everything of the person",
    "journeys/bench.py": "a benchmark's twin",
    "journeys/bench_editor.py": "a benchmark's world",
    "journeys/engine/merging.py": "the merge touches everything of both",
    "journeys/engine/inbox.py": "when to look again, not where they stand",
    "journeys/operations/amend.py": "when to look again, not where they stand",
}


def touched(subject: str, subject_id: int) -> set[str]:
    """Keys touched since the last time; forgets them."""
    found = Touch.objects.filter(subject=subject, subject_id=subject_id)
    keys = set(found.values_list("key", flat=True))
    Touch.objects.all().delete()
    return keys


def _event(name: str) -> set[str]:
    subscribe([name], "freshness")
    someone = make.person(at=make.company())
    record_events([EventInput(name, person_id=someone.pk)])
    return touched("person", someone.pk)


def _membership() -> set[str]:
    someone, somewhere = make.person(), make.company()
    link_people([(someone.pk, somewhere.pk)])
    assert "membership" in touched("company", somewhere.pk) | {"membership"}
    link_people([(someone.pk, make.company().pk)])
    return touched("person", someone.pk)


def _everything() -> set[str]:
    made = upsert_people([PersonInput(email="new@example.com")])[0]
    return touched("person", made.id)


def _segment(subject: str) -> set[str]:
    listed = save_segment(SegmentInput(f"List {subject}", "", subject, "static"), actor=None)
    someone = make.person() if subject == "person" else make.company()
    Touch.objects.all().delete()
    add_members(listed.pk, [someone.pk], actor=None)
    return {key.replace(str(listed.pk), "*") for key in touched(subject, someone.pk)}


def _billing(key: str) -> set[str]:
    ledger = SUBSCRIPTIONS if key == "subscriptions" else INVOICES
    acme = make.company()
    ref = CompanyRef(id=acme.pk)
    upsert(ledger, [BillingInput("x", None, ref, {} if key == "subscriptions" else {"amount": 1})],
           actor=None)  # fmt: skip
    return touched("company", acme.pk)


def _owners() -> set[str]:
    acme, colleague = make.company(), make.staff()
    set_owners(acme.pk, [("Sponsor", colleague.pk)], actor=None)
    assert touched("company", acme.pk) == {"owners"}
    tell_of_user(colleague.pk)
    return touched("company", acme.pk)


def _usage(subject: str, key: str) -> set[str]:
    """The tree touches nobody: whoever reads it is told, and asks for everybody again."""
    for parent, name, event in (("", "app", ""), ("app", "one", ""), ("app/one", "open", "opened")):
        save_part(PartInput(name, name, parent, event), actor=None)
    rule = {"test": "usage", "part": "app"}
    listed = save_segment(SegmentInput(f"{key} {subject}", subject=subject, rule=rule), actor=None)
    Segment.objects.filter(pk=listed.pk).update(requested_at=None)
    save_part(PartInput("save", "Save", "app/one", "saved"), actor=None)
    listed.refresh_from_db()
    UsagePart.objects.all().delete()
    return {key} if listed.requested_at else set()


def _runs(subject: str) -> set[str]:
    """Somebody enters and leaves a program that a rule asks about."""
    program = make.program(make.step("wait_timer", "wait1", amount=1, unit="days"), type=subject)
    rule = {"test": "participation", "program": program.pk}
    save_segment(SegmentInput(f"In {program}", subject=subject, rule=rule), actor=None)
    someone = make.person() if subject == "person" else make.company()
    enroll(program.pk, [someone.pk], actor=None)
    key = f"runs.{program.pk}"
    assert key in touched(subject, someone.pk)
    remove_participants(list(Participant.objects.values_list("pk", flat=True)), actor=None)
    return {found.replace(str(program.pk), "*") for found in touched(subject, someone.pk)}


def _task(subject: str) -> set[str]:
    someone = make.person() if subject == "person" else make.company()
    make.task(**{f"{subject}_id": someone.pk})
    return touched(subject, someone.pk)


def _playbook(subject: str) -> set[str]:
    someone = make.person() if subject == "person" else make.company()
    assign_playbook(
        make.playbook(subject=subject).pk, [Subject(**{f"{subject}_id": someone.pk})], actor=None
    )
    return touched(subject, someone.pk)


def _health() -> set[str]:
    company = make.company().pk
    save_profile(
        ProfileInput(
            "All", measures=[MeasureInput("pulse", tiers=parse_tiers("100 = 100, more = 100"))]
        ),
        actor=None,
    )
    Touch.objects.all().delete()
    set_pulse(company, 5, actor=None)
    return touched("company", company)


# Family of fact keys -> an operation that changes such a fact, and gives the keys it touched.
CHANGES: dict[str, Callable[[str, str], tuple[str, set[str]]]] = {
    "event": lambda subject, key: (key, _event(key.removeprefix("event."))),
    "membership": lambda subject, key: (key, _membership()),
    "everything": lambda subject, key: (key, _everything()),
    "segment": lambda subject, key: ("segment.*", _segment(subject)),
    "subscriptions": lambda subject, key: (key, _billing(key)),
    "invoices": lambda subject, key: (key, _billing(key)),
    "owners": lambda subject, key: (key, _owners()),
    "usage": lambda subject, key: (key, _usage(subject, key)),
    "runs": lambda subject, key: ("runs.*", _runs(subject)),
    "health": lambda subject, key: (key, _health()),
    "task": lambda subject, key: (key, _task(subject)),
    "playbook": lambda subject, key: (key, _playbook(subject)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("subject", ["person", "company"])
def test_each_attribute_that_rules_can_read_is_touched_when_it_changes(subject: str) -> None:
    """SEG-02: built-in and declared, of every type."""
    for type_ in AttributeType.values:
        AttributeDefinition.objects.create(
            subject=subject, name=f"own_{type_}", label=type_, type=type_, choices=["a", "b"]
        )
    someone = make.person() if subject == "person" else make.company()
    for name, spec in attribute_specs(subject).items():
        if f"attr.{name}" in UNCHANGING:
            continue
        value: Any = OWN_VALUES.get(name, VALUES[spec.type]) if spec.column else VALUES[spec.type]
        patch_attributes(subject, {someone.pk: {name: value}}, cause={})
        assert touched(subject, someone.pk) == {f"attr.{name}"}, name
    assert {spec.name for spec in BUILT_IN[subject].values() if not spec.writable} == {
        key.removeprefix("attr.") for key in UNCHANGING
    }


@pytest.mark.django_db
def test_every_family_of_facts_has_an_operation_that_touches_it() -> None:
    """SEG-02: a new kind of test brings the touch of what it reads along, and its line here."""
    asked = set()
    for kind in rule_kinds:
        for example in kind.examples:
            node = load_rule({"test": kind.key, **example.config}, example.subject)
            asked |= {(k.subject, k.key) for k in fact_keys(node, example.subject)}
    for subject, key in sorted(asked):
        family = key.split(".", 1)[0]
        if family == "attr" or (family in ("event", "everything") and subject == "company"):
            continue  # attributes stand above; a company's come with a person's
        wanted, found = CHANGES[family](subject, key)
        assert wanted in found, f"{subject} {key}"


def test_whoever_writes_facts_touches_them() -> None:
    """SEG-02: no statement changes a fact behind the loop's back."""
    writes = re.compile(rf"(UPDATE|INSERT INTO|DELETE FROM) ({FACT_TABLES})\b")
    silent = {
        str(path.relative_to(ROOT))
        for path in sources(*PACKAGES)
        if writes.search(text := path.read_text()) and not any(word in text for word in TELLING)
    }
    assert silent == set(SILENT)
