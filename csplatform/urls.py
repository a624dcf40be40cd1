"""All addresses. Upper packages are included by string: the kernel imports none of them."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import include, path, reverse

from csplatform.kit.health import healthz, readyz
from csplatform.kit.metrics import metrics


def front(request: HttpRequest) -> HttpResponseRedirect:
    """The front door is the console."""
    return HttpResponseRedirect(reverse("admin:index"))


urlpatterns = [
    path("", front),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("admin/django_rq/", include("csplatform.failures.queue_urls")),
    path("admin/rules/", include("csplatform.rules.urls")),
    path("admin/config/", include("csplatform.ascode.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("csplatform.api.urls")),
    path("", include("csplatform.snapshots.urls")),
    path("", include("csplatform.health.urls")),
    path("", include("journeys.urls")),
    path("", include("engagements.urls")),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("engagements.demosite.urls")))
