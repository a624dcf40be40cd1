"""The panels of entry, goal and exits, and uploading a file, in Chromium (PRG-04, 20)."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.models import EntryList, EntryRow
from tests import factories as make
from tests.browser.flow_pages import open_flow, saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def draft():
    return make.program(make.step("wait_timer", "w1"), publish=False)


def test_sources_of_several_kinds_are_added_and_stored(page, live_server, problems):
    """PRG-20: ids are numbers, several values a list; words and marks follow."""
    segment = save_segment(SegmentInput("Champions", kind="static"), actor=None)
    program = draft()
    open_flow(page, live_server, program)
    page.locator('[data-panel="entry"]').first.click()
    panel = page.locator("#flow-panel")
    panel.locator('[data-variant="segment"]').click()
    panel.locator('[data-name="segment"] select').select_option(label="Champions")
    panel.locator('[data-variant="event"]').click()
    panel.locator('[data-name="event"] input').fill("ticket.closed")
    panel.get_by_role("button", name="Add property test").click()
    panel.locator('[data-name="property"] input').fill("severity")
    panel.locator('[data-name="operator"] select').select_option("in")
    panel.locator('[data-name="value"] input').fill("high, urgent")
    panel.locator('[data-name="context_id"] input').fill("ticket")
    saved(page)
    program.refresh_from_db()
    first, second = program.draft["entry"]["sources"]
    assert first == {"kind": "segment", "segment": segment.pk}
    assert second["where"] == [
        {"property": "severity", "operator": "in", "value": ["high", "urgent"]}
    ]
    assert second["context_id"] == "ticket"
    title = page.locator('.fl-card[data-panel="entry"] .fl-title')
    expect(title).to_contain_text("“Champions”")
    expect(title).to_contain_text("ticket.closed")
    assert problems == []


def test_leaving_and_control_group_are_set_in_the_panel_of_the_goal(page, live_server, problems):
    """PRG-26, 28: choosing other programs shows them; what is typed is stored."""
    other, program = make.program(make.step("wait_timer", "w1")), draft()
    open_flow(page, live_server, program)
    page.locator('[data-panel="aims"]').first.click()
    panel = page.locator("#flow-panel")
    chosen = panel.locator('[data-name="unenrol_programs"]')
    expect(chosen).to_be_hidden()
    panel.locator('[data-name="unenrol"] select').select_option("chosen")
    expect(chosen).to_be_visible()
    chosen.get_by_label(other.name, exact=True).check()
    panel.locator('[data-name="percent"] input').fill("12.5")
    saved(page)
    program.refresh_from_db()
    assert program.draft["leaving"]["unenrol_programs"] == [other.pk]
    assert program.draft["control"]["percent"] == 12.5
    expect(page.locator('.fl-card[data-panel="aims"]')).to_contain_text(f"“{other.name}”")
    assert problems == []


def test_a_files_columns_are_chosen_before_it_is_uploaded(
    page, live_server, problems, tmp_path: Path
):
    """PRG-20: suggested by their names, changed by hand."""
    program = draft()
    file = tmp_path / "people.csv"
    file.write_text('"E-Mail",Ticket,Plan\nann@x.test,T1,pro\n')
    page.goto(live_server.url + reverse("admin:journeys_program_lists", args=[program.pk]))
    page.locator("input[name=file]").set_input_files(file)
    expect(page.locator("[name=column_0]")).to_have_value("key")
    expect(page.locator("[name=column_1]")).to_have_value("context_id")
    expect(page.locator("[name=column_2]")).to_have_value("field:plan")
    page.locator("[name=column_2]").select_option("skip")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("body")).to_contain_text("rows are being matched")
    row = EntryRow.objects.get()
    assert (row.key, row.context_id, row.fields) == ("ann@x.test", "T1", {})
    assert EntryList.objects.get().program == program
    assert problems == []
