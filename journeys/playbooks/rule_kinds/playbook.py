"""The test “playbook”."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.kit import sql
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Test
from journeys.models import Playbook
from journeys.playbooks.history import PLAYBOOK_FACT

SOURCE = "playbook"
# Own id of the source for any playbook.
ANY = 0
State = Literal["active", "never", "completed", "overdue", "stopped"]
OVER = "((r.due_on + 1)::timestamp AT TIME ZONE 'UTC')"


class PlaybookConfig(Config):
    """Which playbook, in which state."""

    state: State = Field(
        "active",
        title="Is",
        json_schema_extra={
            "labels": {"active": "Active in", "never": "Never was in", "completed": "Completed",
                       "overdue": "Overdue in", "stopped": "Was stopped in"}
        },
    )  # fmt: skip
    playbook: int | None = Field(
        None,
        title="Playbook",
        ge=1,
        le=2**63 - 1,
        json_schema_extra={
            "widget": "select", "options": "playbooks.names", "reference": "playbook",
        },
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunFact:
    """What of a run rules read."""

    state: str
    due_on: date | None


class PlaybookTest(RuleKind):
    """How the subject stands with a playbook, or with any.

    Active: a run is under way, overdue or not. Overdue: it has taken longer than expected, by days
    in UTC. Completed, stopped: some run ended so, whatever came after. Never: no run at all, so a
    playbook that is gone is never. A company's runs are its own, not those of its people.
    """

    key: ClassVar[str] = "playbook"
    label: ClassVar[str] = "Playbook"
    group: ClassVar[str] = "What we do"
    help: ClassVar[str] = "Is in a playbook, has completed it, is overdue in it, or never was."
    Config: ClassVar[type[Config]] = PlaybookConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("company", {"state": "overdue"}),
        Example("company", {"state": "never"}),
        Example("person", {"state": "completed"}),
    )

    def check(self, config: PlaybookConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """The playbook must be there and be for the rule's subject."""
        if config.playbook is None or config.playbook in _names(subject, known):
            return []
        whom = "people" if subject == "person" else "companies"
        message = f"There is no such playbook for {whom}; choose one of the list."
        return [Problem(f"{path}/playbook", message, "unknown")]

    def bind(self, config: PlaybookConfig, subject: str, known: Known) -> str | None:
        """The playbook's name; "" for any."""
        return "" if config.playbook is None else _names(subject, known).get(config.playbook)

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A look at the subject's runs."""
        chosen = _chosen(test, scope.at)
        found = Sql(
            "EXISTS (SELECT 1 FROM journeys_playbookrun r"
            f" WHERE r.{scope.subject}_id = {scope.alias}.id AND {chosen.text})",
            chosen.params,
        )
        return negated(found) if test.config.state == "never" else found

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """From the loaded runs."""
        runs = _runs(test, facts)
        if test.config.state == "never":
            return not runs
        return any(_is(test.config.state, run, at) for run in runs)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """The states of the runs, oldest first."""
        return ["overdue" if _is("overdue", run, at) else run.state for run in _runs(test, facts)]

    def needs(self, test: Test, subject: str) -> Needs:
        """The runs."""
        return Needs(extra=frozenset({(SOURCE, _own(test))}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """Playbooks."""
        return {FactKey(subject, PLAYBOOK_FACT)}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “is overdue in the playbook “Onboarding””."""
        which = "any playbook"
        if test.config.playbook is not None:
            name = f"“{test.bound}”" if test.bound else "that is no longer there"
            which = f"the playbook {name}"
        return {
            "active": f"is active in {which}", "never": f"was never in {which}",
            "completed": f"has completed {which}", "overdue": f"is overdue in {which}",
            "stopped": f"was stopped in {which}",
        }[test.config.state]  # fmt: skip

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The playbook."""
        found = test.config.playbook
        return {("playbook", found)} if found is not None else set()

    def time_dependent(self, test: Test) -> bool:
        """Runs become overdue by time alone."""
        return bool(test.config.state == "overdue")

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the last expected day of a run is over."""
        if test.config.state != "overdue":
            return []
        which, who = _which(test), whom.among(f"r.{subject}_id")
        return [
            Sql(
                f"SELECT r.{subject}_id AS id, min({OVER}) AS due FROM journeys_playbookrun r"
                f" WHERE {who.text} AND r.state = 'running' AND {OVER} > %s AND {which.text}"
                f" GROUP BY r.{subject}_id",
                (*who.params, at, *which.params),
            )
        ]


def _own(test: Test) -> int:
    """The playbook's id; ANY without one, and -1, which nobody is in, for one that is gone."""
    if test.config.playbook is None:
        return ANY
    return int(test.config.playbook) if test.bound is not None else -1


def _names(subject: str, known: Known) -> dict[int, str]:
    found: dict[int, str] = known.lookup(
        f"playbooks.{subject}",
        lambda: dict(Playbook.objects.filter(subject=subject).order_by().values_list("pk", "name")),
    )
    return found


def _which(test: Test) -> Sql:
    return Sql("TRUE") if _own(test) == ANY else Sql("r.playbook_id = %s", (_own(test),))


def _chosen(test: Test, at: datetime) -> Sql:
    """Condition over runs `r` in the wanted state ("never": in any)."""
    which = _which(test)
    state = {
        "active": Sql("r.state = 'running'"),
        "never": Sql("TRUE"),
        "completed": Sql("r.state = 'completed'"),
        "overdue": Sql(f"(r.state = 'running' AND COALESCE({OVER} <= %s, FALSE))", (at,)),
        "stopped": Sql("r.state = 'stopped'"),
    }[test.config.state]
    return Sql(f"({which.text} AND {state.text})", which.params + state.params)


def _runs(test: Test, facts: Facts) -> list[RunFact]:
    return list(facts.extra.get((SOURCE, _own(test))) or ())


def _is(state: str, run: RunFact, at: datetime) -> bool:
    if state == "overdue":
        if run.state != "running" or run.due_on is None:
            return False
        return datetime.combine(run.due_on + timedelta(days=1), time(), UTC) <= at
    return run.state == ("running" if state == "active" else state)


# --- facts ----------------------------------------------------------------------------------


def runs_of(
    subject: str, ids: Collection[int], owns: Collection[int], moment: datetime | None
) -> dict[tuple[int, int], list[RunFact]]:
    """(playbook or ANY, subject id) to runs, now or as known at a moment: a source of facts."""
    column = f"{subject}_id"
    rows = sql.rows(
        f"SELECT r.id, r.{column}, r.playbook_id, r.state, r.due_on FROM journeys_playbookrun r"
        f" WHERE r.{column} = ANY(%s::bigint[])"
        + (" AND r.started_at <= %s" if moment else "")
        + " ORDER BY r.id",
        [list(ids), *([moment] if moment else [])],
    )
    then = _states([row[0] for row in rows], moment) if moment else {}
    found: dict[tuple[int, int], list[RunFact]] = defaultdict(list)
    for run_id, subject_id, playbook_id, state, due_on in rows:
        fact = RunFact(then.get(run_id, state) if moment else state, due_on)
        for own in {ANY, playbook_id} & set(owns):
            found[own, subject_id].append(fact)
    return found


def _states(ids: list[int], moment: datetime) -> dict[int, str]:
    """The state of each run as known at a moment."""
    rows = sql.rows(
        "SELECT DISTINCT ON (run_id) run_id, kind FROM journeys_playbookchange"
        " WHERE run_id = ANY(%s::bigint[]) AND at <= %s ORDER BY run_id, id DESC",
        [ids, moment],
    )
    under_way = {"started": "running", "resumed": "running"}
    return {run_id: under_way.get(kind, kind) for run_id, kind in rows}


def playbook_names(subject: str) -> list[tuple[str, str]]:
    """Options of the builder's list."""
    rows = Playbook.objects.filter(subject=subject).values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]
