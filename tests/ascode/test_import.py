"""Export and import: round trips, differences in words, everything or nothing (PRG-47)."""

import copy
import io
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.accounts.models import AuditEntry, Role
from csplatform.accounts.roles import GRANTS, grants
from csplatform.ascode.exporting import export_text
from csplatform.ascode.importing import import_text
from csplatform.ascode.kind import export_kinds, kind_of
from csplatform.ascode.pages import PERMISSION
from csplatform.ascode.yamltext import MAX_BYTES, load_documents
from csplatform.health.models import HealthProfile
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from csplatform.segments.models import Segment
from csplatform.usage.models import Product, UsagePart
from engagements.inapp.models import Engagement
from journeys.models import (
    EmailTemplate,
    Folder,
    MailCategory,
    Playbook,
    Program,
    TaskType,
    WebhookEndpoint,
)
from journeys.operations.publish import publish_program
from journeys.steps.registry import step_kinds
from tests import factories
from tests.ascode import make

pytestmark = pytest.mark.django_db
MODELS = (
    Program,
    EmailTemplate,
    MailCategory,
    WebhookEndpoint,
    Engagement,
    Segment,
    Playbook,
    TaskType,
    HealthProfile,
    Product,
)


def everything() -> str:
    """All that can be exported, as one text."""
    pairs = [(kind, row) for kind in export_kinds for row in kind.model.objects.order_by("pk")]
    return export_text(pairs, actor=None)


def forget() -> None:
    """An empty database again; ids go on, so none can be right by chance."""
    Program.objects.all().delete()
    UsagePart.objects.all().delete()
    for model in MODELS:
        model.objects.all().delete()


def refused(text, **more):
    """Path to message of an import that is refused; nothing may have been written."""
    before = [model.objects.count() for model in MODELS]
    with pytest.raises(DomainError) as caught:
        import_text(text, actor=None, **more)
    assert [model.objects.count() for model in MODELS] == before
    return {problem.path: problem.message for problem in caught.value.problems}


def test_a_round_trip_over_another_database_gives_the_same_text():
    """Everything by name: segments in rules and sources, mails, endpoints, engagements."""
    make.welcome()
    text = everything()
    numbers = [str(row.pk) for model in MODELS for row in model.objects.all()]
    assert not [n for n in numbers if f"template: {n}\n" in text or f"segment: {n}\n" in text]
    assert "template: Hello mail" in text
    forget()
    done = import_text(text, actor=None)
    assert {change.what for change in done.changes} == {"created"}
    assert everything() == text
    assert Engagement.objects.get().state == "launched"


