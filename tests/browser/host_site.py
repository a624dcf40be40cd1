"""A customer's site as bad as it gets: strict policy, hostile styles, another origin."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOSTILE_CSS = """
* { color: red !important; font-size: 3px !important; display: inline !important; }
journey-engagement, dialog, body > *, html > * { opacity: 0 !important;
  visibility: hidden !important; transform: scale(0) !important; z-index: -1 !important; }
journey-engagement { display: none !important; position: static !important; }
button { pointer-events: none !important; }
"""

PAGE = """<!doctype html><html lang="en" dir="{dir}"><head><title>{title}</title>
<link rel="stylesheet" href="/hostile.css">
<script src="/stub.js"></script><script src="/app.js" defer></script>
<script async src="{tracker}/journey.js"></script></head>
<body><h1>Host</h1><a id="first" href="#">A link</a><button id="spa">Go</button></body></html>"""

STUB = (
    "window.journey = window.journey || function () {"
    " (window.journey.q = window.journey.q || []).push(arguments); };"
    "window.errors = [];"
    "window.addEventListener('error', function (e) { errors.push(e.message); });"
    "window.addEventListener('unhandledrejection', function (e) { errors.push('' + e.reason); });"
    "document.addEventListener('securitypolicyviolation', function (e) {"
    " errors.push('csp ' + e.violatedDirective + ' ' + e.blockedURI); });"
    "window.before = Object.keys(window);"
)


class HostSite:
    """Serves the page at / and what it needs. `app`: the site's own script."""

    def __init__(self, tracker: str, app: str, *, hostile: bool = True, direction: str = "ltr"):
        self.tracker, self.app, self.hostile, self.direction = tracker, app, hostile, direction
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site._answer(self)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.split("?")[0]
        bodies = {
            "/hostile.css": ("text/css", HOSTILE_CSS if self.hostile else ""),
            "/stub.js": ("text/javascript", STUB),
            "/app.js": ("text/javascript", self.app),
        }
        kind, body = bodies.get(name, ("text/html", ""))
        if kind == "text/html":
            body = PAGE.format(title=name, tracker=self.tracker, dir=self.direction)
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header(
            "Content-Security-Policy",
            f"default-src 'none'; script-src 'self' {self.tracker}; style-src 'self';"
            f" connect-src {self.tracker}; base-uri 'none'; require-trusted-types-for 'script'",
        )
        request.end_headers()
        request.wfile.write(body.encode())
