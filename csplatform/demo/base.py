"""The customer base: staff, attributes, 200 companies, 5,000 people, 90 days of events."""

from datetime import timedelta

from django.contrib.auth.hashers import make_password

from csplatform.accounts.models import Role, User
from csplatform.customers.models import AttributeDefinition, EventName, Source
from csplatform.customers.operations.companies import (
    CompanyInput,
    CompanyRef,
    assign_csm,
    upsert_companies,
)
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.demo import words
from csplatform.demo.parts import World
from csplatform.kit import audit, sql

COMPANIES = 200
PEOPLE = 5000
DAYS = 90
CHUNK = 1000
DEMO_PASSWORD = "demo-demo"  # noqa: S105 - shown on the sign-in page of the demo tenant
DEMO_WRITE_KEY = "wk_demo_product_site"  # public, as every write key

STAFF = (
    ("admin", "Alex Admin", Role.ADMIN),
    ("manager", "Morgan Manager", Role.PROGRAM_MANAGER),
    ("csm1", "Charlie Success", Role.CSM),
    ("csm2", "Sam Success", Role.CSM),
    ("csm3", "Robin Success", Role.CSM),
    ("analyst", "Ari Analyst", Role.ANALYST),
    ("viewer", "Val Viewer", Role.READ_ONLY),
)
ATTRIBUTES = (
    ("person", "signup_date", "Sign-up date", "date", ()),
    ("person", "onboarding", "Onboarding", "choice", ("not started", "started", "activated")),
    ("person", "seats_invited", "Seats invited", "number", ()),
    ("company", "plan", "Plan", "choice", ("Free", "Team", "Business", "Enterprise")),
    ("company", "industry", "Industry", "text", ()),
    ("company", "seats", "Seats", "number", ()),
)
# Event, label, how many per active week, and the share of people who do it at all.
EVENTS = (
    ("signed_in", "Signed in", 3.0, 1.0),
    ("board_viewed", "Board viewed", 2.0, 0.9),
    ("project_created", "Project created", 0.3, 0.6),
    ("task_completed", "Task completed", 2.0, 0.7),
    ("report_exported", "Report exported", 0.25, 0.3),
    ("teammate_invited", "Teammate invited", 0.1, 0.25),
)


def build_staff(world: World) -> None:
    """Staff of every role, all with the same demo password (hashed once: it takes its time)."""
    password = make_password(DEMO_PASSWORD)
    for username, name, role in STAFF:
        first, last = name.split(" ", 1)
        user, made = User.objects.get_or_create(
            username=username,
            defaults={"first_name": first, "last_name": last, "role": role, "is_staff": True,
                      "is_superuser": role == Role.ADMIN, "email": f"{username}@example.com"},
        )  # fmt: skip
        if made:
            user.password = password
            user.save(update_fields=["password"])
            audit.record(None, "user.create", user, after={"role": role})
        world.staff[username] = user


def build_attributes(world: World) -> None:
    """Declared attributes, and the write key of the demo site."""
    for subject, name, label, type_, choices in ATTRIBUTES:
        AttributeDefinition.objects.get_or_create(
            subject=subject, name=name,
            defaults={"label": label, "type": type_, "choices": list(choices)},
        )  # fmt: skip
    Source.objects.get_or_create(write_key=DEMO_WRITE_KEY, defaults={"name": "Demo product"})


