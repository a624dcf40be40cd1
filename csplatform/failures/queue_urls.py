"""RQ's own pages below /admin/django_rq/, for those who may administer the queues.

Its views ask for staff only, and two of them for a token instead; here every one asks for the
permission, which only admins hold.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_rq import stats_views
from django_rq.urls import get_admin_urlpatterns

PERMISSION = "django_rq.admin"
View = Callable[..., HttpResponse]


def admins_only(view: View) -> View:
    """Log in first, then 403 without the permission."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return admin.site.admin_view(asked)


app_name = "django_rq"
urlpatterns = [
    *get_admin_urlpatterns(view_wrapper=admins_only),
    path("stats.json", admins_only(stats_views.stats_json), name="home_json"),
    path("metrics", admins_only(stats_views.prometheus_metrics), name="metrics"),
]
