"""Parts of the launcher one by one: clusters, folders, logs, addresses (OPS-01)."""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from csplatform.embedded import logs, postgres, postgres_home, withservers
from csplatform.embedded.account import Account, database_account
from csplatform.embedded.child import child_environment
from csplatform.embedded.logs import LogFile, warnings
from csplatform.embedded.places import Places, Refusal
from csplatform.embedded.postgres import Cluster
from csplatform.embedded.processes import working_in
from csplatform.embedded.servers import without_password
from csplatform.embedded.stack import Address
from csplatform.embedded.supervisor import Supervisor

under_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    path = Path(tempfile.mkdtemp(prefix="csp-parts-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def places(folder: Path) -> Iterator[Places]:
    """Fresh places."""
    found = Places.of(str(folder / "data dir"))
    found.make()
    yield found
    shutil.rmtree(found.sockets(), ignore_errors=True)


def test_small_shared_memory_is_coped_with(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """stack.md 1.3: where /dev/shm is small, parallel queries run from files."""
    monkeypatch.setattr(postgres, "SMALL_SHM_BYTES", 2**60)
    cluster = Cluster.of(places, fast=True)
    cluster.prepare()
    with Supervisor(places) as supervisor:
        supervisor.start(cluster.spec(), wait=60)
        with psycopg.connect(cluster.url) as connection:
            kind = connection.execute("SHOW dynamic_shared_memory_type").fetchone()
            connection.execute("SET debug_parallel_query = on")
            total = connection.execute("SELECT sum(n) FROM generate_series(1, 100000) n").fetchone()
    assert (kind, total) == (("mmap",), (5000050000,))
    assert working_in(cluster.data, "postgres") == []


def test_cluster_is_the_same_everywhere(places: Places) -> None:
    """design.md 7: UTF-8, builtin collation, no JIT, one private socket and no port."""
    cluster = Cluster.of(places, fast=True)
    cluster.prepare()
    with Supervisor(places) as supervisor:
        supervisor.start(cluster.spec(), wait=60)
        with psycopg.connect(cluster.url) as connection:
            row = connection.execute(
                "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale,"
                " current_setting('jit'), current_setting('listen_addresses'),"
                " current_setting('synchronous_commit')"
                " FROM pg_database WHERE datname = current_database()"
            ).fetchone()
    assert row == ("UTF8", "b", "C.UTF-8", "off", "", "on")


def test_half_made_cluster_is_made_anew(places: Places) -> None:
    """A start that was killed inside initdb leaves a draft, never a cluster."""
    cluster = Cluster.of(places, fast=True)
    (cluster.home / "data.new").mkdir()
    (cluster.home / "data.new" / "PG_VERSION").write_text("18\n")
    cluster.prepare()
    assert (cluster.data / "global" / "pg_control").exists()
    assert not (cluster.home / "data.new").exists()


@under_root
def test_closed_folder_is_left_closed(folder: Path) -> None:
    """stack.md 1.3: under a closed folder the cluster lives elsewhere, and a note says where."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    places = Places.of(str(closed / "data"))
    places.make()
    cluster = Cluster.of(places, fast=True)
    try:
        assert not cluster.home.is_relative_to(folder)
        assert cluster.home.stat().st_mode & 0o777 == 0o700
        cluster.prepare()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert Cluster.of(places).home == cluster.home, "the next start must find the same data"
    finally:
        cluster.destroy()
    assert not cluster.home.exists()


class _ReachesNothingOfTheWheel(Account):
    """A user who cannot reach where the packages are."""

    def can(self, test: str, path: Path) -> bool:
        return postgres_home.PACKAGE not in str(path) and super().can(test, path)


def test_programs_are_copied_when_out_of_reach(places: Places) -> None:
    """stack.md 1.3: a virtual environment in a closed folder is not opened but copied from."""
    mine = database_account()
    account = _ReachesNothingOfTheWheel(mine.name, mine.uid, mine.gid, mine.switch)
    home = postgres_home.find_home(places, account)
    programs = postgres_home.find_programs(home, account)
    assert programs.is_relative_to(home)
    assert postgres_home.find_programs(home, account) == programs
    for name in ("postgres", "initdb", "psql"):
        done = subprocess.run(
            [str(programs / name), "--version"],
            capture_output=True,
            text=True,
            cwd=home,
            env={},
            **mine.popen_arguments(),
        )
        assert f"(PostgreSQL) {postgres_home.MAJOR}." in done.stdout, done.stderr
    cluster = Cluster(places, mine, home, programs, fast=True)
    cluster.prepare()
    assert cluster.data.exists()


def test_somebody_elses_socket_folder_is_not_used(
    places: Places, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name in a shared temp folder may be taken: a link there is left alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    first = places.sockets()
    first.rmdir()
    trap = folder / "trap"
    trap.mkdir()
    first.symlink_to(trap)
    second = places.sockets()
    assert second != first
    assert second.stat().st_uid == os.geteuid()
    assert list(trap.iterdir()) == []


def test_a_folder_that_was_there_keeps_its_mode(folder: Path) -> None:
    """DATA_DIR may be a folder that others use too; only what is made here is closed."""
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o750)
    places = Places.of(str(shared))
    places.make()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o750
    assert stat.S_IMODE(places.run.stat().st_mode) == 0o700


def test_only_folders_of_tests_are_emptied(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong folder name must not cost anybody their data."""
    (folder / "precious").touch()
    assert withservers.main([str(folder), "manage", "help"]) == 1
    assert "would be emptied" in capsys.readouterr().out
    assert (folder / "precious").exists()


def test_another_users_data_is_refused(places: Places) -> None:
    """A DATA_DIR of another user is refused before anything is mixed."""
    if os.geteuid() != 0:
        pytest.skip("needs root to give a folder away")
    os.chown(places.run, 65534, 65534)
    with pytest.raises(Refusal, match="belongs to user id 65534"):
        places.make()


def test_secret_key_is_made_once(places: Places) -> None:
    """The key is long, private and stays."""
    key = places.secret_key()
    assert len(key) >= 50
    assert places.secret_key() == key
    assert (places.data / "secret-key").stat().st_mode & 0o777 == 0o600


def test_log_stays_within_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A child that talks without end cannot fill the disk, and its writes go on working."""
    monkeypatch.setattr(logs, "LIMIT_BYTES", 2000)
    monkeypatch.setattr(logs, "KEPT_BYTES", 500)
    log = LogFile(tmp_path / "web.log")
    with log.open() as child:
        for number in range(400):
            child.write(f"line {number}\n".encode())
            if number % 100 == 99:
                log.pump()
        child.write(b"[ERROR] at the end\n")
        log.pump()
    assert log.path.stat().st_size < 2000
    assert "line 399" in (tmp_path / "web.log.1").read_text() + log.path.read_text()
    assert capsys.readouterr().out == "web          | [ERROR] at the end\n"


def test_crash_loop_does_not_bury_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Echoed lines are counted; the rest is pointed to."""
    log = LogFile(tmp_path / "web.log")
    log.path.write_text("[ERROR] again\n" * 500)
    log.pump()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == logs.ECHO_LINES + 1
    assert str(log.path) in lines[-1]


def test_important_lines_of_json_logs() -> None:
    """Warnings of the application's JSON logs are shown in words; the rest is not."""
    assert warnings('{"event": "no mail server", "level": "error"}') == "error: no mail server"
    assert warnings('{"event": "job done", "level": "info"}') == ""
    assert warnings("[INFO] Started worker-1") == ""
    assert warnings("ModuleNotFoundError: No module named 'x'") != ""


def test_passwords_are_not_shown() -> None:
    """URLs in messages hide the password."""
    assert without_password("postgresql://a:b@c:1/d") == "postgresql://a:***@c:1/d"
    assert without_password("redis://:b@c/0") == "redis://:***@c/0"
    assert without_password("unix:///tmp/x?db=0") == "unix:///tmp/x?db=0"


def test_addresses_for_people() -> None:
    """HOST and PORT as given; a browser on this machine says localhost."""
    assert Address.of({}).url == "http://localhost:8000"
    assert Address.of({"HOST": "0.0.0.0", "PORT": "80"}).url == "http://localhost:80"
    assert Address.of({"HOST": "cs.example.com", "PORT": "1"}).url == "http://cs.example.com:1"


def test_children_get_no_postgres_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """PGHOST and the like would lead the driver to another server."""
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c x=y")
    assert not [key for key in child_environment(A="b") if key.startswith("PG")]
