"""Products with their usage tree as code."""

from collections.abc import Collection
from typing import Any, ClassVar

from django.urls import reverse
from pydantic import Field

from csplatform.ascode.kind import ExportKind, Fields
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config, parse_config
from csplatform.rules.properties import PropertyFilter
from csplatform.usage.models import Product
from csplatform.usage.operations.tree import PartInput, save_product
from csplatform.usage.tree import Branch, load_tree


class AdoptionFields(Config):
    """When a part counts as adopted; all or nothing."""

    adopted_measure: str = Field(default="", title="Adopted when used")
    adopted_count: int | None = Field(default=None, title="at least")
    adopted_days: int | None = Field(default=None, title="in the last … days")


class FeatureFields(AdoptionFields):
    """A feature."""

    name: str = Field(title="Key")
    label: str = Field(title="Label")
    event: str = Field(title="Event")
    where: list[PropertyFilter] = Field(default=[], title="Where")


class ModuleFields(AdoptionFields):
    """A module with its features."""

    name: str = Field(title="Key")
    label: str = Field(title="Label")
    features: list[FeatureFields] = Field(default=[], title="Features")


class ProductFields(Fields):
    """A product with its modules."""

    label: str = Field(default="", title="Label")
    adopted_measure: str = Field(default="", title="Adopted when used")
    adopted_count: int | None = Field(default=None, title="at least")
    adopted_days: int | None = Field(default=None, title="in the last … days")
    modules: list[ModuleFields] = Field(default=[], title="Modules")


ADOPTION = ("adopted_measure", "adopted_count", "adopted_days")


class ProductKind(ExportKind):
    """A product of the usage tree."""

    key: ClassVar[str] = "product"
    label: ClassVar[str] = "product"
    model: ClassVar[Any] = Product
    Document: ClassVar[type[Fields]] = ProductFields

    @property
    def permission(self) -> str:
        """Who may see the tree."""
        return "usage.view_usagepart"

    def rows(self, names: Collection[str]) -> list[Any]:
        """Products of these keys."""
        return list(Product.objects.filter(name__in=names).order_by("pk"))

    def document(self, row: Any) -> dict[str, Any]:
        """The product with everything below it."""
        top = next(branch for branch in load_tree() if branch.part.pk == row.pk)
        return self.normal(
            {
                **_part(top),
                "modules": [
                    {**_part(module), "name": module.part.name,
                     "features": [_feature(feature) for feature in module.below]}
                    for module in top.below
                ],
            }
        )  # fmt: skip

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """Without what was not said below the product."""
        modules = [
            parse_config(ModuleFields, item, f"/modules/{index}").model_dump(exclude_defaults=True)
            for index, item in enumerate(data["modules"])
        ]
        return {**data, "modules": modules}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> Any:
        """Through the operation."""
        return self._save(name, data, actor)

    def change(self, row: Any, data: dict[str, Any], actor: Any) -> None:
        """The same; parts that the file does not have go, unless a rule uses them."""
        self._save(row.name, data, actor)

    def _save(self, name: str, data: dict[str, Any], actor: Any) -> Any:
        given = _inputs(name, data)
        try:
            saved = save_product(given, actor=actor)
        except DomainError as error:
            raise DomainError(
                Problem(f"/modules{p.path}" if p.path else "", p.message, p.code)
                for p in error.problems
            ) from None
        return Product.objects.get(pk=saved.pk)

    def url(self, row: Any) -> str:
        """Its form."""
        return reverse("admin:usage_product_change", args=[row.pk])


def _part(branch: Branch) -> dict[str, Any]:
    return {"label": branch.part.label} | {name: getattr(branch.part, name) for name in ADOPTION}


def _feature(branch: Branch) -> dict[str, Any]:
    part = branch.part
    return {**_part(branch), "name": part.name, "event": part.event, "where": part.where}


def _inputs(name: str, data: dict[str, Any]) -> list[PartInput]:
    """The product first, each part after its parent."""

    def made(item: dict[str, Any], key: str, parent: str) -> PartInput:
        adoption: dict[str, Any] = {
            field: item.get(field) for field in ADOPTION if item.get(field) is not None
        }
        return PartInput(
            key, item.get("label") or key, parent, item.get("event", ""), item.get("where", ()),
            **adoption,
        )  # fmt: skip

    found = [made(data, name, "")]
    for module in data["modules"]:
        found.append(made(module, module["name"], name))
        found += [
            made(feature, feature["name"], f"{name}/{module['name']}")
            for feature in module.get("features", ())
        ]
    return found
