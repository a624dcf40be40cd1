"""`make run`: servers, preparation, web, workers, scheduler, until Ctrl-C.

`make servers` runs the same without the application, for restoring and for looking around.
"""

import http.client
import math
import os
import socket
import sys
import time

from csplatform.embedded.logs import say
from csplatform.embedded.places import Places, Refusal
from csplatform.embedded.servers import without_password
from csplatform.embedded.stack import (
    Address,
    environment,
    prepare_spec,
    start_servers,
    web_spec,
    worker_specs,
)
from csplatform.embedded.supervisor import StopRequested, Supervisor

HEAD_START_SECONDS = 30
PAGES = {
    "/admin/": "build programs and engagements",
    "/demo/": "a product site with the tracker",
    "/mail/": "captured mail",
    "/api/docs/": "REST API",
}


def main(arguments: list[str]) -> int:
    """Run until told to stop. Returns the exit code: 0 after a wanted stop, 1 after a refusal."""
    only_servers = arguments == ["servers"]
    began = time.monotonic()
    places = Places.of(os.environ.get("DATA_DIR") or ".data")
    try:
        address = Address.of(os.environ)
        places.make()
        places.lock("the servers alone" if only_servers else address.url)
        try:
            with Supervisor(places) as supervisor:
                if only_servers:
                    run_servers(supervisor)
                else:
                    run(supervisor, address, began)
        finally:
            places.unlock()
    except StopRequested:
        say("runner", "stopped")
        return 0
    except Refusal as refusal:
        say("runner", str(refusal))
        return 1
    return 0


def run_servers(supervisor: Supervisor) -> None:
    """The servers alone, until told to stop."""
    urls = start_servers(supervisor)
    supervisor.places.publish(urls)
    for name, url in urls.items():
        say("runner", f"{name}={without_password(url)}")
    say("runner", "servers are up - Ctrl-C stops them")
    supervisor.run_forever()


def run(supervisor: Supervisor, address: Address, began: float) -> None:
    """Bring everything up in order, then keep it up."""
    places = supervisor.places
    check_port_free(address)
    urls = start_servers(supervisor)
    # Warnings of packages to their developers are no help to those who run this.
    quiet = os.environ.get("PYTHONWARNINGS") or "ignore"
    places.clear_counts()
    more = {"PYTHONWARNINGS": quiet, "PROMETHEUS_MULTIPROC_DIR": str(places.counts)}
    env = environment(places, urls, PORT=str(address.port), **more)
    places.publish({key: env[key] for key in (*urls, "SECRET_KEY", "DATA_DIR", "PORT")})
    prepare(supervisor, env)
    # The web server first, on a machine that is busy with nothing else: pages are what people
    # wait for, and each of the other processes takes a second or more of processor to load.
    supervisor.start(web_spec(places, env, address))
    wait_for_answer(supervisor, address, "/healthz", HEAD_START_SECONDS)
    for spec in worker_specs(places, env):
        supervisor.start(spec)
    wait_for_answer(supervisor, address, "/readyz")
    greet(places, address, time.monotonic() - began)
    supervisor.run_forever()


def prepare(supervisor: Supervisor, env: dict[str, str]) -> None:
    """Run `manage.py prepare`; a server that goes away meanwhile is waited for, then once more."""
    while True:
        began = time.monotonic()
        if supervisor.run_task(prepare_spec(supervisor.places, env)) == 0:
            return
        if supervisor.servers_reachable() and not supervisor.servers_disturbed_since(began):
            raise Refusal("preparing failed; the lines above say why (logs/prepare.log)")
        supervisor.wait_for_servers()


def check_port_free(address: Address) -> None:
    """Refuse a port that somebody else listens on, before anything is started."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise Refusal(
                f"port {address.port} cannot be used ({error.strerror});"
                f" choose another one: make run PORT={address.port + 1}"
            ) from error


def wait_for_answer(
    supervisor: Supervisor, address: Address, path: str, at_most: float = math.inf
) -> None:
    """Supervise until this page answers 200; says once a minute what is missing."""
    began = time.monotonic()
    say_at = began + 60
    while problem := answer_of(address, path):
        now = time.monotonic()
        if now - began > at_most:
            return
        if now > say_at:
            say("web", f"not ready yet: {problem}")
            say_at = now + 60
        supervisor.tick(0.2)


def answer_of(address: Address, path: str) -> str:
    """Empty when this page answers 200, else what it said."""
    host = "127.0.0.1" if address.host == "0.0.0.0" else address.host  # noqa: S104 - compared
    connection = http.client.HTTPConnection(host, address.port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        body = answer.read(500).decode("utf-8", "replace")
        return "" if answer.status == 200 else f"{answer.status} {body}"
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()


def greet(places: Places, address: Address, seconds: float) -> None:
    """Say where everything is and how to get in."""
    logins = places.data / "demo-logins.txt"
    demo = logins.exists()
    say("runner", f"ready after {seconds:.0f} s")
    for path, what in PAGES.items():
        if demo or path not in ("/demo/", "/mail/"):
            say("runner", f"  {address.url + path:<34} {what}")
    if demo:
        say("runner", "demo logins:")
        for line in logins.read_text().splitlines():
            if line.strip():
                say("runner", f"  {line.strip()}")
    say("runner", f"logs in {places.logs} - Ctrl-C stops everything")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
