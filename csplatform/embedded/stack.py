"""What one installation consists of: its servers, and the processes of the application."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from csplatform.embedded.child import ChildSpec, child_environment
from csplatform.embedded.logs import LogFile, progress
from csplatform.embedded.places import PROJECT, Places, Refusal
from csplatform.embedded.postgres import Cluster
from csplatform.embedded.servers import database, queue
from csplatform.embedded.supervisor import Supervisor
from csplatform.embedded.valkey import Valkey

LANES = ("live", "bulk", "outbox", "slow")
WEB_WORKERS = 2
WEB_THREADS = 8
# A web worker that does not stop in time is killed by its own master before we kill that.
WEB_STOP_SECONDS = 10


@dataclass(frozen=True)
class Address:
    """Where the web server listens, and how people call it."""

    host: str
    port: int

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Address":
        """From HOST and PORT."""
        text = environ.get("PORT") or "8000"
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise Refusal(f"PORT must be a number from 1 to 65535, not {text!r}")
        return cls(environ.get("HOST") or "127.0.0.1", int(text))

    @property
    def url(self) -> str:
        """For a browser on this machine."""
        host = "localhost" if self.host in ("127.0.0.1", "0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def start_servers(supervisor: Supervisor, fast: bool = False) -> dict[str, str]:
    """Start the embedded servers, or wait for external ones, each on its own.

    Returns DATABASE_URL and REDIS_URL for the children, who see nothing else of the choice.
    """
    places = supervisor.places
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    if database_url:
        supervisor.servers.append(database(database_url))
    if redis_url:
        supervisor.servers.append(queue(redis_url))
    if not database_url:
        cluster = Cluster.of(places, fast)
        cluster.clear()
        cluster.prepare()
        # A crash of a busy server is recovered from its log first, which may take minutes.
        supervisor.start(cluster.spec(), wait=600)
        database_url = cluster.url
    if not redis_url:
        valkey = Valkey(places)
        supervisor.start(valkey.spec(), wait=120)
        redis_url = valkey.url
    supervisor.wait_for_servers()
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


def environment(places: Places, urls: Mapping[str, str], **more: str) -> dict[str, str]:
    """What the application's processes get."""
    key = os.environ.get("SECRET_KEY") or places.secret_key()
    return child_environment(**urls, SECRET_KEY=key, DATA_DIR=str(places.data), **more)


def manage(
    name: str, arguments: list[str], places: Places, env: Mapping[str, str], nice: int = 0
) -> ChildSpec:
    """A `manage.py` process. Always `python manage.py`: paths with blanks break script lines."""
    polite = ["nice", "-n", str(nice)] if nice else []
    return ChildSpec(
        name=name,
        command=[*polite, sys.executable, "manage.py", *arguments],
        environment=env,
        folder=PROJECT,
        log=LogFile(places.logs / f"{name}.log"),
    )


def prepare_spec(places: Places, env: Mapping[str, str]) -> ChildSpec:
    """Migrations, static files and the demo tenant in one boot; shown line by line."""
    spec = manage("prepare", ["prepare"], places, env)
    log = LogFile(places.logs / "prepare.log", progress)
    return ChildSpec(**{**vars(spec), "log": log})


def web_spec(places: Places, env: Mapping[str, str], address: Address) -> ChildSpec:
    """The web server: WSGI, threads, one database connection per thread from a pool."""
    threads = env.get("WEB_THREADS") or str(WEB_THREADS)
    command = [sys.executable, "-m", "granian", "csplatform.wsgi:application"]
    command += ["--interface", "wsgi", "--host", address.host, "--port", str(address.port)]
    command += ["--workers", env.get("WEB_WORKERS") or str(WEB_WORKERS)]
    command += ["--blocking-threads", threads, "--http", "1", "--no-ws"]
    command += ["--respawn-failed-workers", "--workers-kill-timeout", str(WEB_STOP_SECONDS)]
    return ChildSpec(
        name="web",
        command=command,
        environment={"DATABASE_POOL": "1", **env, "WEB_THREADS": threads},
        folder=PROJECT,
        log=LogFile(places.logs / "web.log"),
        stage=3,  # no requests any more, then the workers
        stop_seconds=WEB_STOP_SECONDS + 5,
    )


def worker_specs(places: Places, env: Mapping[str, str]) -> list[ChildSpec]:
    """One worker per lane, and the scheduler."""
    specs = []
    for lane in LANES:
        # The bulk lane steps back when the machine is busy: people and events go first.
        nice = 10 if lane == "bulk" else 0
        specs.append(manage(f"worker-{lane}", ["worker", lane], places, env, nice))
    specs.append(manage("scheduler", ["scheduler"], places, env))
    return specs
