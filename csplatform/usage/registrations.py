"""What the usage tree brings to the rooms below."""

from django.urls import reverse_lazy

from csplatform.adminkit.navigation import Entry, entries
from csplatform.api.routes import Route, routes
from csplatform.ascode.registrations import register_kind
from csplatform.rules.options import option_sources
from csplatform.rules.registry import rule_kinds
from csplatform.usage.api.parts import PartViewSet, ProductViewSet
from csplatform.usage.ascode import ProductKind
from csplatform.usage.kinds.usage import UsageTest
from csplatform.usage.tree import part_options


def register() -> None:
    """The test with its options, addresses, sidebar entry, configuration as code."""
    kind = UsageTest()
    rule_kinds.register(kind.key, kind)
    option_sources.register("usage.parts", part_options)
    routes.register("usage_parts", Route("usage-parts", PartViewSet))
    routes.register("products", Route("products", ProductViewSet))
    register_kind(ProductKind())
    entries.register(
        "usage.part",
        Entry("Settings", 15, "Usage tree", "account_tree",
              lambda: reverse_lazy("admin:usage_usagepart_changelist"), "usage.view_usagepart"),
    )  # fmt: skip
