"""Which participant fields there are: what sources bring, over all programs."""

from csplatform.kit import sql


def field_names() -> list[str]:
    """Names of the fields that events and files fill or that the API is said to bring."""
    rows = sql.rows(
        "SELECT DISTINCT n #>> '{}' FROM journeys_program g, LATERAL ("
        "  SELECT jsonb_path_query(g.draft, '$.entry.sources[*].fields[*].field') AS n"
        "  UNION ALL SELECT jsonb_path_query(g.draft, '$.entry.api_fields[*]')) found"
        " WHERE g.state <> 'stopped'"
        " UNION SELECT substr(c.value, 7) FROM journeys_entrylist l, jsonb_each_text(l.columns) c"
        "  WHERE c.value LIKE 'field:%%'",
        [],
    )
    return sorted(row[0] for row in rows if row[0])
