"""The base of all REST views: a permission per action, ids, idempotency."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from csplatform.api import idempotency
from csplatform.kit.errors import DomainError, Problem


class ApiViewSet(GenericViewSet):
    """Base of every resource.

    Attributes:
        permissions: action name to permission code; an action without one stops the start.
        secret_actions: whose answers show a secret once; they take no Idempotency-Key, for
            remembered answers are stored.
        ordering: default order; ordering_fields: what `?ordering=` may name (indexed, not null).
    """

    permissions: ClassVar[Mapping[str, str]] = {}
    secret_actions: ClassVar[tuple[str, ...]] = ()
    ordering: ClassVar[str] = "-id"
    ordering_fields: ClassVar[tuple[str, ...]] = ("id",)
    lookup_value_regex = "[0-9]{1,19}"
    metadata_class = None

    def permission_needed(self) -> str:
        """The permission of the current action; "" when there is no such action."""
        return self.permissions.get(self.action or "", "")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Checks before any handler; a POST with an Idempotency-Key is done at most once."""
        super().initial(request, *args, **kwargs)
        refuse_unfit_query(request)
        if request.method == "POST" and hasattr(self, "post"):
            key = request.headers.get("Idempotency-Key")
            if key is not None and self.action in self.secret_actions:
                message = "This answer shows a secret, which is not remembered: leave the key out."
                raise DomainError(message, path="Idempotency-Key", code="idempotency_key")
            if key is not None:
                handler = getattr(self, "post")  # noqa: B009
                self.post = partial(idempotency.once, handler, key)


class ReadViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """A resource with a list and single objects."""


def refuse_unfit_query(request: Request) -> None:
    """A NUL character in the query fits no filter and no database."""
    problems = [
        Problem(f"/{name}".replace("\x00", ""), "Remove the NUL character.", "text")
        for name, values in request.query_params.lists()
        if "\x00" in name or any("\x00" in value for value in values)
    ]
    if problems:
        raise DomainError(problems)


def actor_of(request: Request) -> Any:
    """Who acts, for operations: the session's or the key's user."""
    return request.user
