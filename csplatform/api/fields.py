"""Serializer fields that several rooms use."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

LARGEST = 2**63 - 1


class IdField(serializers.IntegerField):
    """An id in a request."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": LARGEST, **kwargs})


class IdList(serializers.Serializer):
    """Some ids, up to 10,000."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=10_000)


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectField(serializers.JSONField):
    """A JSON object."""

    default_error_messages = {"object": "Expected an object."}

    def to_internal_value(self, data: Any) -> Any:
        """The object. Raises ValidationError for anything else."""
        if not isinstance(data, dict):
            self.fail("object")
        return super().to_internal_value(data)


class ShapeSerializer(serializers.Serializer):
    """Base of requests: refuses unknown names, so that a typo is not taken for “leave alone”."""

    default_error_messages = {"unknown": "Nothing of this name belongs here; remove it."}

    def to_internal_value(self, data: Any) -> Any:
        """The validated values."""
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = [str(name) for name in data if name not in writable]
            if unknown:
                problem = serializers.ErrorDetail(
                    str(self.error_messages["unknown"]), code="unknown"
                )
                raise serializers.ValidationError({name: [problem] for name in unknown[:20]})
        return super().to_internal_value(data)


class CountAnswer(serializers.Serializer):
    """How many it concerned."""

    count = serializers.IntegerField()
