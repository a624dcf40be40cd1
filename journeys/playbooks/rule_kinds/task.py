"""The test “has tasks”."""

from collections import defaultdict
from collections.abc import Callable, Collection
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
from csplatform.rules.operators import MAX_DAYS
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, joined, negated
from csplatform.rules.tree import Test
from journeys.models import TaskType
from journeys.models.task import REASON
from journeys.playbooks.history import TASK_FACT

SOURCE = "task"
# Own id of the source for tasks of any type.
ANY = 0
State = Literal["open", "overdue", "closed", "successful", "lost"]
WORDS = {
    "open": "open", "overdue": "overdue", "closed": "closed", "successful": "successfully closed",
    "lost": "lost",
}  # fmt: skip
# When a task came into a state, for the window. A day that was due is over at midnight UTC.
SINCE = {
    "open": "t.created_at",
    "overdue": "((t.due_on + 1)::timestamp AT TIME ZONE 'UTC')",
    "closed": "t.closed_at", "successful": "t.closed_at", "lost": "t.closed_at",
}  # fmt: skip


class TaskConfig(Config):
    """Which tasks are counted, and how many are wanted."""

    state: State = Field("open", title="That are", json_schema_extra={"labels": {**WORDS}})
    operator: Literal["at_least", "none"] = Field(
        "at_least", title="How many", json_schema_extra={"labels": {"none": "None"}}
    )
    count: int = Field(
        1, ge=1, le=1000, title="Tasks", json_schema_extra={"only_if": "operator=at_least"}
    )
    type: int | None = Field(
        None,
        title="Of the type",
        ge=1,
        le=2**63 - 1,
        json_schema_extra={
            "widget": "select", "options": "tasks.types", "reference": "task_type",
        },
    )  # fmt: skip
    reason: str = Field("", max_length=REASON, title="With the reason")
    days: int | None = Field(None, ge=1, le=MAX_DAYS, title="Since at most … days")


@dataclass(frozen=True, slots=True)
class TaskFact:
    """What of a task rules read."""

    type_id: int
    reason: str
    outcome: str
    created_at: datetime
    due_on: date | None
    closed_at: datetime | None


