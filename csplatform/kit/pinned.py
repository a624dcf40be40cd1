"""Connections that go to addresses chosen beforehand and end at a moment chosen beforehand.

For csplatform.kit.http alone, which judges the addresses.
"""

import ssl
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import httpcore
import httpx
from httpcore import SyncBackend

PIECE = 16_384


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Verifying, with the bundled authorities or those of SSL_CERT_FILE."""
    return httpx.create_ssl_context()


class PinnedTransport(httpx.BaseTransport):
    """httpx's requests over connections that know only the judged addresses."""

    def __init__(self, addresses: Sequence[str], ends_at: float) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context(),
            network_backend=_Pinned(addresses, ends_at),
            max_connections=1,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The answer's body as it comes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class _Pinned(SyncBackend):
    """Connects to given addresses whatever name is asked for, and gives each wait what is left."""

    def __init__(self, addresses: Sequence[str], ends_at: float) -> None:
        self._addresses, self._ends_at = addresses, ends_at

    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        """The first address that takes the connection; a silent one leaves time for the next."""
        for place, address in enumerate(self._addresses):
            share = _left(self._ends_at) / (len(self._addresses) - place)
            try:
                stream = super().connect_tcp(address, port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(self._addresses) - 1:
                    raise
            else:
                return _Hurried(stream, self._ends_at)
        raise httpcore.ConnectError("no address")


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left


class _Hurried(httpcore.NetworkStream):
    """A connection whose every wait ends at the same moment."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream, self._ends_at = stream, ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._ends_at))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):  # the library's own loop starts its clock anew
            self._stream.write(buffer[start : start + PIECE], _left(self._ends_at))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        found = self._stream.start_tls(ssl_context, server_hostname, _left(self._ends_at))
        return _Hurried(found, self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
