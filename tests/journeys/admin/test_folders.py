"""Folders: "Uncategorized", moving, renaming, deleting, counts (PRG-01)."""

import pytest
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from journeys.models import Folder, Program
from journeys.operations.draft import create_program
from journeys.operations.folders import create_folder, move_programs, rename_folder
from tests import factories as make

pytestmark = pytest.mark.django_db
LIST = "admin:journeys_program_changelist"


@pytest.fixture
def manager(client):
    client.force_login(make.staff("program_manager"))
    return client


def program(name, folder=None):
    """A draft."""
    return create_program(name=name, folder=folder, actor=None)


def test_programs_without_a_folder_are_uncategorized(manager):
    """In the list, and as a choice of the filter with a count."""
    program("Alone")
    program("Filed", create_folder("Lifecycle", actor=None))
    page = manager.get(reverse(LIST)).text
    assert "Uncategorized (1)" in page
    assert "Lifecycle (1)" in page
    alone = manager.get(reverse(LIST), {"folder": "none"}).text
    assert "Alone" in alone
    assert ">Filed<" not in alone


def test_many_are_moved_at_once(manager):
    """The action asks for the folder; a new one is made by its name."""
    rows = [program("One"), program("Two")]
    chosen = {"action": "move_to_folder", "_selected_action": make.ids(rows)}
    page = manager.post(reverse(LIST), chosen).text
    assert "Move 2 programs to a folder" in page
    manager.post(reverse(LIST), {**chosen, "move": "1", "folder": "none", "new": "Fresh"})
    assert set(Program.objects.values_list("folder__name", flat=True)) == {"Fresh"}
    manager.post(reverse(LIST), {**chosen, "move": "1", "folder": "none"})
    assert set(Program.objects.values_list("folder", flat=True)) == {None}
    assert AuditEntry.objects.filter(verb="program.move").count() == 4
    told = manager.post(
        reverse(LIST), {**chosen, "move": "1", "folder": "999999"}, follow=True
    ).text  # fmt: skip
    assert "Choose a folder, or name a new one." in told


def test_moving_where_they_are_writes_nothing():
    """Moving may run twice."""
    folder = create_folder("Lifecycle", actor=None)
    rows = make.ids([program("One", folder), program("Two")])
    assert move_programs(rows, folder, actor=None) == 1
    assert move_programs(rows, folder, actor=None) == 0


def test_a_folder_is_renamed_and_deleted_and_programs_stay(manager):
    """The list of folders leads to the programs behind each count."""
    folder = create_folder("Lifecycle", actor=None)
    row = program("Kept", folder)
    page = manager.get(reverse("admin:journeys_folder_changelist")).text
    assert f"{reverse(LIST)}?folder={folder.pk}" in page
    url = reverse("admin:journeys_folder_change", args=[folder.pk])
    manager.post(url, {"name": "Life"})
    assert Folder.objects.get().name == "Life"
    delete = reverse("admin:journeys_folder_delete", args=[folder.pk])
    assert "its programs stay" in manager.get(delete).text
    told = manager.post(delete, {"post": "yes"}, follow=True).text
    assert "Uncategorized" in told
    row.refresh_from_db()
    assert row.folder is None


def test_names_are_taken_once_and_uncategorized_is_no_folder():
    """With a sentence that says what to do."""
    create_folder("A", actor=None)
    other = create_folder("B", actor=None)
    with pytest.raises(Conflict, match="choose a different one"):
        rename_folder(other.pk, "A", actor=None)
    with pytest.raises(DomainError, match="choose another name"):
        create_folder("Uncategorized", actor=None)
    with pytest.raises(NotAllowed):
        create_folder("C", actor=make.staff("csm"))
