"""What each role may do: patterns over permission codes ("app.action_model")."""

from fnmatch import fnmatchcase

from csplatform.accounts.models import Role

_READ = ("*.view_*",)
# Without the settings of the room: sources with their keys, attribute definitions, event names.
_CUSTOMER_WORK = (
    *(
        f"customers.{action}_{model}"
        for action in ("add", "change")
        for model in ("company", "companyowner", "person", "externalid", "membership", "event")
    ),
    "segments.add_*",
    "segments.change_*",
    "imports.add_importrun",
    "health.add_pulse",
    "snapshots.add_snapshotshare",
    "snapshots.change_snapshotshare",
)
# Doing what is to be done; types and playbooks themselves are built by program managers.
_TASK_WORK = (
    "journeys.add_task", "journeys.change_task", "journeys.add_playbookrun",
    "journeys.change_playbookrun",
)  # fmt: skip
_BUILD = (
    "customers.add_*",
    "customers.change_*",
    *_CUSTOMER_WORK,
    "billing.*",
    "usage.*",
    "segments.*",
    "imports.*",
    "health.*",
    "journeys.*",
    "engagements.*",
)

# Staff data (users, keys, audit) and the machine room are the admins' alone; everybody else reads
# the product only.
_HIDDEN = (
    "accounts.*", "axes.*", "auth.*", "sessions.*", "contenttypes.*", "django_rq.*", "failures.*",
)  # fmt: skip

GRANTS: dict[str, tuple[str, ...]] = {
    Role.ADMIN: ("*",),
    Role.PROGRAM_MANAGER: (*_READ, *_BUILD),
    # who is told on the phone that somebody wants no more mails can say so
    Role.CSM: (
        *_READ,
        *_CUSTOMER_WORK,
        *_TASK_WORK,
        "journeys.enroll_participant",
        "journeys.change_mailoptout",
    ),
    Role.AGENT: _READ,
    Role.ANALYST: _READ,
    Role.READ_ONLY: _READ,
}


def grants(role: str, permission: str) -> bool:
    """Whether a role holds a permission such as "journeys.publish_program"."""
    if role != Role.ADMIN and any(fnmatchcase(permission, hidden) for hidden in _HIDDEN):
        return False
    return any(fnmatchcase(permission, pattern) for pattern in GRANTS.get(role, ()))
