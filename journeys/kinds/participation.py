"""The test of somebody's runs through a program."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from csplatform.kit import sql
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.configs import LastDays
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Test
from journeys.engine.telling import runs_key
from journeys.models import Program, Step

# Operator -> (label, column of its moment, condition over the run `r`). Those without a moment take
# no number of days.
OPERATORS: dict[str, tuple[str, str, str]] = {
    "now": ("is in it now", "", "r.ended_at IS NULL"),
    "at_step": ("stands at a step now", "", "r.ended_at IS NULL"),
    "not_now": ("is not in it now", "", "r.ended_at IS NULL"),
    "ever": ("entered it", "entered_at", "TRUE"),
    "never": ("never entered it", "", "TRUE"),
    "completed": ("completed it", "ended_at", "r.state = 'completed'"),
    "goal": ("achieved its goal", "goal_at", "r.goal_at IS NOT NULL"),
    "unenrolled": ("was unenrolled", "ended_at", "r.state = 'unenrolled'"),
    "removed": ("was removed from it", "ended_at", "r.state = 'removed'"),
    "failed": ("failed in it", "ended_at", "r.state = 'failed'"),
}
NEGATED = {"never", "not_now"}
DATED = "|".join(key for key, (_, moment, _) in OPERATORS.items() if moment)


class ParticipationConfig(Config):
    """Which program, and what became of somebody in it."""

    program: int = Field(
        title="Program",
        ge=1,
        le=2**63 - 1,
        json_schema_extra={
            "widget": "select", "options": "journeys.programs", "reference": "program",
        },
    )  # fmt: skip
    operator: Literal[
        "now", "at_step", "not_now", "ever", "never", "completed", "goal", "unenrolled",
        "removed", "failed",
    ] = Field(
        "now",
        title="They",
        json_schema_extra={"labels": {key: label for key, (label, _, _) in OPERATORS.items()}},
    )  # fmt: skip
    step: str = Field(
        "",
        max_length=20,
        title="Key of the step",
        json_schema_extra={"only_if": "operator=at_step", "options": "journeys.steps"},
    )
    days: LastDays = Field(
        None, title="In the last … days", json_schema_extra={"only_if": f"operator={DATED}"}
    )

    @model_validator(mode="after")
    def _complete(self) -> "ParticipationConfig":
        if self.operator == "at_step" and not self.step:
            raise ValueError("Choose the step")
        return self


class ParticipationTest(RuleKind):
    """What became of somebody in a program: in it now, at a step, entered, completed, achieved its
    goal, was unenrolled ... ever, or within the last days.

    Nobody has been in a program that is gone: “never” and “not now” are true, all others false.
    A paused run counts as being in it. Of several runs any one counts.
    """

    key: ClassVar[str] = "participation"
    label: ClassVar[str] = "Program"
    group: ClassVar[str] = "What we did"
    help: ClassVar[str] = "Is or was in a program, completed it, or achieved its goal."
    Config: ClassVar[type[Config]] = ParticipationConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"program": 1}),
        Example("person", {"program": 1, "operator": "at_step", "step": "welcome"}),
        Example("company", {"program": 2, "operator": "goal", "days": 30}),
        Example("company", {"program": 2, "operator": "never"}),
    )

    def check(
        self, config: ParticipationConfig, subject: str, known: Known, path: str
    ) -> list[Problem]:
        """The program must be there and be about the rule's subject; it must know the step."""
        if config.program not in _programs(subject, known):
            whom = "people" if subject == "person" else "companies"
            message = f"There is no such program of {whom}; choose one of the list."
            return [Problem(f"{path}/program", message, "unknown")]
        if config.operator == "at_step" and not _has_step(config.program, config.step):
            message = f"The program has no step “{config.step}” in any published version."
            return [Problem(f"{path}/step", message, "unknown")]
        return []

    def bind(self, config: ParticipationConfig, subject: str, known: Known) -> str | None:
        """The program's name."""
        return _programs(subject, known).get(config.program)

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A look at the runs, by subject."""
        config = test.config
        _, moment, condition = OPERATORS[config.operator]
        text = (
            f"EXISTS (SELECT 1 FROM journeys_participant r WHERE r.{scope.subject}_id ="
            f" {scope.alias}.id AND r.program_id = %s AND {condition}"
        )
        params: tuple[Any, ...] = (_own(test),)
        if config.operator == "at_step":
            text += (
                " AND r.step_id IN (SELECT t.id FROM journeys_step t JOIN journeys_programversion v"
                " ON v.id = t.version_id WHERE v.program_id = %s AND t.key = %s)"
            )
            params = (*params, _own(test), config.step)
        if config.days is not None and moment:
            text += f" AND r.{moment} > %s AND r.{moment} <= %s"
            params = (*params, scope.at - timedelta(days=config.days), scope.at)
        found = Sql(f"{text})", params)
        return negated(found) if config.operator in NEGATED else found

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded runs."""
        found = any(_fits(test.config, run, at) for run in _runs(test, facts))
        return found != (test.config.operator in NEGATED)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """Their runs."""
        return [
            {key: v.isoformat() if isinstance(v, datetime) else v for key, v in run.items()}
            for run in _runs(test, facts)[-5:]
        ]

    def needs(self, test: Test, subject: str) -> Needs:
        """The runs."""
        return Needs(extra=frozenset({("journeys.runs", _own(test))}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The program's runs."""
        return {FactKey(subject, runs_key(test.config.program))}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “completed program “Welcome” in the last 30 days”."""
        config = test.config
        name = f"program “{test.bound}”" if test.bound else "a program that is no longer there"
        said = {
            "now": f"is in {name} now",
            "at_step": f"stands at step “{config.step}” of {name}",
            "not_now": f"is not in {name} now",
            "ever": f"entered {name}",
            "never": f"never entered {name}",
            "completed": f"completed {name}",
            "goal": f"achieved the goal of {name}",
            "unenrolled": f"was unenrolled from {name}",
            "removed": f"was removed from {name}",
            "failed": f"failed in {name}",
        }[config.operator]
        if not self.time_dependent(test):
            return said
        return f"{said} in the last {'day' if config.days == 1 else f'{config.days:,} days'}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The program."""
        return {("program", test.config.program)}

    def time_dependent(self, test: Test) -> bool:
        """Whether it asks for the last days."""
        return test.config.days is not None and bool(OPERATORS[test.config.operator][1])

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When a run's moment leaves the last days."""
        if not self.time_dependent(test):
            return []
        _, moment, condition = OPERATORS[test.config.operator]
        who = whom.among(f"r.{subject}_id")
        days = test.config.days
        return [
            Sql(
                f"SELECT r.{subject}_id AS id, r.{moment} + make_interval(days => %s) AS due"
                f" FROM journeys_participant r WHERE {who.text} AND r.program_id = %s"
                f" AND {condition} AND r.{moment} > %s",
                (days, *who.params, _own(test), at - timedelta(days=days)),
            )
        ]


def _own(test: Test) -> int:
    """The program's id; 0, where nobody is, for one that is gone or of the other subject."""
    return int(test.config.program) if test.bound is not None else 0


def _runs(test: Test, facts: Facts) -> list[dict[str, Any]]:
    return facts.extra.get(("journeys.runs", _own(test))) or []


def _fits(config: ParticipationConfig, run: dict[str, Any], at: datetime) -> bool:
    """As OPERATORS and `sql` say it."""
    _, moment, _ = OPERATORS[config.operator]
    running = run["ended_at"] is None
    fits = {
        "now": running, "not_now": running, "ever": True, "never": True,
        "at_step": running and run["step"] == config.step,
        "goal": run["goal_at"] is not None,
    }.get(config.operator, run["state"] == config.operator)  # fmt: skip
    if fits and config.days is not None and moment:
        when = run[moment]
        return when is not None and at - timedelta(days=config.days) < when <= at
    return bool(fits)


def _programs(subject: str, known: Known) -> dict[int, str]:
    found: dict[int, str] = known.lookup(
        f"journeys.programs.{subject}",
        lambda: dict(Program.objects.filter(type=subject).values_list("pk", "name")),
    )
    return found


def _has_step(program_id: int, key: str) -> bool:
    return Step.objects.filter(version__program=program_id, key=key).exists()


def program_options(subject: str) -> list[tuple[str, str]]:
    """Options of the builder's list."""
    programs = Program.objects.filter(type=subject).order_by("name")
    return [(str(pk), name) for pk, name in programs.values_list("pk", "name")]


def step_options(subject: str) -> list[tuple[str, str]]:
    """Keys of the steps in force, with program and name."""
    in_force = Program.objects.filter(type=subject, published__isnull=False).values("published")
    steps = Step.objects.filter(version__in=in_force).select_related("version__program")
    return [
        (step.key, f"{step.version.program.name} › {step.name}")
        for step in steps.order_by("version__program__name", "position")[:500]
    ]


def runs_of(
    subject: str, ids: Collection[int], owns: Collection[Any], moment: datetime | None
) -> dict[tuple[Any, int], Any]:
    """A source of facts: runs by (program, subject), now or as known at a moment."""
    at_step = "t.key"
    params: dict[str, Any] = {"programs": list(owns), "ids": list(ids), "moment": moment}
    if moment is not None:
        # where somebody stood follows from what was decided until then
        at_step = (
            "(SELECT w.key FROM journeys_transition m JOIN journeys_step w ON w.id = m.to_step_id"
            " WHERE m.participant_id = r.id AND m.occurred_at <= %(moment)s"
            " ORDER BY m.id DESC LIMIT 1)"
        )
    rows = sql.rows(
        f"SELECT r.program_id, r.{subject}_id, r.state, r.entered_at, r.ended_at, r.goal_at,"
        f" {at_step} FROM journeys_participant r LEFT JOIN journeys_step t ON t.id = r.step_id"
        f" WHERE r.program_id = ANY(%(programs)s::bigint[]) AND r.{subject}_id ="
        " ANY(%(ids)s::bigint[]) AND (%(moment)s::timestamptz IS NULL OR"
        " r.entered_at <= %(moment)s) ORDER BY r.id",
        params,
    )
    found: dict[tuple[Any, int], Any] = defaultdict(list)
    for program_id, subject_id, state, entered_at, ended_at, goal_at, step in rows:
        if moment is not None and ended_at is not None and ended_at > moment:
            state, ended_at = "active", None
        if moment is not None and goal_at is not None and goal_at > moment:
            goal_at = None
        found[program_id, subject_id].append(
            {"state": state, "entered_at": entered_at, "ended_at": ended_at, "goal_at": goal_at,
             "step": step}
        )  # fmt: skip
    return found
