"""The addresses of journeys under /api/v1/."""

from csplatform.api.routes import Route, routes
from journeys.api.consent import CategoryViewSet, OptOutViewSet, SuppressionViewSet
from journeys.api.entry import HoldOutViewSet, RefusalViewSet
from journeys.api.folders import FolderViewSet
from journeys.api.life import AllHistoryViewSet, HistoryViewSet
from journeys.api.messages import MessageViewSet
from journeys.api.participants import ParticipantViewSet
from journeys.api.program_templates import ProgramTemplateViewSet
from journeys.api.programs import ProgramViewSet
from journeys.api.templates import TemplateViewSet
from journeys.api.versions import VersionViewSet
from journeys.api.webhooks import EndpointViewSet
from journeys.playbooks.api.playbooks import PlaybookRunViewSet, PlaybookViewSet
from journeys.playbooks.api.tasks import TaskTypeViewSet, TaskViewSet


def register() -> None:
    """Called once at start."""
    routes.register("templates", Route("mail-templates", TemplateViewSet))
    routes.register("mail_categories", Route("mail-categories", CategoryViewSet))
    routes.register("unsubscriptions", Route("unsubscriptions", OptOutViewSet))
    routes.register("suppressions", Route("suppressed-addresses", SuppressionViewSet))
    routes.register("folders", Route("program-folders", FolderViewSet))
    routes.register("program_templates", Route("program-templates", ProgramTemplateViewSet))
    routes.register("programs", Route("programs", ProgramViewSet))
    routes.register(
        "program_history", Route("programs/(?P<program_id>[0-9]{1,19})/history", HistoryViewSet)
    )
    routes.register("history", Route("program-history", AllHistoryViewSet))
    routes.register("versions", Route("program-versions", VersionViewSet))
    routes.register("participants", Route("participants", ParticipantViewSet))
    routes.register("refusals", Route("refusals", RefusalViewSet))
    routes.register("hold_out", Route("hold-out", HoldOutViewSet))
    routes.register("messages", Route("messages", MessageViewSet))
    routes.register("tasks", Route("tasks", TaskViewSet))
    routes.register("task_types", Route("task-types", TaskTypeViewSet))
    routes.register("playbooks", Route("playbooks", PlaybookViewSet))
    routes.register("playbook_runs", Route("playbook-runs", PlaybookRunViewSet))
    routes.register("webhook_endpoints", Route("webhook-endpoints", EndpointViewSet))
