"""System checks of admin classes, without a database."""

from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core.checks import Error
from unfold.checks import UnfoldModelAdminChecks


def known_permissions() -> set[str]:
    """All permission codes that the models declare."""
    return {
        f"{model._meta.app_label}.{codename}"
        for model in apps.get_models()
        for codename in (
            *(
                get_permission_codename(action, model._meta)
                for action in model._meta.default_permissions
            ),
            *(codename for codename, _ in model._meta.permissions),
        )
    }


class ConsoleChecks(UnfoldModelAdminChecks):
    """The theme's own check asks the permission table, which does not exist before the first
    migration (and the migrate command runs the checks): ask the models instead."""

    def _check_unfold_action_permission_methods(self, obj: Any) -> list[Error]:
        actions = [
            *obj._get_base_actions_list(),
            *obj._get_base_actions_detail(),
            *obj._get_base_actions_row(),
            *obj._get_base_actions_submit_line(),
        ]
        known = known_permissions()
        return [
            Error(
                f"{type(obj).__name__}: an action asks for the unknown permission {permission!r}",
                obj=type(obj),
                id="adminkit.E001",
            )
            for action in actions
            for permission in getattr(action.method, "allowed_permissions", ())
            if (permission not in known if "." in permission
                else not hasattr(obj, f"has_{permission}_permission"))
        ]  # fmt: skip
