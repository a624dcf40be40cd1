"""Rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("csplatform", "journeys", "engagements", "community")
LAYER = {"csplatform": 0, "journeys": 1, "engagements": 2, "community": 2}
FILE_CAP = 500
TEST_FILE_CAP = 600


def sources(*folders: str, suffix: str = ".py") -> list[Path]:
    """Files below these folders, without migrations."""
    found = [path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}")]
    return sorted(path for path in found if "migrations" not in path.parts)


def test_every_package_has_a_docstring_at_its_front_door():
    """What lives here, who may import it, its promise."""
    fronts = [path for path in sources(*PACKAGES) if path.name == "__init__.py"]
    bare = [
        str(path.relative_to(ROOT))
        for path in fronts
        if "management" not in path.parts and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert bare == []


def test_no_file_is_longer_than_its_cap():
    """A file past the cap wants splitting by topic."""
    code = [(path, FILE_CAP) for path in sources(*PACKAGES)]
    tests = [(path, TEST_FILE_CAP) for path in sources("tests")]
    long = {
        str(path.relative_to(ROOT)): lines
        for path, cap in code + tests
        if (lines := len(path.read_text().splitlines())) > cap
    }
    assert long == {}


def test_no_module_is_named_for_leftovers():
    """Such a module will import everything one day."""
    forbidden = {"utils", "helpers", "common", "services", "misc"}
    assert [path for path in sources(*PACKAGES) if path.stem in forbidden] == []


def test_foreign_keys_point_down_only():
    """A key by string is invisible to the import contracts."""
    wrong = []
    for model in apps.get_models():
        home = model.__module__.split(".")[0]
        for field in model._meta.get_fields():
            target = getattr(field, "remote_field", None) and getattr(field, "related_model", None)
            if not target or field.auto_created or home not in LAYER:
                continue
            away = target.__module__.split(".")[0]
            if LAYER.get(away, -1) > LAYER[home] or (away != home and LAYER.get(away) == 2):
                wrong.append(f"{model.__name__}.{field.name} -> {target.__name__}")
    assert wrong == []


def test_foreign_keys_across_packages_leave_no_reverse_name():
    """Reverse access would let a lower package read an upper one."""
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        if model.__module__.split(".")[0] in LAYER
        for field in model._meta.local_fields
        if field.is_relation
        and field.related_model.__module__.split(".")[0] in LAYER
        and field.related_model._meta.app_label != model._meta.app_label
        and not field.remote_field.hidden
    ]
    assert wrong == []


def test_every_setting_of_the_environment_stands_in_the_example():
    """A setting that nobody can find is none."""
    text = (ROOT / "csplatform" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', text)) - {"TEST_DB"}
    example = (ROOT / ".env.example").read_text()
    assert [name for name in sorted(read) if f"{name}=" not in example] == []


@pytest.mark.parametrize(
    "pattern", [r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", r"\son\w+="]
)
def test_templates_hold_no_inline_script(pattern):
    """Only files pass the strict policy."""
    templates = sources("templates", *PACKAGES, suffix=".html")
    found = [
        str(path.relative_to(ROOT))
        for path in templates
        if re.search(pattern, re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.S))
        and "x-on:" not in path.read_text()
    ]
    assert found == []


def test_every_command_is_used_in_a_test_or_by_the_runner():
    """A command that nothing runs rots."""
    commands = [
        path.stem
        for path in sources(*PACKAGES)
        if path.parent.name == "commands" and path.name != "__init__.py"
    ]
    places = sources("tests") + sources("csplatform/embedded") + [ROOT / "Makefile"]
    text = "\n".join(path.read_text() for path in places)
    assert [name for name in commands if name not in text] == []
