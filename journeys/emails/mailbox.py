"""/mail/: the mails that were captured, for the demo and for trying things out."""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from journeys.emails.framed import framed_html
from journeys.models import CapturedMail

PAGE = 50
TABS = (("mail", "Mail"), ("text", "Text"), ("headers", "Headers"))


def _may_look(request: HttpRequest) -> bool:
    """Everybody in the demo, staff elsewhere. 404 where mails really leave."""
    if settings.EMAIL_URL:
        raise Http404("Mails leave by the mail server; none are captured here.")
    user = request.user
    return settings.DEMO or (user.is_active and getattr(user, "is_staff", False))


def search_mails(words: str) -> QuerySet[CapturedMail]:
    """Captured mails whose subject or addresses hold words that begin like these."""
    found = CapturedMail.objects.order_by("-pk")
    parts = re.findall(r"[\w@.+-]+", words)[:10]
    if not parts:
        return found
    query = " & ".join(f"'{part}':*" for part in parts)
    return found.annotate(words=SearchVector("subject", "recipients", config="simple")).filter(
        words=SearchQuery(query, config="simple", search_type="raw")
    )


def _list_context(request: HttpRequest) -> dict[str, Any]:
    words = request.GET.get("q", "")[:200].replace("\x00", "")
    before = request.GET.get("before", "")
    mails = search_mails(words).defer("html", "headers")
    if before.isdigit() and len(before) < 19:
        mails = mails.filter(pk__lt=int(before))
    page = list(mails[: PAGE + 1])
    return {
        "mails": page[:PAGE],
        "older": page[PAGE - 1].pk if len(page) > PAGE else None,
        "q": words,
        "before": before,
    }


@never_cache
@require_safe
def mailbox(request: HttpRequest, mail_id: int | None = None) -> HttpResponse:
    """The list, with one mail opened beside it if `mail_id` is given."""
    if not _may_look(request):
        return redirect_to_login(request.get_full_path())
    context = _list_context(request)
    if mail_id is not None:
        tab = request.GET.get("tab", "mail")
        context["mail"] = get_object_or_404(CapturedMail, pk=mail_id)
        context["tab"] = tab if tab in dict(TABS) else "mail"
        context["tabs"] = TABS
    return render(request, "mail/mailbox.html", context)


@never_cache
@require_safe
def mail_html(request: HttpRequest, mail_id: int) -> HttpResponse:
    """A mail's HTML alone, for the frame of its page."""
    if not _may_look(request):
        raise Http404
    return framed_html(get_object_or_404(CapturedMail, pk=mail_id).html)
