"""CUS-02, PRG-47: products with their tree as code."""

import pytest
import yaml

from csplatform.ascode.exporting import export_text
from csplatform.ascode.importing import import_text
from csplatform.ascode.kind import export_kinds
from csplatform.kit.errors import DomainError
from csplatform.usage.models import UsagePart
from tests.ascode import make

pytestmark = pytest.mark.django_db


def exported() -> str:
    """The product as YAML."""
    kind = export_kinds.get("product")
    return export_text([(kind, kind.rows(["app"])[0])], actor=None)


def imported(text: str):
    """What the import did."""
    return import_text(text, actor=None).changes


def test_a_product_with_its_tree_comes_back_equal_and_is_changed_as_a_whole() -> None:
    """CUS-02: parts appear, change, move and go; a used one stays, and then nothing changes."""
    make.product()
    text = exported()
    data = yaml.safe_load(text)
    assert [f["name"] for f in data["modules"][0]["features"]] == ["open", "save"]
    assert [c.what for c in imported(text)] == ["unchanged"]
    UsagePart.objects.all().delete()
    assert [c.what for c in imported(text)] == ["created"]
    assert exported() == text
    data["modules"][0]["features"] = [{"name": "save", "label": "Saves", "event": "saved"}]
    assert [c.what for c in imported(yaml.safe_dump(data))] == ["changed"]
    assert list(UsagePart.objects.values_list("path", flat=True)) == ["app", "app/one",
                                                                      "app/one/save"]  # fmt: skip
    make.segment(rule={"test": "usage", "part": "app/one/save"})
    data["modules"] = []
    with pytest.raises(DomainError, match="Champions"):
        imported(yaml.safe_dump(data))
    assert UsagePart.objects.count() == 3
