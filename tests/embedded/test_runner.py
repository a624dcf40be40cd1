"""`make run` under bad luck: kills, stale files, two starts, external servers (OPS-01, REL-01)."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from csplatform.embedded.places import Places
from csplatform.embedded.processes import alive
from tests.embedded.standin import Start, free_port, wait_for


def test_starts_stops_and_keeps_its_data(anybody: Start) -> None:
    """OPS-01: SIGINT stops a background start in a long path; a second keeps the data."""
    start = anybody.begin().ready()
    said = start.newest()
    assert f"http://localhost:{start.port}/demo/" in said
    assert "ada / ada  (admin)" in said
    first = start.page()
    start.sql("CREATE TABLE kept AS SELECT 42 AS answer")
    assert start.stop() == 0
    start.again()
    began = time.monotonic()
    start.begin().ready()
    assert time.monotonic() - began < 20
    assert start.sql("SELECT answer FROM kept") == [(42,)]
    assert start.page()["SECRET_KEY"] == first["SECRET_KEY"]
    assert (start.data / "secret-key").stat().st_mode & 0o777 == 0o600
    assert start.stop(signal.SIGTERM) == 0


def test_no_folder_is_opened_to_others(start: Start) -> None:
    """stack.md 1.3: no parent folder changes its mode, and private things stay private."""
    above = [start.project, *start.project.parents]
    before = {path: path.stat().st_mode for path in above}
    start.begin().ready()
    assert {path: path.stat().st_mode for path in above} == before
    for name in ("logs", "run", "valkey", "postgres", "postgres/data"):
        assert (start.data / name).stat().st_mode & 0o077 == 0, name
    socket_folder = Path(start.page()["DATABASE_URL"].split("host=")[1])
    assert socket_folder.stat().st_mode & 0o077 == 0
    assert len(str(socket_folder)) < 60
    assert start.stop() == 0


def test_every_child_comes_back_after_kill_9(anybody: Start) -> None:
    """OPS-01: PostgreSQL, Valkey, web and a worker, each killed, are each replaced."""
    start = anybody.begin().ready()
    start.sql("CREATE TABLE kept AS SELECT 42 AS answer")
    for name in ("postgres", "valkey", "worker-live", "scheduler"):
        old = start.pids()[name]
        os.kill(old, signal.SIGKILL)
        wait_for(partial(_is_another, start, name, old), f"{name} was not started again")
    wait_for(start.page, "no page")
    wait_for(lambda: _answers(start), "the database does not answer")
    assert start.sql("SELECT answer FROM kept") == [(42,)]
    client = redis.Redis.from_url(start.page()["REDIS_URL"])
    wait_for(lambda: _pings(client), "Valkey does not answer")
    assert "killed by SIGKILL, starting again" in start.newest()
    assert start.stop() == 0


def _is_another(start: Start, name: str, old: int) -> bool:
    return start.pids()[name] != old


def _answers(start: Start) -> bool:
    try:
        return start.sql("SELECT 1") == [(1,)]
    except Exception:
        return False


def _pings(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_orphaned_web_workers_end_with_their_master(start: Start) -> None:
    """stack.md 5: the killed web master's workers would live on and keep the port."""
    start.begin().ready()
    master = psutil.Process(start.pids()["web"])
    workers = master.children(recursive=True)
    assert workers
    master.kill()
    wait_for(lambda: start.pids()["web"] != master.pid, "web was not started again")
    assert not [worker for worker in workers if alive(worker)]
    assert wait_for(start.page, "no page")["pid"] not in [worker.pid for worker in workers]
    assert start.stop() == 0


def test_killed_web_worker_is_replaced(start: Start) -> None:
    """One web worker's death is answered by its master."""
    start.begin().ready()
    victims = [process.pid for process in psutil.Process(start.pids()["web"]).children()]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: start.page().get("pid") not in [None, *victims], "no page from a new worker")
    assert start.stop() == 0


def test_killed_supervisors_children_are_ended_by_the_next_start(anybody: Start) -> None:
    """stack.md 6.3: after kill -9 of the supervisor everything else lives on, for a while."""
    start = anybody.begin().ready()
    start.sql("CREATE TABLE kept AS SELECT 42 AS answer")
    assert start.process
    start.process.kill()
    start.process.wait(10)
    old = start.left()
    assert len(old) > 8
    start.again()
    start.begin().ready()
    assert not [process for process in old if alive(process)]
    assert "that a killed start left behind" in start.newest()
    assert start.sql("SELECT answer FROM kept") == [(42,)]
    assert start.stop() == 0


def test_everything_killed_at_once(anybody: Start) -> None:
    """OPS-01: kill -9 of all, immediate restart; what was committed is there."""
    start = anybody.begin().ready()
    start.sql("CREATE TABLE kept AS SELECT 42 AS answer")
    start.kill_everything()
    start.again()
    start.begin().ready()
    assert start.sql("SELECT answer FROM kept") == [(42,)]
    assert start.stop() == 0


