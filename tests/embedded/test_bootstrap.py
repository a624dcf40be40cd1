"""The bootstrap: refusals, caches, index settings, a Python without ensurepip (OPS-01)."""

import ensurepip
import hashlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csplatform.embedded import bootstrap


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        (((3, 10), "linux", "x86_64-pc-linux-gnu"), "Python 3.11 or newer is needed, this is 3.10"),
        (((3, 12), "win32", "x"), "use WSL"),
        (((3, 12), "linux", "x86_64-alpine-linux-musl"), "musl"),
    ],
)
def test_unsupported_machines_are_refused_in_one_line(
    machine: tuple[tuple[int, int], str, str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """stack.md 6.10: too old a Python, Windows and musl are refused, with what to do."""
    with pytest.raises(SystemExit) as refused:
        bootstrap.check_machine(*machine)
    said = capsys.readouterr().err
    assert refused.value.code == 1
    assert text in said
    assert len(said.splitlines()) == 1


def test_this_machine_is_supported() -> None:
    """Newer Pythons and macOS pass."""
    bootstrap.check_machine()
    bootstrap.check_machine((3, 14), "darwin", "aarch64-apple-darwin")


def test_caches_move_into_the_project_when_they_cannot_be_written(tmp_path: Path) -> None:
    """No home, or a cache variable that points nowhere, must not stop an installation."""
    blocked = tmp_path / "file"
    blocked.touch()
    clean = bootstrap.clean_environment(
        {"HOME": str(blocked), "UV_CACHE_DIR": str(blocked / "x"), "PYTHONPATH": "/else"}, tmp_path
    )
    assert clean["UV_CACHE_DIR"] == str(tmp_path / "uv")
    assert clean["PIP_CACHE_DIR"] == str(tmp_path / "pip")
    assert "PYTHONPATH" not in clean


def test_usable_caches_are_kept(tmp_path: Path) -> None:
    """What the user chose is used; index settings of pip and uv pass untouched."""
    given = {"HOME": str(tmp_path), "PIP_INDEX_URL": "https://packages.example/simple"}
    clean = bootstrap.clean_environment(given, tmp_path / "other")
    assert "UV_CACHE_DIR" not in clean
    assert clean["PIP_INDEX_URL"] == given["PIP_INDEX_URL"]


def test_pips_index_settings_are_handed_to_uv() -> None:
    """uv reads no pip settings: an index of a company would be passed by."""
    listing = (
        "global.index-url='https://packages.example/simple'\n"
        "global.extra-index-url='file:///a/simple\\nfile:///b/simple'\n"
        "global.find-links='/wheels /more'\n"
        "install.quiet='1'\n"
    )
    assert bootstrap.pip_settings(listing) == {
        "UV_DEFAULT_INDEX": "https://packages.example/simple",
        "UV_INDEX": "file:///a/simple file:///b/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
    }
    assert bootstrap.pip_settings("") == {}


def _index(tmp_path: Path, content: bytes) -> str:
    """A package index in a folder, with a pip wheel of this content."""
    page = tmp_path / "simple" / "pip"
    page.mkdir(parents=True)
    (tmp_path / bootstrap.PIP_WHEEL).write_bytes(content)
    link = f'<a href="../../{bootstrap.PIP_WHEEL}#sha256=0">pip</a>'
    (page / "index.html").write_text(link)
    return (tmp_path / "simple").as_uri()


def test_pip_wheel_is_checked_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """stack.md 6.6: a wheel that is not the expected one is refused and not kept."""
    index = _index(tmp_path, b"something else")
    monkeypatch.setattr(bootstrap, "_download", _reads_index_pages(bootstrap._download))
    monkeypatch.setattr(bootstrap, "CACHE", tmp_path / "cache")
    with pytest.raises(SystemExit):
        bootstrap.fetch_pip({"PIP_INDEX_URL": index})
    assert "is not the expected file" in capsys.readouterr().err
    assert not (tmp_path / "cache" / bootstrap.PIP_WHEEL).exists()
    monkeypatch.setattr(bootstrap, "PIP_SHA256", hashlib.sha256(b"something else").hexdigest())
    assert bootstrap.fetch_pip({"PIP_INDEX_URL": index}).read_bytes() == b"something else"


def test_unreachable_index_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without network and without pip there is one clear line."""
    monkeypatch.setattr(bootstrap, "CACHE", tmp_path)
    with pytest.raises(SystemExit):
        bootstrap.fetch_pip({"PIP_INDEX_URL": (tmp_path / "none").as_uri()})
    assert "the package index cannot be reached" in capsys.readouterr().err


def test_stamp_follows_requirements_and_python(tmp_path: Path) -> None:
    """Another pin or another interpreter means another installation."""
    file = tmp_path / "requirements.txt"
    file.write_text("a==1\n")
    first = bootstrap.stamp_text([file], "/x/python")
    assert bootstrap.stamp_text([file], "/x/python") == first
    assert bootstrap.stamp_text([file], "/y/python") != first
    file.write_text("a==2\n")
    assert bootstrap.stamp_text([file], "/x/python") != first


def test_stamped_environment_is_used_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second start installs nothing."""
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    (tmp_path / "requirements.txt").write_text("a==1\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.symlink_to(sys.executable)
    stamp = bootstrap.stamp_text([tmp_path / "requirements.txt"], str(python))
    (tmp_path / ".venv" / ".installed-runtime").write_text(stamp)
    assert bootstrap.ensure("runtime") == str(python)
    assert not (tmp_path / ".venv.lock").exists()


def test_unwritable_project_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A project folder of another user gets one line, no traceback."""
    script = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "from csplatform.embedded import bootstrap\n"
        "bootstrap.ROOT = pathlib.Path('/proc')\n"
        "bootstrap._alone().__enter__()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(bootstrap.ROOT)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 1
    assert "cannot be written by this user" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_environment_of_a_python_without_ensurepip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stack.md 6.6: bare Debian's Python cannot put pip in; the pinned wheel is run instead."""
    bundled = _pip_wheel_of_this_machine()
    monkeypatch.setattr(bootstrap, "PIP_WHEEL", bundled.name)
    monkeypatch.setattr(bootstrap, "PIP_SHA256", hashlib.sha256(bundled.read_bytes()).hexdigest())
    page = tmp_path / "simple" / "pip"
    page.mkdir(parents=True)
    (page / "index.html").write_text(f'<a href="{bundled.as_uri()}#sha256=x">pip</a>')
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "my .venv")
    monkeypatch.setattr(bootstrap, "CACHE", tmp_path / "my cache")
    monkeypatch.setattr(bootstrap, "_download", _reads_index_pages(bootstrap._download))
    run = subprocess.run

    def no_ensurepip(command: list[str], **options: Any) -> Any:
        if "venv" in command and "--without-pip" not in command:
            return subprocess.CompletedProcess(command, 1, "", "ensurepip is not available")
        return run(command, **options)

    monkeypatch.setattr(bootstrap.subprocess, "run", no_ensurepip)
    index = (tmp_path / "simple").as_uri()
    bootstrap.make_venv({**os.environ, "PIP_INDEX_URL": index})
    python = str(tmp_path / "my .venv" / "bin" / "python")
    assert run([python, "-m", "pip", "--version"]).returncode == 0


def _pip_wheel_of_this_machine() -> Path:
    """The wheel that ensurepip would use; Debian keeps it apart."""
    folders = [Path(ensurepip.__file__).parent / "_bundled"]
    if kept := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(kept))
    for folder in folders:
        for wheel in folder.glob("pip-*.whl"):
            return wheel
    pytest.skip("this Python brings no pip wheel to stand for the downloaded one")


def _reads_index_pages(download: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """A folder is asked for its index page, as a web server would."""
    return lambda url: download(url + "index.html" if url.endswith("/") else url)


def test_pip_steps_in_when_uv_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uv cannot install, pip does; where neither can, the start is refused."""
    calls: list[list[str]] = []
    answers = {"uv": "uv cannot reach the index", "pip": ""}

    def run(command: list[str], environment: dict[str, str]) -> str:
        calls.append(command)
        installs_uv = bootstrap.UV_PIN in command
        return "" if installs_uv else answers["uv" if "uv" in command else "pip"]

    monkeypatch.setattr(bootstrap, "_run", run)
    requirements = tmp_path / "requirements.txt"
    bootstrap.install(sys.executable, [requirements], dict(os.environ))
    assert [command[2] for command in calls] == ["pip", "uv", "pip"]
    assert calls[-1][-6:-4] == ["-r", str(requirements)]
    answers["pip"] = "ERROR: no such version"
    with pytest.raises(SystemExit):
        bootstrap.install(sys.executable, [requirements], dict(os.environ))