class TaskTest(RuleKind):
    """How many tasks the subject has: open, overdue, closed, closed successful or closed lost.

    No task at all counts as none. Snoozed ones are open. Overdue is an open task whose day is over
    in UTC; one without a due date never is. A company's tasks are its own and those about its
    people there. A type that is gone has no tasks.
    """

    key: ClassVar[str] = "task"
    label: ClassVar[str] = "Tasks"
    group: ClassVar[str] = "What we do"
    help: ClassVar[str] = "Open, overdue or closed tasks (CTAs), and how they went."
    Config: ClassVar[type[Config]] = TaskConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("company", {"state": "overdue"}),
        Example("person", {"state": "successful", "count": 2, "days": 30}),
        Example("company", {"state": "open", "operator": "none", "reason": "Renewal"}),
    )

    def check(self, config: TaskConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """The type must be there."""
        if config.type is None or config.type in _types(known):
            return []
        message = "There is no such task type; choose one of the list."
        return [Problem(f"{path}/type", message, "unknown")]

    def bind(self, config: TaskConfig, subject: str, known: Known) -> str | None:
        """The type's name; "" for any."""
        return "" if config.type is None else _types(known).get(config.type)

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Counts through the index of the subject's tasks, no further than needed."""
        config: TaskConfig = test.config
        chosen = _chosen(config, scope.at)
        found = f"FROM journeys_task t WHERE t.{scope.subject}_id = {scope.alias}.id AND "
        if config.operator == "none" or config.count == 1:
            some = Sql(f"EXISTS (SELECT 1 {found}{chosen.text})", chosen.params)
            return negated(some) if config.operator == "none" else some
        counted = f"(SELECT count(*) FROM (SELECT 1 {found}{chosen.text} LIMIT %s) c)"
        return Sql(f"({counted} >= %s)", (*chosen.params, config.count, config.count))

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Counts the loaded tasks."""
        count = _count(test, facts, at)
        return count == 0 if test.config.operator == "none" else count >= test.config.count

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """How many there are."""
        return _count(test, facts, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """The tasks of the type."""
        return Needs(extra=frozenset({(SOURCE, test.config.type or ANY)}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """Tasks."""
        return {FactKey(subject, TASK_FACT)}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “has at least 2 open tasks of the type “Risk””."""
        config: TaskConfig = test.config
        number = "no" if config.operator == "none" else f"at least {config.count}"
        noun = "task" if config.operator == "at_least" and config.count == 1 else "tasks"
        said = f"has {number} {WORDS[config.state]} {noun}"
        if config.type is not None:
            said += f" of the type “{test.bound}”" if test.bound else " of a type that is gone"
        said += f" about “{config.reason}”" if config.reason else ""
        return said + (f" since at most {config.days:,} days" if config.days else "")

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The type."""
        return {("task_type", test.config.type)} if test.config.type is not None else set()

    def time_dependent(self, test: Test) -> bool:
        """Tasks become overdue, and leave a window, by time alone."""
        return test.config.state == "overdue" or test.config.days is not None

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When a task's day is over, and when one leaves the window."""
        config: TaskConfig = test.config
        found = []
        if config.state == "overdue":
            found.append(_moments(config, SINCE["overdue"], subject, at, whom))
        if config.days is not None:
            leaves = f"({SINCE[config.state]} + make_interval(days => {int(config.days)}))"
            found.append(_moments(config, leaves, subject, at, whom))
        return found


def _types(known: Known) -> dict[int, str]:
    found: dict[int, str] = known.lookup(
        "task_types", lambda: dict(TaskType.objects.order_by().values_list("pk", "name"))
    )
    return found


def _of_kind(config: TaskConfig) -> Sql:
    """Condition over tasks `t`: status, outcome, type and reason, whatever the time."""
    state = {
        "open": "t.closed_at IS NULL",
        "overdue": "t.closed_at IS NULL AND t.due_on IS NOT NULL",
        "closed": "t.closed_at IS NOT NULL",
        "successful": "t.outcome = 'successful'",
        "lost": "t.outcome = 'lost'",
    }[config.state]
    parts = [Sql(state)]
    if config.type is not None:
        parts.append(Sql("t.type_id = %s", (config.type,)))
    if config.reason:
        parts.append(Sql("t.reason = %s", (config.reason,)))
    return joined(parts, "AND", Sql("TRUE"))


def _chosen(config: TaskConfig, at: datetime) -> Sql:
    """Condition over tasks `t` that count at an instant."""
    parts = [_of_kind(config)]
    if config.state == "overdue":
        parts.append(Sql(f"{SINCE['overdue']} <= %s", (at,)))
    if config.days is not None:
        parts.append(Sql(f"{SINCE[config.state]} > %s", (at - timedelta(days=config.days),)))
    return joined(parts, "AND", Sql("TRUE"))


def _moments(config: TaskConfig, moment: str, subject: str, at: datetime, whom: Whom) -> Sql:
    """The next such moment of each subject's tasks."""
    kind, who = _of_kind(config), whom.among(f"t.{subject}_id")
    return Sql(
        f"SELECT t.{subject}_id AS id, min({moment}) AS due FROM journeys_task t"
        f" WHERE {who.text} AND {kind.text} AND {moment} > %s GROUP BY t.{subject}_id",
        (*who.params, *kind.params, at),
    )


def _count(test: Test, facts: Facts, at: datetime) -> int:
    tasks = facts.extra.get((SOURCE, test.config.type or ANY)) or ()
    return sum(_counts(test.config, task, at) for task in tasks)


def _counts(config: TaskConfig, task: TaskFact, at: datetime) -> bool:
    since = _since(config.state, task)
    if since is None or (config.reason and task.reason != config.reason):
        return False
    if config.state == "overdue" and since > at:
        return False
    return config.days is None or since > at - timedelta(days=config.days)


def _since(state: str, task: TaskFact) -> datetime | None:
    """When the task came into the state; None when it is not in it."""
    if state == "open":
        return task.created_at if task.closed_at is None else None
    if state == "overdue":
        if task.closed_at is not None or task.due_on is None:
            return None
        return datetime.combine(task.due_on + timedelta(days=1), time(), UTC)
    if state != "closed" and task.outcome != state:
        return None
    return task.closed_at


# --- facts ----------------------------------------------------------------------------------


def tasks_of(
    subject: str, ids: Collection[int], owns: Collection[int], moment: datetime | None
) -> dict[tuple[int, int], list[TaskFact]]:
    """(type or ANY, subject id) to tasks, now or as known at a moment: a source of facts."""
    column = f"{subject}_id"
    rows = sql.rows(
        f"SELECT t.id, t.{column}, t.type_id, t.reason, t.outcome, t.created_at, t.due_on,"
        f" t.closed_at FROM journeys_task t WHERE t.{column} = ANY(%s::bigint[])"
        + (" AND t.created_at <= %s" if moment else ""),
        [list(ids), *([moment] if moment else [])],
    )
    undone = _undone([row[0] for row in rows], moment) if moment else {}
    found: dict[tuple[int, int], list[TaskFact]] = defaultdict(list)
    for task_id, subject_id, *values in rows:
        fact = TaskFact(*_wound_back(values, undone.get(task_id, {})))
        for own in {ANY, fact.type_id} & set(owns):
            found[own, subject_id].append(fact)
    return found


_READ = ("type_id", "reason", "outcome", "created_at", "due_on", "closed_at")


def _undone(ids: list[int], moment: datetime) -> dict[int, dict[str, Any]]:
    """The values that changed after a moment, as they were then."""
    rows = sql.rows(
        "SELECT DISTINCT ON (c.task_id, o.key) c.task_id, o.key, o.value #>> '{}'"
        " FROM journeys_taskchange c CROSS JOIN LATERAL jsonb_each(c.old) o"
        " WHERE c.task_id = ANY(%s::bigint[]) AND c.at > %s AND o.key = ANY(%s)"
        " ORDER BY c.task_id, o.key, c.id",
        [ids, moment, list(_READ)],
    )
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for task_id, name, old in rows:
        found[task_id][name] = old
    return found


def _wound_back(values: list[Any], old: dict[str, Any]) -> list[Any]:
    read: dict[str, Callable[[str], Any]] = {
        "type_id": int, "due_on": date.fromisoformat, "closed_at": datetime.fromisoformat,
    }  # fmt: skip
    return [
        value if name not in old else old[name] and read.get(name, str)(old[name])
        for name, value in zip(_READ, values, strict=True)
    ]


def type_names(subject: str) -> list[tuple[str, str]]:
    """Options of the builder's list."""
    return [(str(pk), name) for pk, name in TaskType.objects.values_list("pk", "name")]