@pytest.mark.parametrize("command", [["sleep", "600"], ["true"]], ids=["stranger", "zombie"])
def test_stale_files_of_a_crash(start: Start, command: list[str]) -> None:
    """stack.md 1.2: a pid file that names a living stranger, or a dead one nobody reaps; old
    sockets and locks; a wrong process list."""
    start.begin().ready()
    assert start.stop() == 0
    sockets = Places.of(str(start.data)).sockets() / "pg"
    sockets.mkdir()
    stranger = subprocess.Popen(command, user=_database_user(), cwd="/")
    try:
        text = f"{stranger.pid}\n{start.data}/postgres/data\n1\n5432\n{sockets}\n\n0 0\nready\n"
        (start.data / "postgres" / "data" / "postmaster.pid").write_text(text)
        (sockets / ".s.PGSQL.5432.lock").write_text(text)
        for path in (sockets / ".s.PGSQL.5432", sockets.parent / "valkey.sock"):
            with socket.socket(socket.AF_UNIX) as old:
                old.bind(str(path))
        wrong = f'{{"web": {{"pid": {stranger.pid}, "started": 1, "command": ["x"]}}}}'
        (start.data / "run" / "processes.json").write_text(wrong)
        (start.data / "run" / "running.json").write_text('{"pid": 1, "what": "nothing"}')
        start.again()
        start.begin().ready()
        if command[0] == "sleep":
            assert stranger.poll() is None, "a process that is not ours was ended"
        assert start.sql("SELECT 1") == [(1,)]
        assert start.stop() == 0
    finally:
        stranger.kill()
        stranger.wait()


def _database_user() -> str | None:
    return "nobody" if os.geteuid() == 0 else None


def test_second_start_says_that_it_runs(start: Start) -> None:
    """OPS-01: two starts at once; the second says so in one line and changes nothing."""
    start.begin().ready()
    second = Start(start.project)
    second.again()
    second.begin()
    assert second.process
    assert second.process.wait(30) == 1
    lines = second.newest().strip().splitlines()
    assert len(lines) == 1
    assert f"already running in {start.data}: http://localhost:{start.port}" in lines[0]
    assert start.page()
    assert start.stop() == 0


