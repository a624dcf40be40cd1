"""The resources under /api/v1/; rooms register theirs in their registrations.py."""

from dataclasses import dataclass

from csplatform.api.viewsets import ApiViewSet
from csplatform.kit.registry import Registry


@dataclass(frozen=True)
class Route:
    """One resource.

    Attributes:
        prefix: its address below /api/v1/, e.g. "event-names".
        viewset: names a permission for each of its actions.
    """

    prefix: str
    viewset: type[ApiViewSet]


STANDARD = ("list", "retrieve", "create", "update", "partial_update", "destroy")


def _fit(route: Route) -> str:
    """An address without a permission must not come up at all."""
    viewset = route.viewset
    actions = [name for name in STANDARD if hasattr(viewset, name)]
    actions += [action.__name__ for action in viewset.get_extra_actions()]
    missing = [name for name in actions if "." not in viewset.permissions.get(name, "")]
    return f"no permission is named for {', '.join(missing)}" if missing else ""


routes: Registry[Route] = Registry("REST resource", _fit)
