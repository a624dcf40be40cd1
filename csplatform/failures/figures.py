"""Failures on the home page and on /metrics."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.failures.models import Failure, State
from csplatform.failures.queues import count_failed
from csplatform.kit.metrics import Reading, bounded


def open_failures(request: HttpRequest) -> Figure | None:
    """Failures that nobody has dealt with, for the home page."""
    if not request.user.has_perm("failures.view_failure"):
        return None
    number = Failure.objects.filter(state=State.OPEN).count()
    if not number:
        return None
    link = f"{reverse('admin:failures_failure_changelist')}?state__exact=open"
    return Figure("Failures", number, link, "bad", "errors inside jobs")


def failed_jobs_figure(request: HttpRequest) -> Figure | None:
    """RQ's failed jobs, for the home page."""
    if not request.user.has_perm("failures.view_failure"):
        return None
    number = count_failed()
    if not number:
        return None
    link = reverse("admin:failures_failure_changelist")
    return Figure("Failed jobs", number, link, "bad", "broken off or killed")


def states() -> Iterator[Reading]:
    """Failures by state, for /metrics."""
    for state in State.values:
        number = bounded("SELECT 1 FROM failures_failure WHERE state = %s", [state])
        yield Reading("csplatform_failures", number, {"state": state})
