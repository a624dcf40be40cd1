"""Configuration as code, templates and folders over HTTP (PRG-01, PRG-47, PRG-83)."""

import pytest

from csplatform.api.routes import routes
from csplatform.ascode.api import ExportMixin
from csplatform.ascode.kind import export_kinds, kind_of
from csplatform.segments.models import Segment
from journeys.models import Folder, Program
from tests.api.conftest import problems
from tests.ascode import make

pytestmark = pytest.mark.django_db


def test_every_kind_of_document_is_exported_by_its_resource():
    """And every resource with the mixin has a kind."""
    models = {r.viewset.queryset.model for r in routes if issubclass(r.viewset, ExportMixin)}
    assert models == {kind.model for kind in export_kinds}
    assert all(kind_of(model) for model in models)


def test_an_export_is_yaml_and_comes_back(api):
    """GET .../export/, POST config/import/: first to look, then with the state of the look."""
    program = make.welcome()
    answer = api.get(f"programs/{program.pk}/export/")
    assert answer["Content-Type"] == "application/yaml"
    assert api.get(f"programs/{program.pk}/export/", Accept="application/yaml").status_code == 200
    text = answer.content.decode().replace("amount: 2", "amount: 9")
    look = api.post("config/import/", {"text": text, "dry_run": True})
    assert look.status_code == 200, look.content
    (change,) = look.json()["changes"]
    assert (change["what"], change["id"]) == ("changed", program.pk)
    assert any("2 → 9" in sentence for sentence in change["sentences"])
    done = api.post("config/import/", {"text": text, "state": look.json()["state"]})
    assert done.json()["changes"][0]["what"] == "changed"
    late = api.post("config/import/", {"text": text, "state": look.json()["state"]})
    assert late.status_code == 409
    program.refresh_from_db()
    assert program.draft["steps"][1]["config"]["amount"] == 9


def test_what_does_not_fit_has_a_path_in_the_request(api, caller):
    """/text, then the place in the document; a role that may not make it gets 403."""
    text = "kind: segment\nname: A\nrule: {test: segment, segment: Nobody}"
    answer = api.post("config/import/", {"text": text})
    assert list(problems(answer)) == ["/text/documents/0/rule/segment"]
    assert caller("read_only").post("config/import/", {"text": text}).status_code == 403
    mail = "kind: email_template\nname: A\nsubject: Hi"
    assert caller("csm").post("config/import/", {"text": mail}).status_code == 403


def test_templates_are_listed_and_used(api):
    """With what comes along; the second time it is reused."""
    keys = [item["key"] for item in api.get("program-templates/").json()["results"]]
    assert "win_back" in keys
    made = api.post("program-templates/win_back/use/", {"folder": "Lifecycle"}).json()
    assert made["program"]["folder_name"] == "Lifecycle"
    assert {item["kind"] for item in made["made"]} == {"segment", "email_template"}
    again = api.post("program-templates/win_back/use/", {"name": "Once more"}).json()
    assert again["made"] == []
    assert Segment.objects.count() == 1
    assert api.post("program-templates/nothing/use/").status_code == 404


def test_a_program_is_made_with_a_model(api):
    """It starts as the model does, is answered and filtered; an unknown one is refused."""
    made = api.post("programs/", {"name": "Chain", "model": "email_chain"}).json()
    assert made["model"] == "email_chain"
    assert len(Program.objects.get().draft["steps"]) == 2
    assert problems(api.post("programs/", {"name": "X", "model": "magic"})) == {"/model": "choice"}
    assert len(api.get("programs/?model=email_chain").json()["results"]) == 1
    assert api.get("programs/?model=simple").json()["results"] == []
    marks = api.post(f"programs/{made['id']}/check/").json()["marks"]
    assert not [mark for mark in marks if mark["code"] == "model"]


def test_folders_are_made_renamed_filled_and_deleted(api):
    """Programs stay when their folder goes."""
    folder = api.post("program-folders/", {"name": "Lifecycle"}).json()
    program = api.post("programs/", {"name": "P"}).json()
    assert len(api.get("programs/?uncategorized=true").json()["results"]) == 1
    moved = api.post(f"program-folders/{folder['id']}/move/", {"ids": [program["id"]]})
    assert moved.json() == {"count": 1}
    assert api.get(f"program-folders/{folder['id']}/").json()["programs"] == 1
    assert api.get("programs/?uncategorized=true").json()["results"] == []
    renamed = api.patch(f"program-folders/{folder['id']}/", {"name": "Life"})
    assert renamed.json()["name"] == "Life"
    assert problems(api.post("program-folders/", {"name": "Life"})) == {"/name": "taken"}
    assert problems(api.post("program-folders/", {"name": "uncategorized"})) == {
        "/name": "reserved"
    }
    assert api.delete(f"program-folders/{folder['id']}/").status_code == 204
    assert not Folder.objects.exists()
    assert Program.objects.get().folder is None
