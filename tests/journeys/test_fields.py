"""Calculated fields: worked out alike in SQL and in memory, and used where they may be (PRG-08)."""

from datetime import timedelta

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from csplatform.ascode.exporting import export_text
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.freshness import loop
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.rules.load import load_facts
from csplatform.rules.parse import load_rule
from csplatform.rules.references import needs_of
from journeys.ascode.program import ProgramKind
from journeys.emails.context import Recipient, load_values
from journeys.engine import advance, flips, inbox
from journeys.fields.definition import by_key, read
from journeys.fields.values import values_of
from journeys.flow import commands
from journeys.flow.checks import check_flow
from journeys.flow.diff import diff_words
from journeys.flow.parse import parse_flow
from journeys.models import Participant, Program, Transition
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db
LOGINS = {"event": "login", "figure": "count", "days": 30}


def field(key="logins", source="events", **config):
    """A definition."""
    return {"key": key, "label": key.capitalize(), "source": source, "config": config or LOGINS}


def asks(operator="gte", value=2, name="logins"):
    """A rule about it."""
    return {"test": "field", "name": name, "operator": operator, "value": value}


def did(row, *events, subject="person"):
    """Events (name, days ago, properties)."""
    now = database_now()
    record_events(
        [
            EventInput(
                name, **{f"{subject}_id": row.pk}, occurred_at=now - timedelta(days=days),
                properties=properties,
            )
            for name, days, properties in events
        ]
    )  # fmt: skip


def work_out(definition, subject, row):
    """The value by SQL, held against the one in memory."""
    at = database_now()
    found = values_of({"f": definition}, subject, [(row.pk, None)], at)[row.pk, None]["f"]
    source, asked = read(definition, subject)
    rule = load_rule({"test": "field", "name": "f", "operator": "set", "definition": definition},
                     subject)  # fmt: skip
    facts = load_facts(subject, [row.pk], needs_of(rule, subject), at)[row.pk]
    assert source.value(asked, facts, at) == found
    return found


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"figure": "count"}, 4), ({"figure": "count", "days": 30}, 3),
        ({"figure": "sum", "property": "pages"}, 10.5),
        ({"figure": "average", "property": "pages"}, 3.5),
        ({"figure": "min", "property": "pages"}, 0.5), ({"figure": "max", "property": "pages"}, 7),
        ({"figure": "last", "property": "pages"}, 3),
        ({"figure": "last_text", "property": "format"}, "pdf"),
        ({"figure": "days_since"}, 2), ({"figure": "average", "property": "gone"}, None),
        ({"figure": "count",
          "where": [{"property": "format", "operator": "equals", "value": "PDF"}]}, 2),
    ],
)  # fmt: skip
def test_figures_of_events(config, value):
    """Each by hand."""
    person = make.person()
    did(
        person,
        ("report", 2, {"pages": 3, "format": "pdf"}), ("report", 5, {"pages": "many"}),
        ("report", 9, {"pages": 7, "format": "xls"}),
        ("report", 40, {"pages": 0.5, "format": "Pdf"}), ("other", 1, {"pages": 100}),
    )  # fmt: skip
    assert work_out(field(event="report", **config), "person", person) == value


@pytest.mark.parametrize(("figure", "value"), [("count", 0), ("sum", 0), ("max", None),
                                               ("days_since", None)])  # fmt: skip
def test_what_is_missing(figure, value):
    """Nothing happened: counts and sums are 0, everything else is missing."""
    definition = field(event="report", figure=figure, property="pages")
    assert work_out(definition, "person", make.person()) == value


def test_figures_of_people_and_companies():
    """How many match a rule; a number of theirs."""
    acme, beta = make.company(arr=1000), make.company(arr=50)
    ann, _ = make.person(at=acme, role="admin"), make.person(at=acme, role="")
    ann.memberships.create(company=beta)
    admins = {"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}
    assert work_out(field(source="people", figure="count", rule=admins), "company", acme) == 1
    arr = field(source="companies", figure="sum", attribute="arr")
    assert work_out(arr, "person", ann) == 1050
    # who travels for one of them has that one alone
    at = database_now()
    assert values_of({"f": arr}, "person", [(ann.pk, beta.pk)], at) == {
        (ann.pk, beta.pk): {"f": 50}
    }


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.one_of(st.none(), st.integers(-9, 9), st.floats(-5, 5, width=16), st.booleans(),
                      st.sampled_from(["1", "x"])),
        ),
        max_size=6,
    ),
    st.sampled_from(["count", "sum", "average", "min", "max", "last", "last_text", "days_since"]),
    st.sampled_from([None, 7, 30]),
)  # fmt: skip
def test_sql_and_memory_agree(events, figure, days):
    """Whatever stands in the properties."""
    person = make.person()
    did(person, *(("e", age, {} if value is None else {"v": value}) for age, value in events))
    work_out(field(event="e", figure=figure, property="v", days=days), "person", person)


