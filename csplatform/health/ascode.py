"""Health profiles as code."""

from typing import Any, ClassVar

from pydantic import Field

from csplatform.ascode.kind import ExportKind, Fields
from csplatform.health.kind import measure_kinds
from csplatform.health.models import HealthProfile
from csplatform.health.operations import MeasureInput, ProfileInput, save_profile
from csplatform.health.scoring import parse_tiers, tiers_text
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config, parse_config


class MeasureFields(Config):
    """One measure."""

    kind: str = Field(title="Kind")
    label: str = Field(default="", title="Label")
    weight: int = Field(default=10, title="Weight")
    event: str = Field(default="", title="Event")
    days: int = Field(default=30, title="Days")
    attribute: str = Field(default="", title="Attribute")
    points: str = Field(default="", title="Points")


class ProfileFields(Fields):
    """How health is measured."""

    segment: int | str | None = Field(
        default=None, title="Segment", json_schema_extra={"reference": "segment"}
    )
    position: int = Field(default=10, title="Order")
    good_from: int = Field(default=70, title="Good from")
    poor_below: int = Field(default=40, title="Poor below")
    is_active: bool = Field(default=True, title="Active")
    measures: list[MeasureFields] = Field(default=[], title="Measures")


class HealthProfileKind(ExportKind):
    """A profile with its measures; scores stay in the database."""

    key: ClassVar[str] = "health_profile"
    label: ClassVar[str] = "health profile"
    model: ClassVar[Any] = HealthProfile
    Document: ClassVar[type[Fields]] = ProfileFields
    related: ClassVar[tuple[str, ...]] = ("measures",)

    def document(self, row: HealthProfile) -> dict[str, Any]:
        """As stored, points as words."""
        names = ("position", "good_from", "poor_below", "is_active")
        own = {name: getattr(row, name) for name in names}
        measures = [
            {
                "kind": m.kind, "label": m.label, "weight": m.weight, "event": m.event,
                "days": m.days, "attribute": m.attribute, "points": tiers_text(m.tiers),
            }
            for m in row.measures.all()
        ]  # fmt: skip
        return self.normal({"segment": row.segment_id, **own, "measures": measures})

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """Measures with what differs from the usual."""
        found = []
        for index, item in enumerate(data["measures"]):
            path = f"/measures/{index}"
            fields = parse_config(MeasureFields, item, path)
            words = tiers_text(_tiers(fields, path))
            found.append(fields.model_dump(exclude_defaults=True) | {"points": words})
        return {**data, "measures": found}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> HealthProfile:
        """Through the operation."""
        return save_profile(_input(name, data), actor=actor)

    def change(self, row: HealthProfile, data: dict[str, Any], actor: Any) -> None:
        """Through the operation."""
        save_profile(_input(row.name, data), actor=actor, profile_id=row.pk)


def _tiers(fields: MeasureFields, path: str) -> Any:
    usual = measure_kinds.get(fields.kind).tiers if fields.kind in measure_kinds else "more = 100"
    try:
        return parse_tiers(fields.points or usual)
    except ValueError as error:
        raise DomainError(str(error), path=f"{path}/points") from None


def _input(name: str, data: dict[str, Any]) -> ProfileInput:
    measures = []
    for index, item in enumerate(data["measures"]):
        fields = parse_config(MeasureFields, item, f"/measures/{index}")
        given = fields.model_dump(exclude={"points"})
        measures.append(MeasureInput(tiers=_tiers(fields, f"/measures/{index}"), **given))
    rest = {key: value for key, value in data.items() if key != "measures"}
    return ProfileInput(name, measures=measures, **rest)
