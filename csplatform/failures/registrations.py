"""What failures bring to the rooms below."""

from django.urls import reverse_lazy

from csplatform.adminkit.home import attention
from csplatform.adminkit.navigation import Entry, entries
from csplatform.api.routes import Route, routes
from csplatform.failures import figures, operations
from csplatform.failures.keeping import Keeper
from csplatform.failures.queue_urls import PERMISSION
from csplatform.failures.viewsets import FailureViewSet
from csplatform.kit.failing import register_keeper
from csplatform.kit.jobs import Periodic, periodic
from csplatform.kit.metrics import Figures, gauges


def register() -> None:
    """The keeper, the pages in the sidebar, the figures, the chores."""
    keeper = Keeper()
    register_keeper(keeper.failed, keeper.went_well)
    desk = reverse_lazy("admin:failures_failure_changelist")
    queues = reverse_lazy("django_rq:home")
    entries.register(
        "failures.desk",
        Entry("Watch", 90, "Failures", "report", lambda: desk, "failures.view_failure"),
    )
    entries.register(
        "failures.queues",
        Entry("Settings", 95, "Job queues", "stacks", lambda: queues, PERMISSION),
    )
    attention.register("failures.open", figures.open_failures)
    attention.register("failures.jobs", figures.failed_jobs_figure)
    routes.register("failures", Route("failures", FailureViewSet))
    gauges.register(
        "failures.states",
        Figures({"csplatform_failures": "Kinds of errors inside jobs, by state."}, figures.states),
    )
    periodic.register("failures.again", Periodic("failures.again", 15, operations.start_again))
    periodic.register("failures.purge", Periodic("failures.purge", 86_400, operations.purge))
