"""Assign CSM: to one, or dealt out fairly among several (PRG-07)."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import Field

from csplatform.accounts.models import User
from csplatform.customers.operations.csm import NOBODY, Dealt, Method, deal_out
from csplatform.kit.schema import Config
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind, Traveller
from journeys.steps.outcome import Fail, Go, Outcome
from journeys.steps.staff import STAFF_ROLES, active_ids, role_ids, user_marks
from journeys.steps.targets import NO_COMPANY, cause_of

DEALT: list[Any] = ["round_robin", "fewest_accounts", "least_revenue"]
HOW: dict[str, Any] = {
    "fixed": "One person",
    "round_robin": "In turn: who got none for longest",
    "fewest_accounts": "Who has the fewest companies",
    "least_revenue": "Who has the least revenue (ARR)",
}


class AssignCsmConfig(Config):
    """How the CSM is chosen, and among whom."""

    method: Literal["fixed", "round_robin", "fewest_accounts", "least_revenue"] = Field(
        default="round_robin", title="Chosen how", json_schema_extra={"labels": HOW}
    )
    user: str | None = Field(
        default=None,
        title="Who",
        json_schema_extra={"options": "staff_users", "when": {"method": ["fixed"]}},
    )
    pool: Literal["role", "users"] = Field(
        default="role",
        title="Among",
        json_schema_extra={
            "labels": {"role": "Everybody with a role", "users": "Chosen people"},
            "when": {"method": DEALT},
        },
    )
    role: Literal["csm", "admin", "program_manager", "agent", "analyst", "read_only"] = Field(
        default="csm",
        title="Role",
        json_schema_extra={"labels": STAFF_ROLES, "when": {"method": DEALT, "pool": ["role"]}},
    )
    users: list[str] = Field(
        default=[],
        max_length=100,
        title="People",
        json_schema_extra={
            "options": "staff_users", "widget": "chips",
            "when": {"method": DEALT, "pool": ["users"]},
        },
    )  # fmt: skip
    only_unassigned: bool = Field(
        default=True,
        title="Only companies without a CSM",
        description="A CSM who left (is not active any more) counts as none.",
    )
    if_nobody: Literal["fail", "go"] = Field(
        default="fail",
        title="When there is nobody to choose",
        description="Only active users are chosen.",
        json_schema_extra={
            "labels": {"fail": "Fail, to be tried again", "go": "Go on without a CSM"}
        },
    )


class AssignCsm(StepKind):
    """Gives companies a CSM; a person's step gives one to the company that the person travels for.

    Workers that deal at the same moment take turns, so nobody gets two while another gets none.
    """

    key = "assign_csm"
    label = "Assign CSM"
    sentence = "Gives the company somebody of yours who looks after it."
    icon = "support_agent"
    group = "People"
    Config = AssignCsmConfig
    writes_subjects = True
    example = {"method": "round_robin", "pool": "role", "role": "csm", "if_nobody": "go"}

    def words(self, config: AssignCsmConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        only = ", if it has none" if config.only_unassigned else ""
        if config.method == "fixed":
            who = names.get(f"user:{config.user}") or config.user or "…"
            return f"Makes {who} the CSM{only}"
        how = {
            "round_robin": "in turn", "fewest_accounts": "whoever has the fewest companies",
            "least_revenue": "whoever has the least revenue",
        }[config.method]  # fmt: skip
        pool = f"all with the role “{STAFF_ROLES[config.role]}”"
        if config.pool == "users":
            pool = ", ".join(names.get(f"user:{u}", u) for u in config.users) or "…"
        return f"Assigns a CSM among {pool}, {how}{only}"

    def references(self, config: AssignCsmConfig) -> set[tuple[str, int | str]]:
        """The users that it names."""
        return {("user", name) for name in _named(config)}

    def writes_company(self, config: AssignCsmConfig) -> bool:
        """Always."""
        return True

    def check(self, config: AssignCsmConfig, context: CheckContext) -> list[Mark]:
        """Somebody is named, and is there."""
        if config.method == "fixed":
            if not config.user:
                return [Mark("/user", "Choose who becomes the CSM.", code="missing")]
            return user_marks([config.user], context, "/user")
        if config.pool == "users":
            if not config.users:
                return [Mark("/users", "Choose at least one person.", code="missing")]
            return user_marks(config.users, context, "/users")
        if not role_ids(config.role):
            message = f"Nobody active has the role “{STAFF_ROLES[config.role]}” now."
            return [Mark("/role", message, "warning", "nobody")]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """Deals all companies of the batch out at once, in the order of their ids."""
        config: AssignCsmConfig = batch.step.config
        companies = {t.id: _company(t) for t in batch.travellers}
        ids = sorted({company for company in companies.values() if company is not None})
        if not batch.travellers:
            return {}
        method = "round_robin" if config.method == "fixed" else config.method
        dealt = deal_out(
            ids, _pool(config), method=cast(Method, method),
            only_unassigned=config.only_unassigned, cause=cause_of(batch.step),
        )  # fmt: skip
        wanted = {user for d in dealt.values() for user in (d.user_id, d.old_id) if user}
        names = {pk: str(user) for pk, user in User.objects.in_bulk(wanted).items()}
        return {
            participant: _outcome(config, dealt.get(company) if company else None, names)
            for participant, company in companies.items()
        }


def _company(traveller: Traveller) -> int | None:
    return traveller.company_id if traveller.company_id is not None else traveller.at_company_id


def _named(config: AssignCsmConfig) -> list[str]:
    if config.method == "fixed":
        return [config.user] if config.user else []
    return list(config.users) if config.pool == "users" else []


def _pool(config: AssignCsmConfig) -> list[int]:
    if config.method != "fixed" and config.pool == "role":
        return role_ids(config.role)
    return list(active_ids(_named(config)).values())


def _outcome(config: AssignCsmConfig, dealt: Dealt | None, names: Mapping[int, str]) -> Outcome:
    if dealt is None:
        return Go(evidence={"skipped": NO_COMPANY})
    evidence: dict[str, Any] = {"csm": names.get(dealt.user_id or 0)}
    if dealt.user_id != dealt.old_id:
        evidence["old"] = names.get(dealt.old_id or 0)
    if dealt.kept:
        evidence["skipped"] = dealt.kept
    if dealt.kept == NOBODY and config.if_nobody == "fail":
        return Fail("There is no active user to choose as CSM.", evidence)
    return Go(evidence=evidence)
