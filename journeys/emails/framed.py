"""Mail HTML for a sandboxed frame: no scripts, no forms, no cookies, links in a new tab."""

from django.http import HttpResponse

# The header stands for itself: it holds when somebody opens the address without our frame, too.
POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
    " img-src 'self' data: https: http:; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'"
)


def framed_html(html: str) -> HttpResponse:
    """The answer of a frame's address."""
    opened = html.replace("<head>", '<head><base target="_blank">', 1)
    response = HttpResponse(opened)
    response["Content-Security-Policy"] = POLICY
    response["Referrer-Policy"] = "no-referrer"
    return response
