"""The one way to talk HTTP to an address that a user gave (SEC-02).

A name is resolved once, each address of the answer is judged, and the connection goes to the very
addresses that were judged, so a second answer of the name server changes nothing. TLS and the
Host header are still about the name. A redirect is an answer like any other and never followed.
No proxy and no .netrc of the environment has a say. One deadline covers everything: resolving,
connecting, each byte that trickles in.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from socket import IPPROTO_TCP, SOCK_STREAM, getaddrinfo
from threading import Thread

import httpcore
import httpx
from django.conf import settings

from csplatform.kit.addresses import is_public, literal, parse_allowed
from csplatform.kit.pinned import PinnedTransport

DEADLINE_SECONDS = 10.0
MAX_BYTES = 1_000_000
MAX_URL = 2_000
OWN_HEADERS = {"accept-encoding": "identity", "connection": "close", "user-agent": "csplatform"}
_USERINFO = re.compile(r"^[^/?#]*//[^/?#]*@")

Resolver = Callable[[str, int], Sequence[str]]


class OutboundError(Exception):
    """A request that got no answer; the text is a sentence for people."""


class Refused(OutboundError):
    """We do not go there: the address breaks our own rules. Asking again is no use by itself."""


class NoConnection(OutboundError):
    """Nobody answers there: no such name, refused, unreachable, or a bad certificate."""


class TimedOut(OutboundError):
    """The deadline passed before the answer was whole. The other side may have acted."""


class BrokenAnswer(OutboundError):
    """The line broke, or what came back is no HTTP. The other side may have acted."""


class TooLarge(BrokenAnswer):
    """The answer is larger than allowed."""


@dataclass(frozen=True)
class Target:
    """A URL that passed the rules which need no name server."""

    url: httpx.URL
    host: str
    port: int


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        body: raw bytes, at most what was allowed; `cut` when there was more.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    cut: bool = False

    @property
    def text(self) -> str:
        """The body for people to read; "" when it came compressed although we did not ask."""
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            return ""
        return self.body.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def check_url(url: str) -> Target:
    """Judge a URL without asking a name server. Raises Refused with what to mend."""
    if not url.isprintable() or " " in url or "\\" in url or len(url) > MAX_URL:
        raise Refused("The address holds characters that do not belong there, or is too long.")
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii")
        usual = {"http": 80, "https": 443}.get(parsed.scheme, 0)
        port = usual if parsed.port is None else parsed.port
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise Refused("This is no web address.") from None
    if parsed.scheme not in ("http", "https"):
        raise Refused("Only addresses that start with https:// or http:// work.")
    if parsed.userinfo or _USERINFO.match(url):
        raise Refused("Leave user name and password out of the address; use a header instead.")
    if not host:
        raise Refused("The address names no host.")
    try:
        address = literal(host)
    except ValueError:
        raise Refused("Write a host name, or an IP address in its usual form.") from None
    allowed = parse_allowed(settings.OUTBOUND_ALLOW)
    if not allowed.place(host, port):
        if port not in settings.OUTBOUND_PORTS:
            ports = ", ".join(str(known) for known in settings.OUTBOUND_PORTS)
            raise Refused(f"Port {port} is not open for outgoing requests; open are {ports}.")
        if address is not None:
            _judge(str(address), host)
    return Target(parsed.copy_with(fragment=None), host, port)


def _judge(address: str, host: str) -> None:
    """Raises Refused for an address of a network that is not the open internet."""
    parsed = ip_address(address)
    if not is_public(parsed) and not parse_allowed(settings.OUTBOUND_ALLOW).network(parsed):
        raise Refused(
            f"“{host}” leads into a private or reserved network ({address}), where we do not go."
        )


def system_resolver(host: str, port: int) -> list[str]:
    """All addresses of a name, in the system's order. Raises OSError."""
    found = getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    deadline_seconds: float = DEADLINE_SECONDS,
    max_bytes: int = MAX_BYTES,
    cut: bool = False,
    resolver: Resolver = system_resolver,
) -> Answer:
    """One request, one answer; any status is an answer, redirects too.

    Args:
        deadline_seconds: for everything together.
        max_bytes: of the body; a larger one raises TooLarge, or is cut off there if `cut`.
        resolver: gives the addresses of a name; tests bring their own.

    Raises an OutboundError. Uses no database, so it may run in any thread.
    """
    ends_at = time.monotonic() + deadline_seconds
    target = check_url(url)
    addresses = _addresses(target, resolver, ends_at)
    told = httpx.Headers(OWN_HEADERS)
    told.update(headers or {})  # whatever the case of their letters
    with _as_sentences(target.host), _client(addresses, ends_at) as client:
        request = client.build_request(method, target.url, headers=told, content=content)
        response = client.send(request, stream=True, follow_redirects=False)
        try:
            body, more = _read(response.iter_raw(), max_bytes)
        finally:
            response.close()
    if more and not cut:
        raise TooLarge(f"“{target.host}” answered with more than {max_bytes:,} bytes.")
    return Answer(response.status_code, response.headers, body, more)


def _read(chunks: Iterable[bytes], max_bytes: int) -> tuple[bytes, bool]:
    """At most so many bytes, and whether there were more."""
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > max_bytes:
            return bytes(found[:max_bytes]), True
    return bytes(found), False


def _addresses(target: Target, resolver: Resolver, ends_at: float) -> list[str]:
    """The addresses to connect to, each of them judged. One bad one spoils the whole answer."""
    allowed = parse_allowed(settings.OUTBOUND_ALLOW)
    named = literal(target.host)
    found = [str(named)] if named is not None else _resolved(target, resolver, ends_at)
    if not allowed.place(target.host, target.port):
        for address in found:
            _judge(address, target.host)
    return found


def _resolved(target: Target, resolver: Resolver, ends_at: float) -> list[str]:
    """Ask the name server, but not for longer than the deadline: the system's own call takes no
    time limit, so it runs in a thread that may be left behind."""
    answers: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(target.host, target.port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    Thread(target=ask, daemon=True, name="resolve").start()
    try:
        found = answers.get(timeout=max(ends_at - time.monotonic(), 0))
    except Empty:
        raise TimedOut(f"The name “{target.host}” was not resolved in time.") from None
    if isinstance(found, Exception) or not found:
        raise NoConnection(f"The name “{target.host}” is not known.")
    return list(found)


def _client(addresses: Sequence[str], ends_at: float) -> httpx.Client:
    """A client for one request."""
    timeout = max(ends_at - time.monotonic(), 0.001)
    return httpx.Client(
        transport=PinnedTransport(addresses, ends_at), trust_env=False, timeout=timeout
    )


@contextmanager
def _as_sentences(host: str) -> Iterator[None]:
    """Errors of the library in our own words; its own may quote what does not belong in a log."""
    try:
        yield
    except (httpcore.TimeoutException, httpx.TimeoutException):
        raise TimedOut(f"“{host}” did not answer in time.") from None
    except (httpcore.ConnectError, httpx.ConnectError) as error:
        raise NoConnection(f"No connection to “{host}”: {_reason(error)}.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, OSError) as error:
        raise BrokenAnswer(f"The line to “{host}” broke: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """The first line of an error, short."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