def branch(rule, **more):
    """An if/else on it."""
    paths = [{"key": "yes", "label": "Yes", "rule": rule}]
    return make.step("if_else", "k1", paths=paths, exits={"yes": [], "else": []}, **more)


def test_if_else_takes_the_path_and_tells_the_value():
    """The evidence names the value that was used."""
    much, little = make.person(), make.person()
    did(much, ("login", 1, {}), ("login", 3, {}))
    program = make.program(branch(asks()), fields=[field()])
    enroll(program.pk, make.ids([much, little]), actor=None)
    advance.run_ids(make.ids(Participant.objects.all()))
    rows = Transition.objects.filter(kind="go").order_by("participant_id")
    assert [(row.exit, row.evidence["fields"]) for row in rows] == [
        ("yes", {"Logins": 2}), ("else", {"Logins": 0})
    ]  # fmt: skip


def wait_for(rule, **more):
    """A wait on it."""
    conditions = [{"type": "rule", "rule": rule}]
    exits = {"met": [], "not_met": []}
    return make.step("conditional_wait", "w1", conditions=conditions, exits=exits, **more)


def started(program, row):
    enroll(program.pk, [row.pk], actor=None)
    participant = Participant.objects.get(program=program)
    advance.run_ids([participant.pk])
    advance.run_ids([participant.pk])
    participant.refresh_from_db()
    assert participant.state == "active"
    return participant


def settle(participant):
    """What the live lane does."""
    while loop.pending():
        loop.run_batch()
    while inbox.pending():
        inbox.run_batch()
    advance.run_ids([participant.pk])
    participant.refresh_from_db()


def test_a_wait_goes_on_with_the_event_that_fills_the_number():
    """By the facts that the field reads."""
    person = make.person()
    participant = started(make.program(wait_for(asks()), fields=[field()]), person)
    did(person, ("login", 0, {}))
    settle(participant)
    assert participant.state == "active"
    did(person, ("login", 0, {}))
    settle(participant)
    assert participant.state == "completed"
    told = Transition.objects.get(participant_id=participant.pk, exit="met").evidence
    assert told["fields"] == {"Logins": 2}


