"""A real HTTP server of a test's own, in a thread on the loopback."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """Keeps what it gets; answers as told.

    Attributes:
        answer: status, headers and body of the next answers; or a callable that gets the request
            and may return such a triple or talk itself (None).
        hang: set to let answers wait until `release`.
    """

    port: int = 0
    answer: Any = (200, {}, b"ok")
    got: list[Got] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)
    hang: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def place(self) -> str:
        """For OUTBOUND_ALLOW."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/hook") -> str:
        """Its address."""
        return f"http://{self.place}{path}"


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def _take(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Got(self.command, self.path, headers, self.rfile.read(length))
            receiver.got.append(got)
            receiver.came.set()
            if receiver.hang:
                receiver.release.wait(30)
            try:
                found = receiver.answer
                if callable(found):
                    found = found(self, got)
                if found is not None:
                    self._give(*found)
            except OSError:
                self.close_connection = True
            finally:
                receiver.ended.set()

        def _give(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _take

    return Handler


@contextmanager
def receiving(
    tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", **more: Any
) -> Iterator[Receiver]:
    """A server until the end of the block."""
    receiver = Receiver(**more)
    kind = ThreadingHTTPServer
    if ":" in host:
        kind = type("V6", (ThreadingHTTPServer,), {"address_family": socket.AF_INET6})
    server = kind((host, 0), _handler(receiver))
    server.daemon_threads = True
    server.block_on_close = False
    receiver.port = server.server_address[1]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that speaks as `talk` does, for what no proper server would say. Gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=guarded, args=(line,), daemon=True).start()

    def guarded(line: socket.socket) -> None:
        with line, suppress(OSError):
            talk(line)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        listener.close()
        thread.join(1)
