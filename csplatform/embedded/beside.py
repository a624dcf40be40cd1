"""Processes of the application beside this one, on its own database and Redis: for benchmarks."""

import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from csplatform.embedded.child import Child, ChildSpec
from csplatform.embedded.places import Places
from csplatform.embedded.stack import Address, environment, web_spec, worker_specs

READY_SECONDS = 60


@contextmanager
def running(*names: str, **more: str) -> Iterator[str]:
    """Start these of "web", "worker-live", "worker-bulk" ..., "scheduler"; yields the web's URL.

    They are ready when the block begins and gone when it ends. `more`: settings of theirs.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="csp-beside-"))
        places = Places.of(folder)
        places.make()
        urls = {"DATABASE_URL": database_url(), "REDIS_URL": settings.REDIS_URL}
        env = environment(places, urls, **more)
        address = Address("127.0.0.1", free_port())
        specs = [web_spec(places, env, address), *worker_specs(places, env)]
        _start([spec for spec in specs if spec.name in names], stack)
        if "web" in names:
            _wait(address.url)
        yield address.url


def _start(specs: Sequence[ChildSpec], stack: ExitStack) -> None:
    for spec in specs:
        child = Child(spec, mark="beside")
        child.start()
        stack.callback(child.finish, spec.stop_seconds)
        stack.callback(child.ask_to_stop)


def _wait(url: str) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):  # noqa: S310 - ours
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"{url} does not answer")


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, seconds: float = 20) -> None:
    """Return once somebody listens on a port of this machine. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def database_url() -> str:
    """The address of the database that this process uses, a test's own one included."""
    found = connection.settings_dict
    login = quote(found["USER"]) + (f":{quote(found['PASSWORD'])}" if found["PASSWORD"] else "")
    name = quote(found["NAME"])
    host = found["HOST"] or found["OPTIONS"].get("host", "")
    if host.startswith("/"):
        return f"postgresql://{login}@/{name}?{urlencode({'host': host})}"
    return f"postgresql://{login}@{host}:{found['PORT'] or 5432}/{name}"
