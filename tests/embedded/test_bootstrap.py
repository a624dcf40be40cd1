"""The bootstrap: refusals, caches, index settings, a Python without ensurepip (OPS-01)."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

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
    download = bootstrap._download
    monkeypatch.setattr(
        bootstrap, "_download", lambda u: download(u + "index.html" if u.endswith("/") else u)
    )
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
