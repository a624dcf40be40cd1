"""What forms offer and how things are called: types, playbooks, roles, staff."""

from collections.abc import Iterable, Mapping

from csplatform.accounts.models import User
from csplatform.customers.owners import known_roles
from journeys.models import Playbook, TaskType


def task_types(subject: str = "") -> list[tuple[str, str]]:
    """Types that new tasks may get."""
    rows = TaskType.objects.filter(is_active=True).values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


def playbooks(subject: str) -> list[tuple[str, str]]:
    """Playbooks that can be assigned to such subjects."""
    rows = Playbook.objects.filter(subject=subject, is_active=True).values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


def owner_roles(subject: str = "") -> list[tuple[str, str]]:
    """The CSM and the other roles at companies."""
    return known_roles()


def staff(subject: str = "") -> list[tuple[str, str]]:
    """Active users by name, as (username, full name)."""
    return [(user.username, str(user)) for user in active_staff()]


def active_staff() -> list[User]:
    """Who can be given work."""
    found = User.objects.filter(is_active=True, is_staff=True)
    return sorted(found, key=lambda user: str(user).lower())


def type_names(keys: Iterable[int | str]) -> Mapping[int | str, str]:
    """Names of task types by id."""
    return dict(TaskType.objects.filter(pk__in=list(keys)).values_list("pk", "name"))


def playbook_names(keys: Iterable[int | str]) -> Mapping[int | str, str]:
    """Names of playbooks by id."""
    return dict(Playbook.objects.filter(pk__in=list(keys)).values_list("pk", "name"))