def test_an_unchanged_export_writes_nothing():
    """Not an audit row, not a revision, not a timestamp."""
    make.welcome()
    text = everything()
    entries = AuditEntry.objects.count()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        done = import_text(text, actor=None)
    assert {change.what for change in done.changes} == {"unchanged"}
    written = [q["sql"] for q in queries if q["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert written == []
    assert AuditEntry.objects.count() == entries
    assert not done.writes


def test_a_change_is_told_in_words_and_goes_to_the_draft_only():
    """What is published stays; the dry run changes nothing."""
    program = make.welcome()
    publish_program(program.pk, actor=None)
    text = (
        everything()
        .replace("amount: 2", "amount: 5")
        .replace("\n    name: persona", "\n    name: Mark")
    )
    dry = import_text(text, actor=None, dry_run=True)
    said = {change.name: change.sentences for change in dry.changes if change.sentences}
    assert list(said) == ["Welcome"]
    assert any("2 → 5" in sentence for sentence in said["Welcome"])
    assert any(s.startswith("Renamed “persona” to “Mark”") for s in said["Welcome"])
    program.refresh_from_db()
    assert program.draft == program.published.document
    done = import_text(text, actor=None, state=dry.state)
    assert "changed" in {change.what for change in done.changes}
    program.refresh_from_db()
    assert program.state == "active"
    assert program.draft["steps"][1]["config"]["amount"] == 5
    assert program.published.document["steps"][1]["config"]["amount"] == 2
    assert AuditEntry.objects.filter(verb="program.publish").count() == 1


def test_templates_and_segments_say_what_differs():
    """Field by field, with labels; rules in words."""
    make.segment()
    factories.mail_template(name="Hello mail", subject="Hello")
    text = everything().replace("value: Champion", "value: Daily user")
    text = text.replace("subject: Hello", "subject: Good day")
    said = [s for c in import_text(text, actor=None, dry_run=True).changes for s in c.sentences]
    assert "Rule: Persona is “Champion” → Persona is “Daily user”." in said
    assert "Subject: “Hello” → “Good day”." in said


def test_the_second_step_refuses_when_something_changed_meanwhile():
    """Between looking and applying, somebody else saved."""
    factories.mail_template(name="Hello mail")
    text = everything().replace("subject: Hello", "subject: Good day")
    dry = import_text(text, actor=None, dry_run=True)
    EmailTemplate.objects.update(subject="Somebody else's")
    with pytest.raises(Conflict, match="look at the differences again"):
        import_text(text, actor=None, state=dry.state)
    with pytest.raises(Conflict):
        import_text(text + "\n", actor=None, state=dry.state)


def test_one_bad_document_undoes_all():
    """All in one transaction or nothing."""
    good = "kind: segment\nname: A\n---\n"
    bad = "kind: email_template\nname: B\nsubject: ''\nblocks: [{kind: nothing}]\n"
    assert list(refused(good + bad)) == ["/documents/1/blocks/0/kind"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("kind: nothing\nname: x", "/documents/0/kind"),
        ("name: x", "/documents/0/kind"),
        ("kind: segment", "/documents/0/name"),
        ("kind: segment\nname: 12", "/documents/0/name"),
        ("kind: segment\nname: A\ncolour: red", "/documents/0/colour"),
        ("kind: segment\nname: A\ndescription: 5", "/documents/0/description"),
        ("kind: segment\nname: A\nsubject: people", "/documents/0/subject"),
        ("kind: segment\nname: A\n---\nkind: segment\nname: A", "/documents/1/name"),
        ("kind: segment\nname: A\nrule: {test: segment, segment: Nobody}",
         "/documents/0/rule/segment"),
        ("kind: segment\nname: A\nrule: {test: segment, segment: 7}", "/documents/0/rule/segment"),
        ("kind: segment\nname: A\nrule: {test: attribute, name: shoe, operator: set}",
         "/documents/0/rule/name"),
        ("kind: segment\nname: A\nrule: {test: segment, segment: B}\n---\n"
         "kind: segment\nname: B\nrule: {test: segment, segment: A}", "/documents/0"),
        ("kind: program\nname: P\nsteps: [{key: ab, kind: fly, name: F, config: {}}]",
         "/documents/0/steps/0/kind"),
        ("kind: program\nname: P\nsteps: [{key: ab, kind: send_email, config: {template: X}}]",
         "/documents/0/steps/0/config/template"),
        ("kind: program\nname: P\nsteps: [{key: ab, kind: wait_timer, config: {amount: soon}}]",
         "/documents/0/steps/0/config/amount"),
        ("kind: program\nname: P\nsteps: [{key: ab, kind: wait_timer, config: {colour: 1}}]",
         "/documents/0/steps/0/config/colour"),
        ("kind: program\nname: P\nmodel: magic", "/documents/0/model"),
        ("kind: program\nname: P\nentry: {sources: [{kind: segment, segment: Nobody}]}",
         "/documents/0/entry/sources/0/segment"),
        ("kind: engagement\nname: E\ntype: balloon", "/documents/0/type"),
        ("kind: engagement\nname: E", "/documents/0/type"),
        ("kind: engagement\nname: E\ntype: dialog\nstarts_at: tomorrow", "/documents/0/starts_at"),
        ("kind: webhook_endpoint\nname: W\nurl: gopher://x", "/documents/0/url"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(text, path):
    """A path and a sentence, and nothing is written."""
    found = refused(text)
    assert path in found
    assert all(len(message) > 10 for message in found.values())


def test_names_for_two_things_are_refused_both_ways():
    """Engagements and programs may share a name; a document cannot tell them apart."""
    make.dialog("Twin")
    make.dialog("Twin")
    step = "steps: [{key: ab, kind: trigger_engagement, config: {engagement: Twin}}]"
    found = refused(f"kind: program\nname: P\n{step}")
    assert "rename all but one" in found["/documents/0/steps/0/config/engagement"]
    assert (
        "rename all but one"
        in refused("kind: engagement\nname: Twin\ntype: dialog")["/documents/0/name"]
    )
    pointing = factories.program(
        factories.step("trigger_engagement", "ab", engagement=Engagement.objects.first().pk),
        publish=False,
    )
    with pytest.raises(DomainError, match="rename all but one"):
        export_text([(kind_of(Program), pointing)], actor=None)


def test_what_is_gone_cannot_be_exported():
    """It says where, and what to do."""
    mail = factories.mail_template()
    program = factories.program(factories.step("send_email", "ab", template=mail.pk), publish=False)
    mail.delete()
    with pytest.raises(DomainError) as caught:
        export_text([(kind_of(Program), program)], actor=None)
    assert caught.value.problems[0].path == "/steps/0/config/template"
    assert "choose another" in str(caught.value)


def test_things_of_the_same_file_may_come_in_any_order():
    """The program first, what it needs after it; a folder is made."""
    text = (
        "kind: program\nname: P\nfolder: Lifecycle\n"
        "entry: {sources: [{kind: segment, segment: B}]}\n"
        "steps: [{key: ab, kind: send_email, name: M, config: {template: Mail}}]\n---\n"
        "kind: segment\nname: B\nrule: {test: segment, segment: A}\n---\n"
        "kind: segment\nname: A\n---\n"
        "kind: email_template\nname: Mail\nsubject: Hi\nblocks: [{kind: text, text: Hi}]\n"
    )
    done = import_text(text, actor=None)
    assert [change.name for change in done.changes] == ["P", "B", "A", "Mail"]
    program = Program.objects.get()
    assert program.folder == Folder.objects.get(name="Lifecycle")
    assert program.draft["steps"][0]["config"]["template"] == EmailTemplate.objects.get().pk
    assert {change.what for change in import_text(text, actor=None).changes} == {"unchanged"}


def test_a_draft_may_be_half_done_but_says_so():
    """What is still to be chosen is a remark, not an error."""
    text = "kind: program\nname: P\nsteps: [{key: ab, kind: send_email, name: M, config: {}}]"
    change = import_text(text, actor=None).changes[0]
    assert "Choose the mail to send." in [remark.message for remark in change.remarks]


def test_what_is_settled_stays():
    """Type and model of a program, subject of a segment."""
    import_text("kind: program\nname: P\n---\nkind: segment\nname: S", actor=None)
    found = refused("kind: program\nname: P\ntype: company\n---\nkind: segment\nname: S\n"
                    "subject: company")  # fmt: skip
    assert set(found) == {"/documents/0/type", "/documents/1/subject"}


def test_each_operation_asks_for_its_own_permission():
    """A CSM may make segments, but no programs; nothing is left half done."""
    csm = factories.staff("csm")
    with pytest.raises(NotAllowed):
        import_text("kind: segment\nname: S\n---\nkind: program\nname: P", actor=csm)
    assert not Segment.objects.exists()
    import_text("kind: segment\nname: S", actor=csm)
    assert AuditEntry.objects.get(verb="segment.add").actor == csm


def test_the_number_of_queries_does_not_grow_with_what_is_pointed_at():
    """Names are looked up once per kind, both ways."""
    mails = [factories.mail_template() for _ in range(40)]

    def program(count):
        steps = [factories.step("send_email", f"s{i}", template=mails[i].pk) for i in range(count)]
        return factories.program(*steps, publish=False)

    few, many = program(2), program(40)
    counts = []
    for row in (few, many):
        with CaptureQueriesContext(connection) as queries:
            export_text([(kind_of(Program), row)], actor=None)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_number_of_queries_does_not_grow_with_the_number_of_programs():
    """Their folders are read at once: by the command, by name and all."""
    for number in range(12):
        text = f"kind: program\nname: P{number}\nfolder: F{number}"
        import_text(text, actor=None)
    names = [f"P{number}" for number in range(12)]

    def queries(call):
        with CaptureQueriesContext(connection) as seen:
            call()
        return len(seen)

    few, many = names[:2], names
    assert queries(lambda: command("export_config", "program", *few)) == queries(
        lambda: command("export_config", "program", *many)
    )
    all_of_them = queries(lambda: command("export_config", "program"))
    Program.objects.exclude(name__in=few).delete()
    assert queries(lambda: command("export_config", "program")) == all_of_them


def test_comparing_many_programs_costs_no_query_for_each_folder():
    """Only the savepoints of the documents are their own."""
    for number in range(12):
        import_text(f"kind: program\nname: P{number}\nfolder: F{number}", actor=None)
    text = command("export_config", "program")
    with CaptureQueriesContext(connection) as queries:
        import_text(text, actor=None, dry_run=True)
    assert sum('FROM "journeys_folder"' in query["sql"] for query in queries) == 1


@pytest.mark.parametrize(
    "text",
    [
        'kind: program\nname: P\nfolder: ""',
        'kind: program\nname: P\nfolder: "  "',
        'kind: program\nname: P\nfolder: " Lifecycle "',
        'kind: program\nname: " P "\ndescription: " d "',
        'kind: segment\nname: S\ndescription: " d "',
        'kind: email_template\nname: M\nsubject: " Hi "\nreply_to: " a@example.com "',
        'kind: webhook_endpoint\nname: W\nurl: " https://example.com/x "',
        "kind: engagement\nname: E\ntype: dialog\nstarts_at: 2027-01-31T10:00:00+05:30",
    ],
)
def test_an_import_settles(text):
    """The second time it is unchanged, however the operation keeps what was written."""
    assert import_text(text, actor=None).changes[0].what == "created"
    assert import_text(text, actor=None).changes[0].what == "unchanged"


def test_an_import_is_no_way_to_find_out_what_is_there(monkeypatch):
    """Who may not see a kind hears the same of names that are there and of those that are not, in
    documents and where they are pointed at."""
    monkeypatch.setitem(GRANTS, Role.CSM, ("segments.*", "journeys.add_program",
                                           "journeys.change_program"))  # fmt: skip
    csm = factories.staff("csm")
    factories.mail_template(name="Secret")
    there = everything()
    step = "steps: [{key: ab, kind: send_email, name: M, config: {template: %s}}]"
    pointing = f"kind: segment\nname: S\n---\nkind: program\nname: P\n{step}"
    for one, other, path in (
        (there, there.replace("Secret", "Nobody"), "/documents/0/kind"),
        (pointing % "Secret", pointing % "Nobody", "/documents/1/steps/0/config/template"),
    ):
        told = []
        for text in (one, other):
            with pytest.raises(NotAllowed) as caught:
                import_text(text, actor=csm, dry_run=True)
            told.append([(p.path, p.message) for p in caught.value.problems])
        assert told[0] == told[1]
        assert (path, "Your role may not see any mail template, so no import can name one.") in (
            told[0]
        )


def test_whoever_may_import_may_see_all_that_can_be_named():
    """So the roles as they are lose nothing."""
    for role in Role.values:
        if grants(role, PERMISSION):
            assert all(grants(role, kind.permission) for kind in export_kinds), role


def test_every_id_in_a_config_says_what_it_points_at():
    """Contract of step kinds: a number that is chosen from a list of things is a reference to a
    kind of document; a kind that forgets it would export ids."""
    for kind in step_kinds:
        for name, info in kind.Config.model_fields.items():
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            is_number = "int" in str(info.annotation)
            if "options" in extra and is_number:
                assert extra.get("reference") in export_kinds, f"{kind.key}.{name}"


# --- commands -----------------------------------------------------------------------------------


def command(*args):
    """What a command says."""
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_the_commands_export_look_and_apply(tmp_path):
    """export_config KIND NAME > file, import_config FILE --dry-run, import_config FILE."""
    make.segment()
    text = command("export_config", "segment", "Champions")
    file = tmp_path / "segment.yaml"
    file.write_text(text.replace("Champion\n", "Daily user\n"))
    assert "Persona is “Daily user”" in command("import_config", str(file), "--dry-run")
    assert Segment.objects.get().rule["value"] == "Champion"
    assert "segment “Champions”: changed" in command("import_config", str(file))
    assert Segment.objects.get().rule["value"] == "Daily user"


def test_the_commands_say_what_is_wrong(tmp_path):
    """Unknown names, files that are not there, and a file of a hundred megabytes, at once."""
    with pytest.raises(CommandError, match="There is no segment “Nobody”"):
        command("export_config", "segment", "Nobody")
    with pytest.raises(CommandError, match="cannot be read"):
        command("import_config", str(tmp_path / "nothing.yaml"))
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(CommandError, match=f"{MAX_BYTES:,}"):
        command("import_config", str(huge))
    bad = tmp_path / "bad.yaml"
    bad.write_text("kind: segment\nname: A\nrule: {test: segment, segment: Nobody}")
    with pytest.raises(CommandError, match="/documents/0/rule/segment: There is no segment"):
        command("import_config", str(bad))


def test_import_reads_standard_input(monkeypatch):
    """`-` for pipes."""
    raw = io.BytesIO(b"kind: segment\nname: Piped\n")
    monkeypatch.setattr(sys, "stdin", type("Piped", (), {"buffer": raw}))
    assert "created" in command("import_config", "-")


def test_documents_are_left_as_given():
    """Importing the same parsed documents twice is the same twice."""
    items = load_documents("kind: segment\nname: A\nrule: {test: segment, segment: A2}")
    assert items == copy.deepcopy(items)
