"""Staff in the settings of steps: named by user name, so that copies in files mean the same."""

from collections.abc import Collection, Iterable
from typing import Any

from csplatform.accounts.models import Role, User
from csplatform.customers.owners import known_roles
from journeys.steps.kind import CheckContext, Mark
from journeys.steps.options import Options, option_providers, reference_names

STAFF_ROLES: dict[str, Any] = {role.value: str(role.label) for role in Role}


def user_options(subject: str) -> Options:
    """Active users by user name."""
    return [(user.username, _label(user)) for user in User.objects.filter(is_active=True)]


def _label(user: User) -> str:
    name = str(user)
    return name if name == user.username else f"{name} ({user.username})"


def owner_options(subject: str) -> Options:
    """The CSM, and every role that somebody has at some company."""
    return known_roles()


def user_names(usernames: Iterable[int | str]) -> dict[int | str, str]:
    """How users are called, by user name."""
    rows = User.objects.filter(username__in=[str(name) for name in usernames])
    return {user.username: str(user) for user in rows}


def active_ids(usernames: Collection[str]) -> dict[str, int]:
    """Ids of those who are active, by user name. One query."""
    rows = User.objects.filter(username__in=usernames, is_active=True)
    return dict(rows.order_by("pk").values_list("username", "pk"))


def role_ids(role: str) -> list[int]:
    """Ids of the active users with a staff role."""
    rows = User.objects.filter(role=role, is_active=True)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def user_marks(usernames: Collection[str], context: CheckContext, path: str) -> list[Mark]:
    """A mark per named user who is gone; a warning per one who left."""
    if not usernames:
        return []
    known: dict[str, bool] = context.known.lookup(
        "staff", lambda: dict(User.objects.order_by("pk").values_list("username", "is_active"))
    )
    marks = []
    for name in usernames:
        if name not in known:
            marks.append(Mark(path, f"There is no user “{name}” any more; choose another."))
        elif not known[name]:
            text = f"“{name}” is not active any more and is passed over; choose another."
            marks.append(Mark(path, text, "warning", "inactive"))
    return marks


def register() -> None:
    """Called once at start."""
    option_providers.register("staff_users", user_options)
    option_providers.register("owner_roles", owner_options)
    reference_names.register("user", user_names)
