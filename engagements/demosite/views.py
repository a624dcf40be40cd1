"""Pages of "Acme Boards", a product that exists only here."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from engagements.demosite import people

COOKIE = "demo_person"
SALT = "engagements.demosite"
PAGES = {
    "dashboard": ("Dashboard", "⌂"),
    "projects": ("Projects", "▦"),
    "reports": ("Reports", "◔"),
    "settings": ("Settings", "⚙"),
}


def _signed_in(request: HttpRequest) -> people.DemoPerson | None:
    return people.get(request.get_signed_cookie(COOKIE, default="", salt=SALT))


@require_GET
def front(request: HttpRequest) -> HttpResponse:
    """The dashboard, or the sign-in page."""
    return HttpResponseRedirect(
        reverse("demo-page", args=["dashboard"]) if _signed_in(request) else reverse("demo-sign-in")
    )


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Choose whom to be. There are no passwords: the people are invented."""
    if request.method == "POST":
        person = people.get(request.POST.get("person", ""))
        if person is not None:
            response = HttpResponseRedirect(reverse("demo-page", args=["dashboard"]))
            response.set_signed_cookie(
                COOKIE, str(person.pk), salt=SALT, httponly=True, samesite="Lax", path="/demo/"
            )
            return response
    text = request.GET.get("q", "")[:100].replace("\x00", "")
    context = {"found": people.search(text), "q": text, "key": people.demo_source().write_key}
    return render(request, "engagements/demosite/sign_in.html", context)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """The next page starts a new visitor."""
    response = HttpResponseRedirect(reverse("demo-sign-in") + "?signed-out=1")
    response.delete_cookie(COOKIE, path="/demo/")
    return response


@require_GET
def page(request: HttpRequest, name: str) -> HttpResponse:
    """A page of the product."""
    if name not in PAGES:
        raise Http404
    person = _signed_in(request)
    if person is None:
        return HttpResponseRedirect(reverse("demo-sign-in"))
    context: dict[str, Any] = {
        "person": person,
        "identity": person.identity(),
        "key": people.demo_source().write_key,
        "page": name,
        "title": PAGES[name][0],
        "pages": [(key, *words) for key, words in PAGES.items()],
    }
    return render(request, f"engagements/demosite/{name}.html", context)
