"""Django's permission questions, answered from the role."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission

from csplatform.accounts.models import User
from csplatform.accounts.roles import grants


class RoleBackend(ModelBackend):
    """A user holds what the role grants, plus whatever was given by hand."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """All permission codes of a user; read once per request."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_role_permissions"):
            every = Permission.objects.values_list("content_type__app_label", "codename")
            codes = {f"{app}.{code}" for app, code in every.order_by()}
            if isinstance(user_obj, User) and not user_obj.is_superuser:
                held = {code for code in codes if grants(user_obj.role, code)}
                codes = held | super().get_all_permissions(user_obj, obj)
            user_obj._role_permissions = codes
        return user_obj._role_permissions
