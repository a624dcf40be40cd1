"""Run commands beside servers of their own: `make test`, `make bench`, and checks that need one.

    python -m csplatform.embedded.withservers FOLDER test [PYTEST ARGUMENT...]
    python -m csplatform.embedded.withservers FOLDER manage ARGUMENT... [-- ARGUMENT... ]

FOLDER holds the servers while they run, apart from those of `make run`, and is removed at the end;
a killed run is cleaned up by the next one. DATABASE_URL and REDIS_URL switch to external servers
here too.
"""

import os
import shutil
import sys
from pathlib import Path

from csplatform.embedded.child import ChildSpec
from csplatform.embedded.logs import say
from csplatform.embedded.places import PROJECT, Places, Refusal
from csplatform.embedded.postgres import Cluster
from csplatform.embedded.stack import environment, start_servers
from csplatform.embedded.supervisor import StopRequested, Supervisor

NOTHING_COLLECTED = 5
# Tests that need the machine, or a browser, for themselves run after the parallel ones.
PARALLEL = "not browser and not serial"
SERIAL = "browser or serial"


def main(arguments: list[str]) -> int:
    """Returns the exit code of the first command that failed, else 0."""
    if len(arguments) < 2 or arguments[1] not in COMMANDS:
        say("runner", "usage: withservers FOLDER test|manage [ARGUMENT...]")
        return 2
    folder, kind, *rest = arguments
    places = Places.of(folder)
    try:
        if not places.data.name.startswith(".data-"):
            raise Refusal(f"{folder} would be emptied at the end; name it .data-something")
        places.make()
        places.lock(f"make {kind}")
        try:
            with Supervisor(places) as supervisor:
                env = environment(places, start_servers(supervisor, fast=kind == "test"))
                code = COMMANDS[kind](supervisor, env, rest)
            _remove(places)
            return code
        finally:
            places.unlock()
    except StopRequested:
        say("runner", "stopped")
        return 130
    except Refusal as refusal:
        say("runner", str(refusal))
        return 1


def _remove(places: Places) -> None:
    """Remove all that this run made; the lock file stays until the process ends."""
    if not os.environ.get("DATABASE_URL"):
        Cluster.of(places).destroy()
    for folder in [path for path in places.data.iterdir() if path != places.run]:
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


def tests(supervisor: Supervisor, env: dict[str, str], arguments: list[str]) -> int:
    """All tests: first those that can share the machine, on two cores, then the others."""
    pytest = [sys.executable, "-m", "pytest"]
    if "-m" in arguments:  # an own choice by marker is one run, one after the other
        return supervisor.run_task(_task("pytest", [*pytest, *arguments], env))
    jobs = os.environ.get("TEST_JOBS") or "2"
    phases = [
        ("parallel", [*pytest, "-n", jobs, "-m", PARALLEL, *arguments]),
        ("serial", [*pytest, "-p", "no:xdist", "-m", SERIAL, *arguments]),
    ]
    codes = {}
    for name, command in phases:
        say("tests", f"{name} tests")
        codes[name] = supervisor.run_task(_task(f"pytest-{name}", command, env))
    if set(codes.values()) == {NOTHING_COLLECTED}:
        say("tests", "no test was found")
        return NOTHING_COLLECTED
    failed = {name: code for name, code in codes.items() if code not in (0, NOTHING_COLLECTED)}
    words = [f"{name} tests failed (pytest exit code {code})" for name, code in failed.items()]
    say("tests", ", ".join(words) or "all passed")
    return next(iter(failed.values()), 0)


def managed(supervisor: Supervisor, env: dict[str, str], arguments: list[str]) -> int:
    """One or more `manage.py` commands, separated by `--`, until one fails."""
    commands: list[list[str]] = [[]]
    for word in arguments:
        if word == "--":
            commands.append([])
        else:
            commands[-1].append(word)
    for number, words in enumerate(commands):
        command = [sys.executable, "manage.py", *words]
        if code := supervisor.run_task(_task(f"manage-{number}", command, env)):
            return code
    return 0


def _task(name: str, command: list[str], env: dict[str, str], folder: Path = PROJECT) -> ChildSpec:
    """A command that writes to the terminal itself."""
    return ChildSpec(name=name, command=command, environment=env, folder=folder, log=None)


COMMANDS = {"test": tests, "manage": managed}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
