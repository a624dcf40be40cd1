"""How a company stands with us: figures, money, renewal, and what its CSM feels."""

from typing import Any, ClassVar

from csplatform.customers.attributes import attribute_specs
from csplatform.health.kind import MeasureKind


class AttributeFigure(MeasureKind):
    """A number that is known."""

    key: ClassVar[str] = "attribute"
    label: ClassVar[str] = "Attribute"
    sentence: ClassVar[str] = "A number among the company's attributes."
    uses: ClassVar[tuple[str, ...]] = ("attribute",)

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """The value; missing where there is none, or where it is no number."""
        column = measure.attribute if measure.attribute in ("arr", "mrr") else ""
        value = f"c.{column}" if column else (
            "CASE WHEN jsonb_typeof(c.attributes->%(name)s::text) = 'number'"
            " THEN (c.attributes->>%(name)s::text)::numeric END"
        )  # fmt: skip
        return (
            f"SELECT c.id, ({value})::float8 FROM customers_company c WHERE c.id = ANY(%(ids)s)",
            {"name": measure.attribute},
        )

    def problem(self, measure: Any) -> str:
        """It has to be a number that is there."""
        spec = attribute_specs("company").get(measure.attribute)
        if spec is None or spec.type != "number":
            return "Choose an attribute of companies that is a number."
        return ""


class DaysToRenewal(MeasureKind):
    """How near the renewal is."""

    key: ClassVar[str] = "days_to_renewal"
    label: ClassVar[str] = "Days to the renewal"
    sentence: ClassVar[str] = "How many days are left until the renewal."
    unit: ClassVar[str] = "days"
    tiers: ClassVar[str] = "0 = 0, 30 = 40, 90 = 70, more = 100"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """Days; negative when it is past, missing without a date."""
        return (
            "SELECT c.id, (c.renewal_date - (%(at)s AT TIME ZONE 'UTC')::date)::float8"
            " FROM customers_company c WHERE c.id = ANY(%(ids)s) AND c.renewal_date IS NOT NULL",
            {},
        )


class OverdueAmount(MeasureKind):
    """What has not been paid."""

    key: ClassVar[str] = "overdue_amount"
    label: ClassVar[str] = "Overdue amount"
    sentence: ClassVar[str] = "How much of its invoices is overdue, all currencies added up."
    tiers: ClassVar[str] = "0 = 100, 1000 = 40, more = 0"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """A sum; missing for companies without invoices."""
        return (
            "SELECT i.company_id, coalesce(sum(i.amount) FILTER (WHERE i.status = 'open'"
            " AND i.due_on < (%(at)s AT TIME ZONE 'UTC')::date), 0)::float8"
            " FROM billing_invoice i WHERE i.company_id = ANY(%(ids)s) GROUP BY 1",
            {},
        )


class PulseMeasure(MeasureKind):
    """What its CSM feels."""

    key: ClassVar[str] = "pulse"
    label: ClassVar[str] = "Pulse"
    sentence: ClassVar[str] = "What somebody of us put down by hand, until it expires."
    tiers: ClassVar[str] = (
        "0 = 0, 10 = 10, 20 = 20, 30 = 30, 40 = 40, 50 = 50, 60 = 60, 70 = 70, 80 = 80, 90 = 90,"
        " more = 100"
    )

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """The last word; missing when nobody said anything, or when it has expired."""
        return (
            "SELECT c.id, p.points::float8 FROM unnest(%(ids)s::bigint[]) c(id)"
            " CROSS JOIN LATERAL (SELECT points, expires_at FROM health_pulse"
            "  WHERE company_id = c.id ORDER BY id DESC LIMIT 1) p"
            " WHERE p.expires_at IS NULL OR p.expires_at > %(at)s",
            {},
        )
