"""The whole product, started by its own runner in a temporary folder, for tests from outside."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from csplatform.embedded.attach import attach
from csplatform.embedded.places import Places
from csplatform.embedded.processes import in_session
from tests.faults.external import free_port

PROJECT = Path(__file__).resolve().parents[2]
# What the children are, and what their command lines hold.
VICTIMS = {
    "web": "granian",
    "live worker": "worker live",
    "bulk worker": "worker bulk",
    "outbox worker": "worker outbox",
    "slow worker": "worker slow",
    "scheduler": "manage.py scheduler",
    "PostgreSQL": "bin/postgres -D",
    "Valkey": "valkey-server",
}


class Installation:
    """The running product under test. `more`: settings of the environment."""

    def __init__(self, **more: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="csp-kills-"))
        self.folder.chmod(0o711)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = self.folder / "output.txt"
        env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        env |= {"DATA_DIR": str(self.folder / "data"), "PORT": str(self.port), "DEMO": "false"}
        self.more = more
        self.environment = env | more
        with self.output.open("wb") as out:
            self.runner = subprocess.Popen(
                [sys.executable, "-u", "-m", "csplatform.embedded.runner"],
                cwd=PROJECT, env=self.environment, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        """Until /readyz answers; raises with the log's tail."""
        until = time.monotonic() + 300
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise AssertionError("not ready:\n" + self.output.read_text()[-3000:])

    def join(self) -> None:
        """Make this process a Django process of the installation."""
        os.environ["DATA_DIR"] = str(self.folder / "data")
        os.environ["DEMO"] = "false"
        os.environ.update(self.more)
        for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
            os.environ.pop(name, None)
        assert attach()
        os.environ["DJANGO_SETTINGS_MODULE"] = "csplatform.settings"

    def manage(self, *arguments: str, **more: str) -> None:
        """Run a `manage.py` command of the installation. Raises when it fails."""
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT, env=self.environment | more, check=True, capture_output=True,
        )  # fmt: skip

    def victims(self) -> dict[str, list[psutil.Process]]:
        """Living processes by what they are."""
        data = str(self.folder / "data")
        sockets = str(Places.of(data).sockets())  # all that the command of Valkey tells
        found: dict[str, list[psutil.Process]] = {name: [] for name in VICTIMS}
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                ours = data in line or sockets in line or process.environ().get("DATA_DIR") == data
            except (psutil.Error, OSError):
                continue
            for name, sign in VICTIMS.items():
                if ours and sign in line:
                    found[name].append(process)
        return {name: processes for name, processes in found.items() if processes}

    def stop(self) -> None:
        """Stop, and remove everything."""
        self.runner.send_signal(signal.SIGTERM)
        try:
            self.runner.wait(90)
        except subprocess.TimeoutExpired:
            for process in in_session(self.runner.pid):
                process.kill()
            raise
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
