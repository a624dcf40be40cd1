"""Folders of the program list (PRG-01)."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction

from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.models import Folder, Program


def folder_named(name: str | None, *, actor: Any) -> Folder | None:
    """The folder of a name, made when it is not there; None for "Uncategorized".

    Raises DomainError for a name that is too long, NotAllowed when it would have to be made.
    """
    wanted = (name or "").strip()
    if not wanted:
        return None
    found = Folder.objects.filter(name=wanted).first()
    return found or create_folder(wanted, actor=actor)


def create_folder(name: str, *, actor: Any) -> Folder:
    """A new folder. Raises Conflict for a taken name."""
    require(actor, "journeys.add_folder")
    with transaction.atomic():
        folder = _save(Folder(name=_checked(name)))
        audit.record(actor, "folder.add", folder, after={"name": folder.name})
    return folder


def rename_folder(folder_id: int, name: str, *, actor: Any) -> Folder:
    """Another name. Raises Conflict for a taken one."""
    require(actor, "journeys.change_folder")
    with transaction.atomic():
        folder = Folder.objects.select_for_update().get(pk=folder_id)
        before, folder.name = folder.name, _checked(name)
        if before != folder.name:
            _save(folder)
            audit.record(
                actor, "folder.change", folder, before={"name": before}, after={"name": folder.name}
            )
    return folder


def delete_folder(folder_id: int, *, actor: Any) -> int:
    """Delete a folder; its programs stay and are uncategorized. How many they are."""
    require(actor, "journeys.delete_folder")
    with transaction.atomic():
        folder = Folder.objects.select_for_update().get(pk=folder_id)
        count = folder.programs.count()
        audit.record(actor, "folder.delete", folder, before={"programs": count})
        folder.delete()
    return count


def move_programs(ids: Iterable[int], folder: Folder | None, *, actor: Any) -> int:
    """Put programs into a folder (None: "Uncategorized"); how many were moved. One statement,
    and one audit row for each program that moved."""
    require(actor, "journeys.change_program")
    with transaction.atomic():
        rows = Program.objects.select_for_update(of=("self",), no_key=True).select_related("folder")
        moving = [
            program
            for program in rows.filter(pk__in=list(ids)).order_by("pk")
            if program.folder_id != (folder.pk if folder else None)
        ]
        Program.objects.filter(pk__in=[program.pk for program in moving]).update(folder=folder)
        for program in moving:
            audit.record(
                actor, "program.move", program, before={"folder": program.folder_name},
                after={"folder": folder.name if folder else "Uncategorized"},
            )  # fmt: skip
    return len(moving)


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or "\x00" in name:
        raise DomainError("Give the folder a name of at most 100 characters.", path="/name")
    if name.lower() == "uncategorized":
        text = "“Uncategorized” is what programs without a folder are called; choose another name."
        raise DomainError(text, path="/name", code="reserved")
    return name


def _save(folder: Folder) -> Folder:
    try:
        with transaction.atomic():
            folder.save()
    except IntegrityError:
        text = "Another folder has this name; choose a different one."
        raise Conflict(text, path="/name", code="taken") from None
    return folder
