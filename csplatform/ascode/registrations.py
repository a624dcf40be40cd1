"""What this room brings: the import page, its address in the API, commands' help."""

from django.urls import reverse_lazy

from csplatform.adminkit.extensions import BulkAction, DetailLink, bulk_actions, detail_links
from csplatform.adminkit.navigation import Entry, entries
from csplatform.api.routes import Route, routes
from csplatform.ascode.api import ConfigViewSet
from csplatform.ascode.kind import ExportKind, export_kinds
from csplatform.ascode.pages import PERMISSION, export_selected, export_url


def register() -> None:
    """Called once at start."""
    entries.register(
        "ascode.import",
        Entry("Build", 90, "Import", "upload_file", lambda: reverse_lazy("ascode:import"),
              PERMISSION),
    )  # fmt: skip
    routes.register("config", Route("config", ConfigViewSet))


def register_kind(kind: ExportKind) -> None:
    """A kind of document, with its export above the form and in the list. Rooms call this once."""
    export_kinds.register(kind.key, kind)
    label = kind.model._meta.label_lower
    detail_links.register(
        f"ascode.{kind.key}", DetailLink((label,), "Export", "download", export_url)
    )
    bulk_actions.register(
        f"ascode.{kind.key}",
        BulkAction((label,), "export_selected", "Export as YAML", kind.permission, export_selected),
    )
