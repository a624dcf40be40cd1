"""A customer base to measure with: made by plain SQL, the same for the same seed.

People work at companies, most of what happens is done by few of them, and it happened over the
last ninety days. Everything carries the domain `bench.invalid`, by which it is taken away again.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, transaction

from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.kit.partitions import ensure_partitions

DOMAIN = "bench.invalid"
DAYS = 90
EVENTS_AT_ONCE = 500_000
NAMES = ("login", "page", "export", "invite", "comment", "upload", "search", "share")
PERSON_TABLES = (
    "customers_event", "customers_personactivity", "customers_membership", "customers_externalid",
    "customers_membershipchange",
)  # fmt: skip
COMPANY_TABLES = ("customers_event", "customers_companyactivity", "customers_membership")
ROLES = ("Admin", "Owner", "Editor", "Viewer")


@dataclass(frozen=True)
class BenchWorld:
    """What there is, by the ranges of its ids: low < id <= high."""

    low: int
    high: int
    companies: int
    events: int

    @property
    def people(self) -> int:
        """How many people."""
        return self.high - self.low


def build(people: int, companies: int, events: int, *, seed: int = 1) -> BenchWorld:
    """Add such a world. Statistics are gathered, so that plans are those of a settled database.

    Args:
        seed: other seeds give other people; the same one gives the same, but for ids and times.
    """
    _partitions()
    first = _add_companies(companies, seed)
    low = _add_people(people, seed)
    _analyze("company", "person")  # else each foreign key is looked up by reading the whole table
    _add_memberships(people, low, companies, first)
    _add_events(events, people, low, companies, first, seed)
    _analyze("membership", "event", "personactivity", "companyactivity")
    return BenchWorld(low, low + people, companies, events)


def _analyze(*tables: str) -> None:
    for table in tables:
        sql.run(f"ANALYZE customers_{table}")


def remove() -> None:
    """Take all such worlds away, with everything that hangs on their people and companies."""
    _remove("person", f"email LIKE '%%@{DOMAIN}'", PERSON_TABLES)
    _remove("company", "external_id LIKE 'bench-%%'", COMPANY_TABLES)


def _remove(subject: str, condition: str, tables: tuple[str, ...]) -> None:
    """By ranges of ids: they were drawn in one go, so nobody else's lie between."""
    table = f"customers_{subject}"
    low, high = sql.rows(f"SELECT min(id), max(id) FROM {table} WHERE {condition}", [])[0]
    if low is None:
        return
    for name in tables:
        sql.run(f"DELETE FROM {name} WHERE {subject}_id BETWEEN %s AND %s", [low, high])
    for name in ("freshness_touch", "freshness_nextflip", "customers_attributechange"):
        sql.run(
            f"DELETE FROM {name} WHERE subject = %s AND subject_id BETWEEN %s AND %s",
            [subject, low, high],
        )
    sql.run(f"DELETE FROM {table} WHERE {condition}", [])


