"""Run a command beside Debian's PostgreSQL 15 and Redis, as somebody's own servers would be.

    python -m tests.faults.external COMMAND...

Both are started here, on free TCP ports, with passwords, in a temporary folder; system services
are not touched. The command gets DATABASE_URL and REDIS_URL.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis

from csplatform.embedded.account import Account, database_account

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
START_SECONDS = 30


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_database(url: str) -> None:
    """Return once it answers."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(url, connect_timeout=2):
                return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def wait_for_redis(url: str) -> None:
    """Return once it answers."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            redis.Redis.from_url(url, socket_timeout=2).ping()
            return
        except redis.RedisError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@contextmanager
def running_database(folder: Path, account: Account) -> Iterator[str]:
    """PostgreSQL 15 on a port, with a password; yields its URL."""
    data, port, password = folder / "postgres", free_port(), secrets.token_hex(8)
    secret = folder / "password"
    secret.write_text(password)
    for path in (folder, secret):
        account.own(path)
    who = account.popen_arguments()
    command = [
        str(PROGRAMS / "initdb"),
        "-D",
        str(data),
        "--username=owner",
        "--auth=scram-sha-256",
    ]
    command += [f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **who)
    command = [str(PROGRAMS / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
    with open(folder / "postgres.log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **who)
    try:
        base = f"postgresql://owner:{password}@127.0.0.1:{port}"
        wait_for_database(f"{base}/postgres")
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE app")
        yield f"{base}/app"
    finally:
        server.send_signal(2)
        server.wait(30)


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Redis on a port, with a password and a database number; yields its URL."""
    port, password = free_port(), secrets.token_hex(8)
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--requirepass", password, "--dir", str(folder)]
    with open(folder / "redis.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"redis://:{password}@127.0.0.1:{port}/3"
        wait_for_redis(url)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def main(command: list[str]) -> int:
    """Run the command beside both servers; returns its exit code."""
    if not command or not (PROGRAMS / "postgres").exists() or not shutil.which("redis-server"):
        sys.exit("needs a command, and Debian's postgresql-15 and redis-server")
    folder = Path(tempfile.mkdtemp(prefix="external-"))
    folder.chmod(0o755)
    try:
        account = database_account()
        with running_database(folder, account) as database, running_redis(folder) as queue:
            env = {**os.environ, "DATABASE_URL": database, "REDIS_URL": queue}
            return subprocess.run(command, env=env).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
