"""A test of who of ours looks after a company."""

import json
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from csplatform.accounts.models import User
from csplatform.customers.owners import CSM, known_roles
from csplatform.kit import sql
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.comparisons import fold
from csplatform.rules.configs import Name
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Test

NEGATED = {"nobody", "is_not"}
# (role, user id) pairs of companies: the CSM and the others, which have histories of their own.
Owners = dict[int, dict[str, list[tuple[str, int]]]]


class OwnerConfig(Config):
    """Which role, and who should have it."""

    role: Name = Field(
        CSM, title="Role", json_schema_extra={"widget": "select", "options": "owners.roles"}
    )
    operator: Literal["somebody", "nobody", "is", "is_not", "left"] = Field(
        "somebody",
        title="Is",
        json_schema_extra={
            "labels": {
                "somebody": "somebody who works here",
                "nobody": "nobody who works here",
                "is": "one of these",
                "is_not": "none of these",
                "left": "somebody who has left",
            }
        },
    )
    users: list[Name] = Field(
        default_factory=list,
        max_length=100,
        title="Users",
        description="By user name.",
        json_schema_extra={
            "widget": "chips", "options": "owners.users", "only_if": "operator=is|is_not",
        },
    )  # fmt: skip

    @model_validator(mode="after")
    def _complete(self) -> "OwnerConfig":
        if self.operator in ("is", "is_not") and not self.users:
            raise ValueError("Name at least one user")
        return self


class OwnerTest(RuleKind):
    """Who of ours has a role at a company: the CSM, or an owner with another role.

    Somebody who has left (an inactive user) does not count as having a role, but still “is” who
    they are. Without anybody, “nobody” and “none of these” are true. As of the past, who had the
    role is known; whether they have left is told as of today.
    """

    key: ClassVar[str] = "owner"
    label: ClassVar[str] = "CSM or other owner"
    group: ClassVar[str] = "Who they are"
    help: ClassVar[str] = "Who of your colleagues looks after the company."
    subjects: ClassVar[tuple[str, ...]] = ("company",)
    Config: ClassVar[type[Config]] = OwnerConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("company", {}),
        Example("company", {"operator": "left"}),
        Example("company", {"role": "Sponsor", "operator": "is_not", "users": ["ada"]}),
    )

    def check(self, config: OwnerConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """Users must be there."""
        users = known.lookup("owners.users", lambda: {name for name, _ in user_names(subject)})
        return [
            Problem(f"{path}/users/{i}", f"There is no user “{name}”.", "unknown")
            for i, name in enumerate(config.users)
            if name not in users
        ]

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A look at the CSM or the other owners."""
        config = test.config
        fits, given = _demand(config.operator)
        params: tuple[Any, ...] = (list(config.users),) if given else ()
        if config.role == CSM:
            text = f"SELECT 1 FROM accounts_user u WHERE u.id = {scope.alias}.csm_id AND {fits}"
        else:
            text = (
                "SELECT 1 FROM customers_companyowner o JOIN accounts_user u ON u.id = o.user_id"
                f" WHERE o.company_id = {scope.alias}.id"
                f' AND lower(o.role COLLATE "C") = %s AND {fits}'
            )
            params = (fold(config.role), *params)
        found = Sql(f"EXISTS ({text})", params)
        return negated(found) if config.operator in NEGATED else found

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded owners."""
        config = test.config
        fits = {
            "left": lambda owner: not owner["active"],
            "is": lambda owner: owner["user"] in config.users,
            "is_not": lambda owner: owner["user"] in config.users,
        }.get(config.operator, lambda owner: owner["active"])
        found = any(fits(owner) for owner in _with_role(test, facts))
        return found != (config.operator in NEGATED)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """Who has the role."""
        return _with_role(test, facts)

    def needs(self, test: Test, subject: str) -> Needs:
        """The owners."""
        return Needs(extra=frozenset({("owners", 0)}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The CSM, or the other owners; and that somebody left."""
        return {FactKey(subject, "attr.csm" if test.config.role == CSM else "owners")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “CSM is one of ada or ben”."""
        config = test.config
        role = "CSM" if config.role == CSM else config.role
        if config.operator in ("is", "is_not"):
            users = ", ".join(config.users[:5]) + (" …" if len(config.users) > 5 else "")
            return f"{role} is {'not ' if config.operator == 'is_not' else ''}{users}"
        return {
            "somebody": f"it has a {role}",
            "nobody": f"it has no {role}",
            "left": f"its {role} has left",
        }[config.operator]


def _demand(operator: str) -> tuple[str, bool]:
    """Condition over the user `u`, and whether it takes the users."""
    if operator in ("is", "is_not"):
        return "u.username = ANY(%s)", True
    return ("NOT u.is_active" if operator == "left" else "u.is_active"), False


def _with_role(test: Test, facts: Facts) -> list[dict[str, Any]]:
    role = fold(test.config.role)
    return [o for o in facts.extra.get(("owners", 0)) or [] if fold(o["role"]) == role]


def owners_facts(
    subject: str, ids: Collection[int], owns: Collection[Any], moment: datetime | None
) -> dict[tuple[Any, int], Any]:
    """A source of facts: everybody with a role at companies, now or as known at a moment."""
    if subject != "company":
        return {}
    wanted = list(ids)
    found: Owners = defaultdict(lambda: {"csm": [], "other": []})
    for company, role, user in sql.rows(
        "SELECT id, 'csm', csm_id FROM customers_company WHERE id = ANY(%(ids)s::bigint[])"
        " AND csm_id IS NOT NULL UNION ALL SELECT company_id, role, user_id"
        " FROM customers_companyowner WHERE company_id = ANY(%(ids)s::bigint[]) ORDER BY 1, 2, 3",
        {"ids": wanted},
    ):
        found[company]["csm" if role == CSM else "other"].append((role, user))
    if moment is not None:
        _wind_back(found, wanted, moment)
    users = {user for kinds in found.values() for pairs in kinds.values() for _, user in pairs}
    known = {
        id_: (username, active)
        for id_, username, active in User.objects.filter(pk__in=users).values_list(
            "pk", "username", "is_active"
        )
    }
    return {
        (0, company): [
            {"role": role, "user": known[user][0], "active": known[user][1]}
            for pairs in kinds.values()
            for role, user in pairs
            if user in known
        ]
        for company, kinds in found.items()
    }


def _wind_back(found: Owners, ids: list[int], moment: datetime) -> None:
    """Put owners back who changed after a moment, from the history of values."""
    rows = sql.rows(
        "SELECT DISTINCT ON (subject_id, name) subject_id, name, old::text"
        " FROM customers_attributechange WHERE subject = 'company' AND name = ANY(%s)"
        " AND subject_id = ANY(%s::bigint[]) AND recorded_at > %s ORDER BY subject_id, name, id",
        [["csm", "owners"], ids, moment],
    )
    for company, name, old in rows:
        before = json.loads(old) if old is not None else None
        if name == "csm":
            found[company]["csm"] = [(CSM, before)] if before else []
        else:
            found[company]["other"] = [(role, user) for role, user in before or []]


def role_options(subject: str) -> list[tuple[str, str]]:
    """Options: the roles that somebody has somewhere."""
    return known_roles()


def user_names(subject: str) -> list[tuple[str, str]]:
    """Options: users by their names."""
    return [
        (user.username, user.get_full_name() or user.username)
        for user in User.objects.filter(is_staff=True).order_by("username")[:1000]
    ]