def _partitions() -> None:
    """Those of the months gone by; where events of them were stored without, it is done without."""
    for back in range(DAYS // 30 + 1, 0, -1):
        with suppress(DatabaseError), transaction.atomic():
            ensure_partitions(now() - timedelta(days=31 * back))


# A number from 0 to 1 that depends on (i, salt, seed) alone.
_CHANCE = "((hashint8extended({i}, {salt} + %(seed)s * 100) & 1073741823) / 1073741824.0)"


def _chance(i: str, salt: int) -> str:
    return _CHANCE.replace("{i}", i).replace("{salt}", str(salt))


def _add_companies(count: int, seed: int) -> int:
    """Returns the id before the first one."""
    ids = sql.rows(
        "INSERT INTO customers_company (name, external_id, domains, stage, status, arr, mrr,"
        "  renewal_date, time_zone, tags, attributes, created_at)"
        " SELECT 'Bench company ' || i, 'bench-' || %(seed)s || '-' || i, '{}',"
        "  (ARRAY['trial', 'onboarding', 'live', 'live', 'renewal'])"
        f"   [1 + floor(5 * {_chance('i', 1)})::int],"
        f"  CASE WHEN {_chance('i', 2)} < 0.04 THEN 'churned' ELSE 'active' END,"
        f"  round((1e5 * power({_chance('i', 3)}, 3))::numeric, 2), NULL,"
        f"  current_date + floor(360 * {_chance('i', 4)})::int, 'UTC', '{{}}', '{{}}',"
        f"  now() - interval '1 year' * {_chance('i', 5)}"
        " FROM generate_series(1, %(count)s) i ORDER BY i RETURNING id",
        {"count": count, "seed": seed},
    )
    return min(row[0] for row in ids) - 1 if ids else 0


def _add_people(count: int, seed: int) -> int:
    """Returns the id before the first one."""
    roles = ", ".join(f"'{role}'" for role in ROLES)
    sql.run(
        "INSERT INTO customers_person (name, email, role, persona, language, time_zone, attributes,"
        "  created_at)"
        f" SELECT 'Bench ' || i, 'p' || i || '.' || %(seed)s || '@{DOMAIN}', (ARRAY[{roles}])"
        f"   [1 + floor({len(ROLES)} * {_chance('i', 6)})::int], '', 'en', '',"
        f"  jsonb_build_object('score', floor(100 * {_chance('i', 7)})::int),"
        f"  now() - interval '1 year' * {_chance('i', 8)}"
        " FROM generate_series(1, %(count)s) i ORDER BY i",
        {"count": count, "seed": seed},
    )
    return int(sql.one("SELECT max(id) FROM customers_person")) - count


def _add_memberships(people: int, low: int, companies: int, first: int) -> None:
    if companies:
        sql.run(
            "INSERT INTO customers_membership (person_id, company_id, is_primary, created_at)"
            " SELECT %s + i, %s + 1 + i %% %s, TRUE, now() FROM generate_series(1, %s) i",
            [low, first, companies, people],
        )


def _add_events(events: int, people: int, low: int, companies: int, first: int, seed: int) -> None:
    """In pieces, oldest first, as a database fills in life."""
    sql.run(
        "INSERT INTO customers_eventname (name, label) SELECT unnest(%s::text[]), ''"
        " ON CONFLICT DO NOTHING",
        [list(NAMES)],
    )
    for start in range(0, events, EVENTS_AT_ONCE):
        sql.run(
            "WITH names AS (SELECT array_agg(id ORDER BY id) AS ids FROM customers_eventname"
            "  WHERE name = ANY(%(names)s)),"
            " happened AS (SELECT n, ids[1 + floor(cardinality(ids) *"
            f"   power({_chance('n', 9)}, 2))::int] AS name,"
            f"  1 + floor(%(people)s * power({_chance('n', 10)}, 2))::bigint AS person,"
            "  now() - make_interval(secs => %(days)s * 86400.0 * (1 - n / (%(events)s + 1.0)))"
            "   AS at FROM names, generate_series(%(start)s::bigint + 1, %(stop)s) n)"
            " INSERT INTO customers_event (name_id, person_id, company_id, ref, occurred_at,"
            "  recorded_at, properties)"
            " SELECT name, %(low)s + person, CASE WHEN %(companies)s > 0"
            "   THEN %(first)s + 1 + person %% greatest(%(companies)s, 1) END, 0, at, at,"
            "  jsonb_build_object('n', n) FROM happened",
            {
                "low": low, "people": people, "first": first, "companies": companies,
                "names": list(NAMES), "seed": seed, "days": DAYS, "events": events,
                "start": start, "stop": min(start + EVENTS_AT_ONCE, events),
            },
        )  # fmt: skip
    for subject, after in (("person", low), ("company", first)):
        sql.run(
            f"INSERT INTO customers_{subject}activity ({subject}_id, first_seen_at, last_seen_at,"
            f"  event_count) SELECT {subject}_id, min(occurred_at), max(occurred_at), count(*)"
            f" FROM customers_event WHERE {subject}_id > %s GROUP BY 1 ON CONFLICT DO NOTHING",
            [after],
        )