def test_servers_alone_and_a_command_beside_them(start: Start) -> None:
    """`make servers`, and manage.py joining a running start unless the environment says more."""
    module = [sys.executable, "-u", "-m", "csplatform.embedded.runner", "servers"]
    start.begin(module).ready()
    assert set(start.pids()) == {"postgres", "valkey"}
    script = "from csplatform.embedded.attach import attach; import os; print(attach());"
    script += "print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"
    env = {"REDIS_URL": "redis://mine"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=start.project, env=env, capture_output=True, text=True
    )
    joined, addresses = done.stdout.splitlines()
    database, queue = addresses.split()
    assert (joined, queue) == ("True", "redis://mine")
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("app",)
    assert start.stop() == 0
    done = subprocess.run(
        [sys.executable, "-c", script.partition(";print(os")[0]],
        cwd=start.project,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "False"


def test_external_database_only(start: Start, other: Start) -> None:
    """OPS-01: DATABASE_URL switches alone; Redis stays embedded, children see both URLs."""
    other.begin().ready()
    url = other.page()["DATABASE_URL"]
    start.settings = {"DATABASE_URL": url}
    start.begin().ready()
    assert start.page()["DATABASE_URL"] == url
    assert "postgres" not in start.pids()
    assert not (start.data / "postgres").exists()
    assert start.page()["REDIS_URL"] != other.page()["REDIS_URL"]
    assert start.stop() == 0
    assert other.stop() == 0


def test_external_redis_only(start: Start, other: Start) -> None:
    """OPS-01: REDIS_URL switches alone; the database stays embedded."""
    other.begin().ready()
    url = other.page()["REDIS_URL"]
    start.settings = {"REDIS_URL": url}
    start.begin().ready()
    assert start.page()["REDIS_URL"] == url
    assert "valkey" not in start.pids()
    assert start.page()["DATABASE_URL"] != other.page()["DATABASE_URL"]
    assert start.stop() == 0
    assert other.stop() == 0


def test_unreachable_servers_are_waited_for(start: Start, other: Start) -> None:
    """Bad input: an unreachable database says so in one line, without the password, and waits."""
    other.begin().ready()
    url = other.page()["DATABASE_URL"]
    os.kill(other.process.pid if other.process else 0, signal.SIGTERM)
    wait_for(other.ended, "the other did not stop")
    start.settings = {"DATABASE_URL": url.replace("postgres@", "postgres:geheim@")}
    start.begin()
    wait_for(lambda: "database     | unreachable at" in start.newest(), "nothing said")
    time.sleep(3)
    assert start.newest().count("unreachable") == 1
    assert "geheim" not in start.newest()
    assert not start.ended()
    other.again()
    other.begin().ready()
    start.ready()
    assert "reachable again" in start.newest()
    assert start.stop() == 0
    assert other.stop() == 0


def test_stops_while_it_waits(start: Start) -> None:
    """A start that waits for a server is stopped like any other."""
    start.settings = {"REDIS_URL": f"redis://:geheim@127.0.0.1:{free_port()}/0"}
    start.begin()
    wait_for(lambda: "redis        | unreachable at" in start.newest(), "nothing said")
    assert "geheim" not in start.newest()
    assert start.stop() == 0


def test_database_killed_while_preparing(start: Start) -> None:
    """A preparation that fails because its server was restarted is repeated, not given up."""
    text = (start.project / "manage.py").read_text()
    failing = (
        "    import pathlib, json\n"
        "    once = pathlib.Path(data, 'once')\n"
        "    if not once.exists():\n"
        "        once.touch()\n"
        "        note = json.loads(pathlib.Path(data, 'run', 'processes.json').read_text())\n"
        "        os.kill(note['postgres']['pid'], signal.SIGKILL)\n"
        "        time.sleep(1)\n"
        "        sys.exit('the database went away')\n"
    )
    mark = 'if sys.argv[1] == "prepare":\n'
    (start.project / "manage.py").write_text(text.replace(mark, mark + failing))
    start.begin().ready()
    assert "prepare      | the database went away" in start.newest()
    assert start.stop() == 0


def test_preparation_that_fails_is_shown(start: Start) -> None:
    """A failing migration ends the start with its own words, and nothing is left."""
    (start.project / "manage.py").write_text("import sys; sys.exit('column x is missing')\n")
    start.begin()
    wait_for(start.ended, "it did not end")
    assert "prepare      | column x is missing" in start.newest()
    assert "preparing failed" in start.newest()
    assert start.process
    assert start.process.returncode == 1
    assert start.left() == []


def test_gives_up_on_a_child_that_never_lives(start: Start) -> None:
    """stack.md 6.2: after several quick deaths everything stops, and the reason is shown."""
    start.begin().ready()
    (start.data / "break-bulk").touch()
    wait_for(start.ended, "it did not give up", 90)
    assert start.process
    assert start.process.returncode == 1
    assert "worker-bulk ended 8 times in a row; giving up." in start.newest()
    assert "    broken on purpose" in start.newest()
    assert start.left() == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"PORT": "many"}, "PORT must be a number"),
        ({"PORT": "70000"}, "PORT must be a number"),
        ({"DATABASE_URL": "mysql://there/app"}, "DATABASE_URL must look like postgresql://"),
        ({"DATABASE_URL": "postgresql://there:port/app"}, "DATABASE_URL: Port could not be cast"),
        ({"REDIS_URL": "http://there"}, "REDIS_URL must look like redis://"),
        ({"DATA_DIR": "manage.py/data"}, "cannot be used: Not a directory"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(
    start: Start, settings: dict[str, str], text: str
) -> None:
    """Bad input: each wrong setting is named, and nothing is left behind."""
    start.settings = settings
    start.begin()
    wait_for(start.ended, "it did not end")
    assert start.process
    assert start.process.returncode == 1
    assert text in start.newest()
    assert len(start.newest().strip().splitlines()) == 1
    assert start.left() == []


def test_taken_port_is_refused(start: Start) -> None:
    """A port that somebody else listens on is refused before anything starts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", start.port))
        taken.listen()
        start.begin()
        wait_for(start.ended, "it did not end")
    assert f"make run PORT={start.port + 1}" in start.newest()
    assert not (start.data / "postgres").exists()


def test_cluster_of_another_major_version_is_refused(start: Start) -> None:
    """stack.md 1.3: the text names both versions and where to read on."""
    start.begin().ready()
    assert start.stop() == 0
    (start.data / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    start.again()
    start.begin()
    wait_for(start.ended, "it did not end")
    assert "was made by PostgreSQL 16, this is 18" in start.newest()
    assert "docs/operators.md" in start.newest()


def test_interrupt_of_make_alone_stops_it(start: Start) -> None:
    """`kill -INT` of make reaches no child of make; the supervisor notices nevertheless."""
    start.begin(["make", "run"], ignore_interrupt=False).ready()
    assert start.process
    start.process.send_signal(signal.SIGINT)
    start.process.wait(30)
    assert start.left() == []


def test_interrupt_of_the_group_of_make(start: Start) -> None:
    """Ctrl-C in a terminal, or `kill -INT -- -GROUP` of a background start."""
    start.begin(["make", "run"]).ready()
    assert start.process
    os.killpg(start.process.pid, signal.SIGINT)
    assert start.process.wait(30) == 0
    assert start.left() == []
