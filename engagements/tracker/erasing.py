"""Visitors and refused items of an erased person."""

from csplatform.customers.hooks import Erasure
from csplatform.customers.operations.erase_traces import text_patterns
from csplatform.kit import sql


def forget_visitors(erasure: Erasure) -> None:
    """Their browsers are nobody's, and not recognised when they come again."""
    ids = list(erasure.ids)
    sql.run(
        "DELETE FROM engagements_rejectedevent WHERE excerpt ILIKE ANY(%s) OR anonymous_id IN"
        " (SELECT anonymous_id FROM engagements_visitor WHERE person_id = ANY(%s))",
        [text_patterns(erasure), ids],
    )
    sql.run(
        "UPDATE engagements_visitor SET person_id = NULL, company_id = NULL,"
        " anonymous_id = gen_random_uuid() WHERE id IN (SELECT id FROM engagements_visitor"
        "  WHERE person_id = ANY(%s) ORDER BY id FOR UPDATE)",
        [ids],
    )
