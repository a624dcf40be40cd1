"""A newcomer's first minutes: clone the committed tree, `make run`, Ctrl-C, `make run` again.

    python3 tests/faults/newcomer.py [--as-user] [--repository PATH] [--within SECONDS] [--keep]

The clone lies in a long path with blanks, caches are out of reach, and make is started in the
background with SIGINT ignored, as a script does it. Under root the path is closed to everybody
else; with --as-user an ordinary user is made for the time being. Standard library only, Linux.
"""

import argparse
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONG = (
    "where newcomers put things/a folder with a rather long name, as some people like them/my clone"
)
USER = "csp-newcomer"
# How packages are found is the machine's business and stays; where they are cached is not.
KEPT = ("PIP_", "UV_", "SSL_", "REQUESTS_CA", "CURL_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
CACHES = ("PIP_CACHE_DIR", "UV_CACHE_DIR")
DATA_AGE = (
    "import psycopg, sys; c = psycopg.connect(sys.argv[1]);"
    " print(*c.execute('SELECT min(applied), count(*) FROM django_migrations').fetchone())"
)


class Failed(Exception):
    """The newcomer's experience was not as promised."""


@dataclass
class Newcomer:
    """One newcomer on this machine."""

    folder: Path
    user: pwd.struct_passwd | None
    port: int
    output: Path = field(init=False)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.output = self.folder / "output.txt"

    @property
    def clone(self) -> Path:
        return self.folder / LONG

    def who(self) -> dict[str, Any]:
        """For subprocess: as whom."""
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def environment(self) -> dict[str, str]:
        """A bare environment: index settings kept, no cache, no usable home."""
        env = {
            k: v for k, v in os.environ.items() if k.upper().startswith(KEPT) and k not in CACHES
        }
        env.update(pip_settings())
        home = self.folder / "home"
        if self.user is None:  # root may write anywhere but below a file
            home = Path("/dev/null/home")
        path = os.environ["PATH"] if self.user is None else "/usr/local/bin:/usr/bin:/bin"
        return {**env, "HOME": str(home), "PATH": path, "LANG": "C", "PORT": str(self.port)}

    def get(self, repository: Path) -> None:
        """Clone what is committed."""
        self.clone.parent.mkdir(parents=True)
        command = [
            "git",
            "-c",
            "safe.directory=*",
            "clone",
            "--quiet",
            str(repository),
            str(self.clone),
        ]
        subprocess.run(command, check=True)
        (self.folder / "home").mkdir(mode=0o555)
        if self.user is not None:
            self.folder.chmod(0o755)
            for path in [
                self.folder / LONG.split("/")[0],
                self.clone.parent,
                *self.clone.rglob("*"),
            ]:
                os.chown(path, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)
            os.chown(self.clone, self.user.pw_uid, self.user.pw_gid)

    def start(self) -> float:
        """`make run` in the background; returns when it began."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with open(self.output, "ab") as output:
                self.process = subprocess.Popen(
                    ["make", "run"],
                    cwd=self.clone,
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **self.who(),
                )
        finally:
            signal.signal(signal.SIGINT, before)
        return time.monotonic()

    def wait_for_pages(self, pages: list[str], began: float, within: float) -> float:
        """Seconds from the start until every page has answered 200."""
        missing = list(pages)
        while missing:
            if self.process is None or self.process.poll() is not None:
                raise Failed("make run ended before the pages answered")
            if time.monotonic() - began > within:
                raise Failed(f"{', '.join(missing)} did not answer within {within:.0f} s")
            missing = [page for page in missing if not self.answers(page)]
            time.sleep(0.2)
        return time.monotonic() - began

    def answers(self, page: str) -> bool:
        """Whether a page answers 200."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{page}", timeout=20
            ) as answer:
                return int(answer.status) == 200
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def data_age(self) -> str:
        """When the first migration ran, and how many did: a restart must not change it."""
        processes = json.loads((self.clone / ".data" / "run" / "processes.json").read_text())
        command = processes["postgres"]["command"]
        url = f"postgresql://postgres@/app?host={command[command.index('-k') + 1]}"
        python = str(self.clone / ".venv" / "bin" / "python")
        done = subprocess.run(
            [python, "-c", DATA_AGE, url],
            cwd="/",
            env=self.environment(),
            capture_output=True,
            text=True,
            **self.who(),
        )
        if done.returncode:
            raise Failed(f"the database could not be asked: {done.stderr.strip()[-300:]}")
        return done.stdout.strip()

    def interrupt(self) -> float:
        """SIGINT to the group, as Ctrl-C sends it; returns the seconds until make has ended."""
        assert self.process is not None
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            code = self.process.wait(90)
        except subprocess.TimeoutExpired as error:
            raise Failed("make run did not end within 90 s of SIGINT") from error
        if code:
            raise Failed(f"make run ended with exit code {code} after SIGINT")
        if left := self.left():
            raise Failed("processes are left: " + "; ".join(left))
        return time.monotonic() - began

    def left(self) -> list[str]:
        """Processes that belong to the clone: by session, folder, arguments or environment."""
        assert self.process is not None
        found = []
        needle = str(self.clone).encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                command = (entry / "cmdline").read_bytes()
                texts = [
                    command,
                    (entry / "environ").read_bytes(),
                    os.readlink(entry / "cwd").encode(),
                ]
            except OSError:
                continue
            ours = int(stat[3]) == self.process.pid or any(needle in text for text in texts)
            if ours and stat[0] != "Z":
                found.append(f"{entry.name} {command.replace(bytes(1), b' ').decode()[:120]}")
        return found

    def remove(self) -> None:
        """End what is left, and remove every file."""
        for line in self.left() if self.process else []:
            os.kill(int(line.split()[0]), signal.SIGKILL)
        note = self.clone / ".data" / "postgres-location.json"
        if note.exists():
            shutil.rmtree(json.loads(note.read_text())["home"], ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def pip_settings() -> dict[str, str]:
    """The machine's pip configuration as variables, since another user cannot read our files."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, cwd="/"
    )
    found = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        if key.startswith("global."):
            name = "PIP_" + key.removeprefix("global.").upper().replace("-", "_")
            found[name] = value.strip("'\"").replace("\\n", " ").strip()
    return {name: value for name, value in found.items() if name not in CACHES}


def make_user() -> pwd.struct_passwd:
    """An ordinary user without home and password, made when missing."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", USER], check=True)
        return pwd.getpwnam(USER)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def visit(newcomer: Newcomer, options: argparse.Namespace) -> str:
    """The whole visit; returns what it took."""
    newcomer.get(options.repository)
    pages = options.pages
    first = newcomer.wait_for_pages(pages, newcomer.start(), options.within)
    age = newcomer.data_age()
    stopped = newcomer.interrupt()
    second = newcomer.wait_for_pages(pages, newcomer.start(), min(options.within, 40))
    if newcomer.data_age() != age:
        raise Failed("the second start did not keep the data")
    newcomer.interrupt()
    return f"first page after {first:.1f} s, stopped in {stopped:.1f} s, again after {second:.1f} s"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--as-user", action="store_true", help="as an ordinary user (needs root)")
    parser.add_argument("--repository", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--within", type=float, default=60, help="seconds for the first page")
    parser.add_argument("--pages", nargs="+", default=["/readyz", "/demo/"])
    parser.add_argument("--keep", action="store_true", help="keep the clone after a failure")
    return parser.parse_args()


def main() -> int:
    """Exit code 0 when all was as promised."""
    options = arguments()
    user = make_user() if options.as_user else None
    newcomer = Newcomer(Path(tempfile.mkdtemp(prefix="newcomer-")), user, free_port())
    name = "ordinary user" if user else pwd.getpwuid(os.geteuid()).pw_name
    try:
        print(f"newcomer ({name}): {visit(newcomer, options)}", flush=True)
        return 0
    except (Failed, OSError, subprocess.CalledProcessError, KeyError, ValueError) as error:
        print(f"newcomer ({name}): FAILED: {error}")
        if newcomer.output.exists():
            print(newcomer.output.read_text()[-6000:])
        return 1
    finally:
        if options.keep:
            print(f"kept in {newcomer.folder}")
        else:
            newcomer.remove()
            if user:
                subprocess.run(["userdel", USER], capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
