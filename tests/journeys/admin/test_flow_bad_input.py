"""Whatever is sent as a flow: a refusal with its place, or a flow that all pages can show."""

import copy
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from csplatform.kit.errors import DomainError
from journeys.flow.document import dump, walk
from journeys.flow.parse import MAX_DEPTH, MAX_STEPS, parse_flow
from journeys.models import Program
from journeys.operations.draft import save_draft
from journeys.sample_flow import sample_flow
from tests import factories as make

pytestmark = pytest.mark.django_db
NASTY = "<img src=x onerror=alert(1)>{{ 7|add:1 }}</script><script>alert(2)</script>"


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make.staff("admin"))
    client.raise_request_exception = False
    return client


def page(name: str, program: Program) -> str:
    return reverse(f"admin:journeys_program_{name}", args=[program.pk])


def send(client: Client, program: Program, edit: Any) -> Any:
    body = edit if isinstance(edit, bytes) else json.dumps({"revision": 0, "edit": edit}).encode()
    return client.post(page("flow_edit", program), body, content_type="application/json")


def whole(document: Any) -> dict[str, Any]:
    return {"op": "document", "document": document}


def step(key: str = "aa", **more: Any) -> dict[str, Any]:
    return {"key": key, "kind": "exit", "name": "x", "config": {}, **more}


def nested(depth: int) -> Any:
    inner: Any = []
    for number in range(depth):
        inner = [step(f"k{number}", kind="if_else", exits={"yes": inner, "else": []})]
    return inner


def deep_json(depth: int) -> bytes:
    start = b'{"revision":0,"edit":{"op":"document","document":{"steps":'
    return start + b"[" * depth + b"]" * depth + b"}}}"


inside = step("aa", kind="if_else")
inside["exits"] = {"yes": [step("bb"), dict(inside)], "else": []}
BAD = {
    "no object": whole([]),
    "the same key twice": whole({"steps": [step(), step()]}),
    "a step inside itself": whole({"steps": [inside]}),
    "no list of steps": whole({"steps": {"a": 1}}),
    "steps that are numbers": whole({"steps": [1, "x", None, 2.5, True]}),
    "a key with a line end": whole({"steps": [step("aa\n")]}),
    "an exit with a slash": whole({"steps": [step(exits={"a/b": []})]}),
    "an exit without a name": whole({"steps": [step(exits={"": []})]}),
    "two exits that are one when cut": whole(
        {"steps": [step(exits={"e" * 41: [], "e" * 42: []})]}
    ),
    "a kind of a kilobyte": whole({"steps": [step(kind="k" * 1000)]}),
    "a name of 300 letters": whole({"steps": [step(name="n" * 300)]}),
    "a config that is a list": whole({"steps": [step(config=[])]}),
    "too deep": whole({"steps": nested(MAX_DEPTH + 2)}),
    "too many": whole({"steps": [step(f"k{n}") for n in range(MAX_STEPS + 1)]}),
    "an unknown part": whole({"steps": [step(x=1)], "cycle": True}),
    "NUL": whole({"steps": [step(config={"a": "\x00"})]}),
    "half a character": whole({"steps": [step(config={"a": "\ud800"})]}),
    "half a character as a name": whole({"steps": [step(config={"\udfff": 1})]}),
    "an endless number": b'{"revision":0,"edit":{"op":"document","document":{"steps":[],'
                         b'"goal":{"x":1e400}}}}',
    "no number": b'{"revision":0,"edit":{"op":"document","document":{"steps":[],'
                 b'"goal":{"x":NaN}}}}',
    "a number of 400 digits": whole({"steps": [step(config={"n": 10**400})]}),
    "10,000 deep": deep_json(10_000),
    "900 deep": deep_json(900),
    "deep settings": whole({"steps": [step(config={"a": json.loads("[" * 200 + "]" * 200)})]}),
    "two megabytes": whole({"steps": [step(name="n" * 2_000_001)]}),
    "paste into nowhere": {"op": "paste", "steps": [step()],
                           "at": {"parent": "zz", "exit": "yes", "index": 0}},
    "an index of 1e9": {"op": "insert", "kind": "exit", "at": {"index": 10**9}},
    "an unknown kind": {"op": "insert", "kind": "nothing", "at": {"index": 0}},
    "a kind that is a list": {"op": "insert", "kind": [], "at": {"index": 0}},
    "no such edit": {"op": "explode"},
    "an edit that is a list": [1],
}  # fmt: skip


@pytest.mark.parametrize("edit", BAD.values(), ids=BAD.keys())
def test_a_refusal_says_where_and_changes_nothing(manager: Client, edit: Any) -> None:
    program = make.program(make.step("wait_timer", "w1"), publish=False)
    answer = send(manager, program, edit)
    assert answer.status_code == 400, answer.content[:300]
    problem = answer.json()["problems"][0]
    assert problem["message"]
    program.refresh_from_db()
    assert program.draft_revision == 0


