"""Doors of tracked links and the opening pixel. They always answer, whatever the token."""

import base64

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from csplatform.kit.tokens import BadToken
from journeys.emails.tracking import click_target, opened_message, record_click, record_open

# A transparent GIF of one pixel.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@never_cache
@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Count the click and go where the signed token says; 404 for a token that is not ours."""
    try:
        outbox_id, index, url = click_target(token)
    except BadToken:
        raise Http404("This link is damaged.") from None
    if request.method == "GET":  # HEAD is a scanner's look, nobody's click
        record_click(outbox_id, index, url)
    return HttpResponseRedirect(url)


@never_cache
@require_safe
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """Count the opening and answer with the pixel; 404 for a token that is not ours."""
    try:
        outbox_id = opened_message(token)
    except BadToken:
        raise Http404("This picture does not exist.") from None
    if request.method == "GET":
        record_open(outbox_id)
    return HttpResponse(PIXEL, content_type="image/gif")
