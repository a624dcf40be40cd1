"""What the editor of blocks is given (PRG-46, ENG-02, ADM-01)."""

import json
import re
from dataclasses import dataclass

from csplatform.adminkit.block_editor import BlocksWidget, describe_kinds
from csplatform.kit.blocks import parse_blocks


@dataclass(frozen=True)
class Offer:
    name: str = "person.name"
    label: str = "</script><b>Name"
    group: str = "Person"
    insert: str = "{{ person.name }}"


def widget():
    return BlocksWidget(place="mail", tokens=lambda: [Offer()])


def test_each_place_is_offered_its_own_kinds():
    mail = [kind["key"] for kind in describe_kinds("mail")]
    dialog = [kind["key"] for kind in describe_kinds("dialog")]
    assert "action" in dialog
    assert "action" not in mail
    assert {"heading", "text", "button", "image", "list", "divider"} <= set(mail) & set(dialog)


def test_a_new_block_is_whole_and_valid():
    for kind in describe_kinds("mail"):
        [block] = parse_blocks([{**kind["example"], "kind": kind["key"]}])
        assert set(kind["example"]) == {"kind", *type(block.config).model_fields}


def test_the_widget_carries_all_its_module_needs():
    html = widget().render("blocks", '[{"kind": "divider"}]', {"id": "id_blocks"})
    found = re.search(r'<script id="blocks-about" type="application/json">(.*?)</script>', html)
    assert found
    about = json.loads(found.group(1))
    assert [kind["key"] for kind in about["kinds"]] == [k["key"] for k in describe_kinds("mail")]
    assert about["tokens"] == [vars(Offer())]
    assert 'data-block-editor="blocks-about"' in html
    assert "[{&quot;kind&quot;: &quot;divider&quot;}]</textarea>" in html


def test_texts_cannot_leave_their_place():
    """SEC-02."""
    html = widget().render("blocks", "</textarea><script>x()</script>", {"id": "id_blocks"})
    assert "<b>Name" not in html
    assert "<script>x()" not in html