DOCUMENTS = {
    name: edit["document"] for name, edit in BAD.items()
    if isinstance(edit, dict) and edit.get("op") == "document"
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_the_api_refuses_the_same_documents_with_their_place(document: Any) -> None:
    program = make.program(make.step("wait_timer", "w1"), publish=False)
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(make.staff("admin"))
    url = f"/api/v1/programs/{program.pk}/draft/"
    body = json.dumps({"revision": 0, "document": document})
    answer = client.put(url, body, content_type="application/json")
    assert answer.status_code in (400, 413), answer.content[:300]
    if answer.status_code == 400 and document != []:
        assert any(problem["path"] for problem in answer.json()["error"]["problems"])
    program.refresh_from_db()
    assert program.draft_revision == 0


def test_a_million_steps_are_refused_at_once() -> None:
    """The reader stops at its limits, whatever is behind them."""
    with pytest.raises(DomainError) as refused:
        parse_flow({"steps": [step(f"k{n}") for n in range(1_000_000)]})
    assert refused.value.problems[0].code == "too_many"
    with pytest.raises(DomainError):
        parse_flow({"steps": nested(300)})


@pytest.mark.parametrize("edit", [
    {"op": "move", "key": "ie", "at": {"parent": "ie", "exit": "yes", "index": 0}},
    {"op": "move", "key": "ie", "at": {"parent": "in", "exit": "yes", "index": 0}},
])  # fmt: skip
def test_a_step_does_not_move_into_its_own_branch(manager: Client, edit: Any) -> None:
    inner = make.step("if_else", "in", exits={"yes": [], "else": []})
    fork = make.step("if_else", "ie", exits={"yes": [inner], "else": []})
    answer = send(manager, make.program(fork, publish=False), edit)
    assert answer.status_code == 400
    assert "own branch" in answer.json()["problems"][0]["message"]


def test_the_deepest_flow_that_is_allowed_can_be_drawn(manager: Client) -> None:
    program = make.program(*nested(MAX_DEPTH), publish=False)
    for name in ("flow", "snapshot", "versions"):
        assert manager.get(page(name, program)).status_code == 200, name
    answer = send(manager, program, {"op": "insert", "kind": "exit", "at": {"index": 0}})
    assert answer.status_code == 200


def test_scripts_in_names_and_texts_stay_text_on_all_pages(manager: Client) -> None:
    groups = [{"key": "a", "label": NASTY[:60], "percent": 50},
              {"key": "b", "label": "<b>", "percent": 50}]  # fmt: skip
    program = make.program(
        make.step(
            "set_attribute",
            "sa",
            name=NASTY,
            attribute="persona",
            value=NASTY.replace("{{ 7|add:1 }}", ""),
        ),
        make.step("split", "sp", groups=groups, exits={"a": [], "b": []}),
    )
    Program.objects.update(name=NASTY[:190], description=NASTY)
    save_draft(
        program.pk, {**program.draft, "steps": program.draft["steps"][:1]}, revision=0, actor=None
    )
    urls = [page(name, program) for name in ("flow", "snapshot", "versions", "change")]
    urls += [reverse("admin:journeys_program_changelist"),
             reverse("admin:accounts_auditentry_changelist")]  # fmt: skip
    for url in urls:
        html = manager.get(url, follow=True).content.decode()
        assert "<img src=x" not in html, url
        assert "<script>alert" not in html, url
        assert "{{ 7|add:1 }}" in html or "accounts" in url, url


# --- mutated documents ---------------------------------------------------------------------------

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=8),
    st.sampled_from(["\x00", "\ud800", NASTY, "s001", "x" * 300]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip


def places_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for name, part in value.items():
            found += places_of(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            found += places_of(part, (*path, index))
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A large flow with up to four places replaced, removed or doubled."""
    document = copy.deepcopy(sample_flow(14, 3, template=1))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places_of(document)[1:] or [()]))
        owner: Any = document
        for part in path[:-1]:
            owner = owner[part]
        what = draw(st.sampled_from(["replace", "remove", "rename", "double"]))
        if not path:
            return draw(JUNK)
        if what == "replace":
            owner[path[-1]] = draw(JUNK)
        elif what == "remove":
            del owner[path[-1]]
        elif what == "rename" and isinstance(owner, dict):
            owner[draw(st.text(max_size=5))] = owner.pop(path[-1])
        elif isinstance(owner, list):
            owner.insert(0, copy.deepcopy(owner[path[-1]]))
    return document


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(document=mutated())
def test_any_document_is_refused_with_a_place_or_shown_on_every_page(
    manager: Client, document: Any
) -> None:
    """PRG-03, PRG-11: never a server error; what is taken can be opened, checked and compared."""
    program = make.program(make.step("wait_timer", "w1"), publish=False)
    answer = send(manager, program, whole(document))
    assert answer.status_code in (200, 400), answer.content[:500]
    if answer.status_code == 400:
        assert all(problem["message"] for problem in answer.json()["problems"])
        return
    program.refresh_from_db()
    flow = parse_flow(program.draft)
    assert dump(flow) == program.draft
    assert {mark["step"] for mark in answer.json()["marks"]} <= {
        "", *(place.step.key for place in walk(flow))
    }  # fmt: skip
    for place in walk(flow):
        found = manager.get(page("flow_panel", program), {"of": place.step.key})
        assert found.status_code == 200, (place.step, found.content[:500])
    for name in ("flow", "snapshot", "versions"):
        assert manager.get(page(name, program)).status_code == 200, name
    assert manager.get(page("publish", program), {"do": "publish"}).status_code == 200
