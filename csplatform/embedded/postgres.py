"""The embedded PostgreSQL: the binaries of a wheel under our own launcher.

The wheel's Python functions are not used: under root they open every parent folder to everybody
and add a system user, they share a lock file among users, and they take no settings.
The server listens on a Unix socket in a private folder only, so `trust` is safe and no port can
be taken.
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from csplatform.embedded.account import Account, database_account
from csplatform.embedded.child import ChildSpec
from csplatform.embedded.logs import LogFile, panics
from csplatform.embedded.places import Places, Refusal
from csplatform.embedded.postgres_home import MAJOR, find_home, find_programs, forget_home
from csplatform.embedded.processes import MARK, alive, end, wait_for_end, working_in

DATABASE = "app"
INITDB = [
    "--username=postgres",
    "--encoding=UTF8",
    "--locale-provider=builtin",  # the same order on every machine, whatever its C library
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--auth-local=trust",
    "--auth-host=reject",
]
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "jit": "off",  # compiles for longer than our queries run
    "random_page_cost": "1.1",  # solid-state disks
    "synchronous_commit": "on",  # a 200 to an event is a promise
    "wal_buffers": "16MB",
    "max_wal_size": "4GB",  # bulk enrolment must not checkpoint every few seconds
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "max_locks_per_transaction": "256",  # monthly partitions
    "autovacuum_naptime": "20s",  # claims and due times churn small tables
    "autovacuum_vacuum_cost_limit": "1000",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# Tests survive kill -9 without it (the kernel keeps written pages); only a power cut would hurt.
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "checkpoint_timeout": "60min"}
SMALL_SHM_BYTES = 512 * 1024 * 1024


@dataclass
class Cluster:
    """One embedded database cluster of an installation."""

    places: Places
    account: Account
    home: Path
    programs: Path
    fast: bool = False

    @classmethod
    def of(cls, places: Places, fast: bool = False) -> "Cluster":
        """Find user, folder and binaries. `fast` gives up safety against power cuts (tests)."""
        account = database_account()
        home = find_home(places, account)
        return cls(places, account, home, find_programs(home, account), fast)

    @property
    def data(self) -> Path:
        """The cluster folder, PGDATA."""
        return self.home / "data"

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: short, and closed to everybody but the server's user and root."""
        folder = self.places.sockets() / "pg"
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        self.account.own(folder)
        return folder

    @property
    def url(self) -> str:
        """DATABASE_URL of this server."""
        return f"postgresql://postgres@/{DATABASE}?host={self.socket_folder}"

    def prepare(self) -> None:
        """Make the cluster if there is none; refuse one of another major version."""
        version = self.data / "PG_VERSION"
        if self.data.exists():
            found = version.read_text().strip() if version.exists() else "nothing known"
            if found != MAJOR:
                raise Refusal(
                    f"{self.data} was made by PostgreSQL {found}, this is {MAJOR}; move it away for"
                    " a fresh start, or see 'Another major version' in docs/operators.md"
                )
            return
        # Renamed when whole: a start that is killed in the middle leaves nothing half-made.
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        command = [str(self.programs / "initdb"), "-D", str(draft), *INITDB]
        done = self._call(command + (["--no-sync"] if self.fast else []))
        if done.returncode:
            last = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise Refusal(f"the database could not be made in {self.home}: {last}")
        draft.rename(self.data)

    def _call(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env=self._environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            umask=0o077,
            **self.account.popen_arguments(),
        )

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's: no locale, no PG variables."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", MARK: self.places.mark}

    def spec(self) -> ChildSpec:
        """How the supervisor runs it."""
        settings = {**SETTINGS, **(FAST_SETTINGS if self.fast else {}), **_shared_memory()}
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += ["-k", str(self.socket_folder)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return ChildSpec(
            name="postgres",
            command=command,
            environment=self._environment(),
            folder=self.home,
            log=LogFile(self.places.logs / "postgres.log", panics),
            stage=0,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            stop_seconds=60,
            account=self.account,
            clear=self.clear,
            ready=self.problem,
        )

    def problem(self) -> str:
        """Empty when it answers and has our database, else why not."""
        where = make_conninfo(
            host=str(self.socket_folder), user="postgres", dbname="postgres", connect_timeout=3
        )
        try:
            with psycopg.connect(where, autocommit=True) as connection:
                found = "SELECT 1 FROM pg_database WHERE datname = %s"
                if connection.execute(found, [DATABASE]).fetchone() is None:
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
        except psycopg.Error as error:
            return (str(error).strip() or "no answer").splitlines()[-1]
        return ""

    def clear(self) -> None:
        """End servers that a killed supervisor or postmaster left, and remove their lock files.

        PostgreSQL refuses to start while a lock file names a living pid. That pid may be a zombie
        nobody reaps, or belong to something else by now; since no server works in this folder
        any more when this function is through, the files mean nothing.
        """
        main = _postmaster(self.data)
        if main is not None:
            end([main], patience=30, first=signal.SIGINT)
        # Orphaned server processes notice within moments that their postmaster is gone.
        strays = working_in(self.data, "postgres")
        end(wait_for_end(strays, 5), patience=2, first=signal.SIGQUIT)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self.socket_folder / name).unlink(missing_ok=True)

    def destroy(self) -> None:
        """Remove the cluster and its folders; for tests and benchmarks only."""
        shutil.rmtree(self.home, ignore_errors=True)
        forget_home(self.places)


def _postmaster(data: Path) -> psutil.Process | None:
    """The living main server process of this cluster, if the pid file names one."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        ours = process.name() == "postgres" and process.cwd() == os.path.realpath(data)
        return process if ours and alive(process) else None
    except (OSError, ValueError, psutil.Error):
        return None


def _shared_memory() -> dict[str, str]:
    """Parallel queries need /dev/shm; where it is small (containers: 64 MB) files serve instead."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108 - only asked for its size
        roomy = found.f_bavail * found.f_frsize >= SMALL_SHM_BYTES
    except OSError:
        roomy = sys.platform == "darwin"
    return {} if roomy else {"dynamic_shared_memory_type": "mmap"}
