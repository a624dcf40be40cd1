"""The contract of a measure: one statement for any number of companies."""

from typing import Any, ClassVar

from csplatform.kit.registry import Registry


class MeasureKind:
    """A kind of measure. Subclass, set the attributes, register in `measure_kinds`.

    Attributes:
        uses: which settings count: of "event", "days", "attribute".
        unit: behind the value on the screen.
        tiers: what a new measure begins with.
    """

    key: ClassVar[str] = ""
    label: ClassVar[str] = ""
    sentence: ClassVar[str] = ""
    uses: ClassVar[tuple[str, ...]] = ()
    unit: ClassVar[str] = ""
    tiers: ClassVar[str] = "0 = 0, 5 = 50, more = 100"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """`SELECT company_id, value` for the companies in %(ids)s as of %(at)s, and parameters of
        its own. Companies that are left out have no value: it is missing."""
        raise NotImplementedError

    def problem(self, measure: Any) -> str:
        """What a measure lacks; "" when it is whole."""
        return ""


def _fit(kind: MeasureKind) -> str:
    missing = [name for name in ("key", "label", "sentence") if not getattr(kind, name)]
    return f"lacks {', '.join(missing)}" if missing else ""


measure_kinds: Registry[MeasureKind] = Registry("health measure", _fit)