def test_a_companys_wait_goes_on_with_the_person_that_fills_the_number():
    """Facts of related ones reach it."""
    acme = make.company()
    person = make.person(at=acme)
    admins = {"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}
    fields = [field("admins", "people", figure="count", rule=admins)]
    program = make.program(wait_for(asks("gte", 1, "admins")), fields=fields, type="company")
    participant = started(program, acme)
    patch_attributes("person", {person.pk: {"role": "admin"}})
    settle(participant)
    assert participant.state == "completed"


def test_time_alone_is_looked_at_when_it_is_due():
    """A count that falls as the oldest event leaves the window; days that go by."""
    person = make.person()
    did(person, ("login", 28.5, {}), ("login", 3, {}))
    fields = [field(), field("quiet", event="login", figure="days_since")]
    rule = {"any": [asks("lt", 2), asks("gte", 5, "quiet")]}
    participant = started(make.program(wait_for(rule), fields=fields), person)
    version = flips.load_versions([participant.version_id])[participant.version_id]
    query = flips.next_flips(
        flips.timed_rules(version), "person", database_now(), flips.these([person.pk])
    )
    (found,) = flips.sql.rows(query.text, query.params)
    days = (found[1] - database_now()).total_seconds() / 86_400
    assert 0.9 < days < 1.6  # one more quiet day, before the window's end


def test_goals_and_exits_compare_fields_too():
    """Outside of steps as well."""
    person = make.person()
    program = make.program(
        make.step("wait_timer", "t1", amount=5, unit="days"), fields=[field()], goal=asks(),
        exits=[{"name": "Far too many", "rule": asks("gte", 9)}],
    )  # fmt: skip
    participant = started(program, person)
    did(person, ("login", 0, {}), ("login", 0, {}))
    settle(participant)
    assert (participant.state, participant.end_reason) == ("completed", "goal")


def test_mails_show_them():
    """{{ fields.logins }}, per participant; unknown ones block publishing."""
    person = make.person()
    did(person, ("login", 1, {}))
    program = make.program(make.step("wait_timer", "t1", amount=5, unit="days"), fields=[field()])
    participant = started(program, person)
    (values,) = load_values([Recipient(person.pk, None, participant.pk, program.pk)])
    assert values["fields.logins"] == 1
    blocks = [{"kind": "text", "text": "You came {{ fields.logins }} times"}]
    template = make.mail_template(blocks=blocks)
    mail = make.step("send_email", "m1", template=template.pk)
    make.program(mail, fields=[field()])
    with pytest.raises(DomainError, match=r"no token “fields\.logins”"):
        make.program(mail)


def marks(subject="person", *steps, **more):
    flow = parse_flow(make.flow(*(steps or (make.step("exit", "x1"),)), **more))
    found = check_flow(flow, subject=subject, program_id=0, model="journey")
    return [(m.path, m.code) for m in found if m.level == "error"]


def test_problems_stand_at_their_place():
    """In the list of fields, and where a rule names one that is not there."""
    fields = [
        field("Bad key"), field(), field(), field("a", "nix"), field("b", "people", figure="count"),
        field("c", event="x", figure="sum"), field("d", event="x", figure="most"),
    ]  # fmt: skip
    assert marks(fields=fields) == [
        ("/fields/0/key", "key"), ("/fields/2/key", "twice"), ("/fields/3/source", "missing"),
        ("/fields/4/source", "subject"), ("/fields/5/config/property", "missing"),
        ("/fields/6/config/figure", "literal_error"),
    ]  # fmt: skip
    path = "/steps/0/config/paths/0/rule"
    assert marks("person", branch(asks())) == [(f"{path}/name", "unknown")]
    assert marks("person", branch(asks("contains", "x")), fields=[field()]) == [
        (f"{path}/operator", "operator")
    ]
    with pytest.raises(DomainError) as caught:
        parse_flow({"steps": [], "fields": [{"key": "a", "more": 1}, {"key": 3}]})
    assert [p.path for p in caught.value.problems] == ["/fields/0/more", "/fields/1/key"]


def test_differences_in_words():
    """A changed meaning is told once, at the field."""
    old = parse_flow(make.flow(branch(asks()), fields=[field(), field("gone")]))
    changed = field(event="login", figure="count", days=7)
    new = parse_flow(make.flow(branch(asks(value=3)), fields=[changed, field("more")]))
    told = diff_words(old, new, "person")
    assert told[0] == "Removed the calculated field “Gone”."
    assert "in the last 30 days → " in told[1]
    assert told[2].startswith("Added the calculated field “More”")
    assert told[3].endswith("Logins is at least 2 → Logins is at least 3.")
    assert len(told) == 4


def test_the_form_sends_them_as_they_are_stored():
    """Settings of other sources are dropped."""
    flow = parse_flow(make.flow(make.step("exit", "x1")))
    sent = {"key": "logins", "label": "Logins", "source": "events", "events": LOGINS,
            "companies": {"figure": "count"}}  # fmt: skip
    edited = commands.apply(flow, {"op": "fields", "fields": [sent]}).flow
    assert list(edited.fields) == [field()]
    assert by_key(edited.fields)["logins"]["config"] == LOGINS
    unnamed = {"key": "", "label": "30 Logins, or more", "source": "events", "events": LOGINS}
    edited = commands.apply(flow, {"op": "fields", "fields": [unnamed]}).flow
    assert list(by_key(edited.fields)) == ["logins_or_more"]


def test_as_code():
    """They travel with the program."""
    program = make.program(branch(asks()), fields=[field()])
    found = yaml.safe_load(export_text([(ProgramKind(), program)], actor=make.staff()))
    assert found["fields"] == [field()]


def test_the_editor_shows_and_takes_them(client):
    """Card, panel, edit, marks at the inputs."""
    program = make.program(branch(asks()), fields=[field()])
    client.force_login(make.staff())
    base = f"/admin/journeys/program/{program.pk}/flow/"
    assert "Calculated fields" in client.get(base).content.decode()
    panel = client.get(f"{base}panel/?of=fields").json()["panel"]
    assert 'data-panel-form="fields"' in panel
    assert "the number of “login” in the last 30 days" in panel
    revision = Program.objects.get(pk=program.pk).draft_revision
    answer = client.post(
        f"{base}edit/", {"revision": revision, "edit": {"op": "fields", "fields": []}},
        content_type="application/json",
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.json()["fields"] == []
    assert any("no calculated field" in mark["message"] for mark in answer.json()["marks"])
