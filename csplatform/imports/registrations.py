"""What imports bring to the rooms below."""

from django.urls import reverse_lazy

from csplatform.adminkit.navigation import Entry, entries
from csplatform.api.routes import Route, routes
from csplatform.customers.hooks import erase_hooks
from csplatform.imports.api import ImportViewSet
from csplatform.imports.forgetting import forget_files
from csplatform.imports.kind import import_kinds
from csplatform.imports.kinds.companies import CompaniesImport
from csplatform.imports.kinds.events import EventsImport
from csplatform.imports.kinds.people import PeopleImport
from csplatform.imports.running import pending, purge, run_chunk
from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic


def register() -> None:
    """Called once at start."""
    for kind in (CompaniesImport(), PeopleImport(), EventsImport()):
        import_kinds.register(kind.key, kind)
    lane_work.register("imports.chunk", LaneWork("imports.chunk", "bulk", run_chunk, pending))
    periodic.register("imports.purge", Periodic("imports.purge", 86_400, purge))
    erase_hooks.register("imports", forget_files)
    routes.register("imports", Route("imports", ImportViewSet))
    entries.register(
        "imports.runs",
        Entry("Customers", 60, "Imports", "upload",
              lambda: reverse_lazy("admin:imports_importrun_changelist"),
              "imports.view_importrun"),
    )  # fmt: skip
