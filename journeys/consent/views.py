"""/u/<token>/: mail preferences without a login; the signed link is the key (RFC 8058)."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from csplatform.customers.models import Person
from csplatform.kit.errors import DomainError
from csplatform.kit.tokens import BadToken
from journeys.consent.operations import EVERYTHING, set_preferences, unsubscribe
from journeys.consent.tokens import Holder, holder_of
from journeys.models import MailCategory, MailOptOut
from journeys.models.consent import ConsentSource


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class PreferencesView(View):
    """Looking changes nothing: scanners follow every link. Mail programs post one click."""

    http_method_names = ["get", "head", "post", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A damaged link and somebody who is gone are told alike."""
        try:
            holder = holder_of(kwargs["token"])
            response = super().dispatch(request, holder)
        except (BadToken, DomainError):
            response = render(request, "consent/damaged.html", status=404)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response

    def get(self, request: HttpRequest, holder: Holder) -> HttpResponse:
        """What there is to choose."""
        return self._page(request, holder)

    def post(self, request: HttpRequest, holder: Holder) -> HttpResponse:
        """One click, or the page's form."""
        if request.POST.get("List-Unsubscribe") == "One-Click":
            unsubscribe(holder)
            return HttpResponse("Unsubscribed.", content_type="text/plain")
        person = _living(holder.person_id)
        choices: set[int | None] = set(_choices().values_list("pk", flat=True))
        wanted = {int(text) for text in request.POST.getlist("want") if text.isdecimal()}
        if "everything" in request.POST:
            out_of = {EVERYTHING, *_out_of(person)}
        elif "again" in request.POST:
            out_of = set()
        else:
            out_of = choices - wanted
            out_of |= set() if wanted else {EVERYTHING}
        set_preferences(
            person.pk, out_of, actor=None, source=ConsentSource.PAGE, outbox_id=holder.outbox_id
        )
        return self._page(request, holder, saved=True)

    def _page(self, request: HttpRequest, holder: Holder, *, saved: bool = False) -> HttpResponse:
        person = _living(holder.person_id)
        out_of = _out_of(person)
        everything = EVERYTHING in out_of
        choices = [
            {"row": row, "on": not everything and row.pk not in out_of} for row in _choices()
        ]
        context = {
            "address": masked(person.email or ""),
            "choices": choices,
            "everything": everything,
            "saved": saved,
        }
        return render(request, "consent/preferences.html", context)


def _choices() -> Any:
    return MailCategory.objects.filter(is_operational=False)


def _out_of(person: Person) -> set[int | None]:
    return set(MailOptOut.objects.filter(person=person).values_list("category_id", flat=True))


def _living(person_id: int) -> Person:
    """The person, or whoever they were merged into. Raises DomainError."""
    person = Person.objects.filter(pk=person_id).first()
    while person is not None and person.merged_into_id is not None:
        person = Person.objects.filter(pk=person.merged_into_id).first()
    if person is None or person.erased_at is not None:
        raise DomainError("This person is not known (any more).", code="gone")
    return person


def masked(address: str) -> str:
    """An address that its owner recognises: forwarded mails carry the link, too."""
    name, _, domain = address.partition("@")
    return f"{name[:1]}…@{domain}" if domain else ""