def build_companies(world: World) -> None:
    """Companies in all stages, with owners."""
    rng, today = world.random, world.now.date()
    names = [f"{a} {b}" for a in words.COMPANY_FIRST for b in words.COMPANY_LAST]
    items = []
    for number, name in enumerate(rng.sample(names, COMPANIES)):
        stage = rng.choices(("trial", "onboarding", "live", "renewal"), (3, 3, 10, 2))[0]
        plan = (
            "Free" if stage == "trial" else rng.choice(("Team", "Team", "Business", "Enterprise"))
        )
        seats = rng.randint(5, 20) if plan in ("Free", "Team") else rng.randint(20, 400)
        price = {"Free": 0, "Team": 96, "Business": 180, "Enterprise": 300}[plan]
        attributes = {
            "stage": stage,
            "status": "churned" if rng.random() < 0.04 and stage == "live" else "active",
            "arr": seats * price,
            "mrr": round(seats * price / 12, 2),
            "renewal_date": today + timedelta(days=rng.randint(5, 360)) if price else None,
            "time_zone": rng.choice(words.TIME_ZONES),
            "plan": plan,
            "industry": name.split(" ")[1],
            "seats": seats,
        }
        slug = name.lower().replace(" ", "-")
        items.append(CompanyInput(name=name, external_id=f"acct-{number + 1:04}",
                                  domains=[f"{slug}.example"], attributes=attributes))  # fmt: skip
    results = upsert_companies(items, cause={"how": "demo"})
    world.company_ids = [result.id for result in results]
    managers = [world.staff[name] for name in ("csm1", "csm2", "csm3") if name in world.staff]
    for index, manager in enumerate(managers):
        assign_csm(world.company_ids[index :: len(managers)], manager)


def build_people(world: World) -> None:
    """People with a sign-up date; a tenth of them is new these days."""
    rng, today = world.random, world.now.date()
    for start in range(0, PEOPLE, CHUNK):
        items = []
        for number in range(start, start + CHUNK):
            first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
            company = world.company_ids[int(len(world.company_ids) * rng.random() ** 1.6)]
            new = rng.random() < 0.08
            age = rng.randint(0, 6) if new else rng.randint(7, 700)
            items.append(
                PersonInput(
                    email=f"{first}.{last}{number}@people.example".lower(),
                    external_id=f"user-{number + 1:05}",
                    name=f"{first} {last}",
                    role=rng.choice(words.ROLES),
                    persona=rng.choice(words.PERSONAS),
                    language=rng.choice(words.LANGUAGES),
                    attributes={
                        "signup_date": today - timedelta(days=age),
                        "onboarding": "not started" if new else "activated",
                    },
                    companies=[CompanyRef(id=company)],
                )
            )
        results = upsert_people(items, cause={"how": "demo"})
        world.person_ids += [result.id for result in results]


def build_events(world: World) -> None:
    """90 days of use: weekdays more than weekends, some people quiet for weeks."""
    source = Source.objects.get(write_key=DEMO_WRITE_KEY)
    batch: list[EventInput] = []
    for person_id in world.person_ids:
        batch += _events_of(person_id, world)
        if len(batch) >= CHUNK:
            record_events(batch, source_id=source.pk)
            batch = []
    record_events(batch, source_id=source.pk)
    for name, label, *_ in EVENTS:
        EventName.objects.filter(name=name, label="").update(label=label)
    _refresh_statistics()


def _refresh_statistics() -> None:
    """All this is one transaction, so no statistics came by themselves: without them the planner
    took a minute for the segments."""
    for table in ("customers_person", "customers_company", "customers_membership",
                  "customers_event", "customers_externalid"):  # fmt: skip
        sql.run(f"ANALYZE {table}")


def _events_of(person_id: int, world: World) -> list[EventInput]:
    rng = world.random
    energy = rng.random() ** 2
    # A fifth has gone quiet: the win-back program is about them.
    quiet_since = rng.randint(30, 80) if rng.random() < 0.2 else 0
    found = []
    for name, _, weekly, share in EVENTS:
        if rng.random() > share:
            continue
        expected = weekly * energy * (DAYS - quiet_since) / 7
        for _ in range(min(int(expected + rng.random()), 40)):
            day = rng.randint(quiet_since, DAYS - 1)
            moment = world.now - timedelta(days=day, minutes=rng.randint(0, 600))
            if moment.weekday() >= 5 and rng.random() < 0.7:
                continue
            found.append(EventInput(name, person_id=person_id, occurred_at=moment))
    return found
