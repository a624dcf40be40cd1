"""Human intervention task (HIT, CTA): something for one of ours to do (PRG-07, PRG-81)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from csplatform.accounts.models import User
from csplatform.customers.owners import CSM, known_roles, owners_of, primary_companies
from csplatform.kit.schema import Config
from journeys.emails.context import Recipient
from journeys.emails.tokens import known_tokens
from journeys.models import TaskType
from journeys.models.task import REASON, Priority, TaskOrigin, TaskStatus
from journeys.playbooks.asking import Asked, Asker, ask, asked, newcomers
from journeys.playbooks.days import due_after
from journeys.playbooks.operations.create import NewTask, reason_problems
from journeys.playbooks.texts import fill, text_problems
from journeys.steps.kind import (
    CheckContext,
    EventOffer,
    Exit,
    Mark,
    StepBatch,
    StepKind,
    StepView,
    Traveller,
)
from journeys.steps.outcome import Fail, Go, Outcome, Stay, WaitFor

CLOSED = "task.closed"
PRIORITIES = {"high": Priority.HIGH, "normal": Priority.NORMAL, "low": Priority.LOW}


class HumanTaskConfig(Config):
    """What is to be done, by whom, until when, and whether the run waits for it."""

    title: str = Field(
        default="",
        max_length=200,
        title="Title",
        description="Tokens such as {{ person.name }} and {{ company.name }} are filled in.",
        json_schema_extra={"tokens": "text"},
    )
    description: str = Field(
        default="",
        max_length=5_000,
        title="Description",
        json_schema_extra={"widget": "textarea", "tokens": "text"},
    )
    type: int | None = Field(
        default=None,
        title="Type",
        json_schema_extra={"options": "task_types", "reference": "task_type"},
    )
    reason: str = Field(default="", max_length=REASON, title="Reason")
    priority: Literal["high", "normal", "low"] = Field(default="normal", title="Priority")
    assignee: Literal["role", "user"] = Field(
        default="role",
        title="Assigned to",
        json_schema_extra={
            "labels": {"role": "Whoever has a role at the company", "user": "A named user"}
        },
    )
    role: str = Field(
        default=CSM,
        max_length=60,
        title="Role",
        json_schema_extra={"options": "owner_roles", "when": {"assignee": ["role"]}},
    )
    user: str = Field(
        default="",
        max_length=150,
        title="User",
        json_schema_extra={"options": "staff", "when": {"assignee": ["user"]}},
    )
    fallback: str = Field(
        default="",
        max_length=150,
        title="Otherwise",
        description="Gets it where nobody has the role or the user has left. Without one the task"
        " stands on the list “of nobody”.",
        json_schema_extra={"options": "staff"},
    )
    due_days: int = Field(default=3, ge=0, le=1000, title="Due after days")
    skip_weekends: bool = Field(
        default=True, title="Count working days", description="Never due on a weekend."
    )
    guard: bool = Field(
        default=True,
        title="Update instead of doubling",
        description="An open task of the same subject, type and reason is updated.",
    )
    close_with_run: bool = Field(
        default=False,
        title="Close it when the run is taken out",
        description="Unenrolled, removed or the program stopped. Otherwise the task stays.",
    )
    then: Literal["go_on", "wait"] = Field(
        default="go_on",
        title="Then",
        json_schema_extra={
            "labels": {"go_on": "Go on at once", "wait": "Wait until it is done, with a time-out"}
        },
    )
    limit_days: int = Field(
        default=14,
        ge=1,
        le=1000,
        title="At most days",
        json_schema_extra={"when": {"then": ["wait"]}},
    )


class HumanTask(StepKind):
    """Makes a task, or updates the open one of the same kind; stops nobody unless told to wait."""

    key = "human_task"
    label = "Create task (HIT, CTA)"
    sentence = "Human intervention: makes a task (CTA) for the CSM or another of your people."
    icon = "assignment_ind"
    group = "People"
    Config = HumanTaskConfig
    # Events about subjects are recorded here: subjects are locked before participants.
    writes_subjects = True
    example = {"title": "Call {{ person.name }}", "type": 901, "reason": "Low usage"}

    def exits(self, config: HumanTaskConfig) -> tuple[Exit, ...]:
        """Two where it waits."""
        if config.then != "wait":
            return ()
        return (Exit("done", "Done", "good"), Exit("time_out", "Time out", "bad"))

    def words(self, config: HumanTaskConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        kind = names.get(f"task_type:{config.type}", "task").lower()
        whom = config.user if config.assignee == "user" else _role_words(config.role)
        days = "today" if config.due_days == 0 else f"in {config.due_days} days"
        days = "in 1 day" if config.due_days == 1 else days
        told = f"Creates a task ({kind}) for {whom or 'nobody'}, due {days}"
        if config.then == "wait":
            told += f", and waits up to {config.limit_days} days for it"
        return told

    def references(self, config: HumanTaskConfig) -> set[tuple[str, int | str]]:
        """The type."""
        return {("task_type", config.type)} if config.type else set()

    def offers(self, config: HumanTaskConfig) -> tuple[EventOffer, ...]:
        """What a wait below can wait for."""
        return (
            EventOffer("created", "created", "task.created"),
            EventOffer("closed", "closed", CLOSED),
            EventOffer("closed_successful", "closed successful", "task.succeeded"),
            EventOffer("closed_lost", "closed lost", "task.lost"),
            EventOffer("not_closed", "not closed", CLOSED, positive=False),
        )

    def listens_to(self, config: HumanTaskConfig, steps: Mapping[str, StepView]) -> set[str]:
        """The closing, where it waits."""
        return {CLOSED} if config.then == "wait" else set()

    def check(self, config: HumanTaskConfig, context: CheckContext) -> list[Mark]:
        """Title and tokens, type and reason, people."""
        tokens = context.known.lookup("tokens", known_tokens)
        problems = text_problems(config.title, config.description, tokens)
        marks = [Mark(p.path, p.message, code=p.code) for p in problems]
        if not config.type:
            return [*marks, Mark("/type", "Choose what kind of work it is.", code="missing")]
        type_ = context.referred("task_type", config.type, TaskType.objects.in_bulk)
        if type_ is None:
            marks.append(Mark("/type", "This task type no longer exists; choose another."))
        elif not type_.is_active:
            marks.append(Mark("/type", f"“{type_}” is switched off; choose another type."))
        else:
            found = reason_problems(type_, config.reason)
            marks += [Mark(p.path, p.message, code=p.code) for p in found]
        return marks + _people_marks(config, context)

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One task each, whose id is the ref of waits behind this step; none for repeats."""
        config: HumanTaskConfig = batch.step.config
        type_ = TaskType.objects.filter(pk=config.type or 0).first()
        if type_ is None:
            return {t.id: Fail("The task type of this step no longer exists.")
                    for t in batch.travellers}  # fmt: skip
        askers = _askers(batch)
        new = newcomers(askers)
        fresh = [t for t in batch.travellers if t.id in new]
        wanted = _tasks(config, fresh, batch)
        tasks = ask(wanted, [a for a in askers if a.participant_id in new], now=batch.now)
        repeated = [a for a in askers if a.participant_id not in new]
        tasks |= asked(repeated) if repeated else {}
        names = _names(task.assignee_id for task in wanted.values())
        whose = {pk: names.get(task.assignee_id or 0, "nobody") for pk, task in wanted.items()}
        return {t.id: self._outcome(t, tasks[t.id], config, type_, whose, batch)
                for t in batch.travellers}  # fmt: skip

    def resume(self, batch: StepBatch) -> dict[int, Outcome]:
        """Done, out of time, or go on waiting."""
        tasks = asked(_askers(batch))
        outcomes: dict[int, Outcome] = {}
        for t in batch.travellers:
            task = tasks.get(t.id)
            if task is not None and task.status == TaskStatus.CLOSED:
                evidence = {"outcome": task.outcome or "none"}
                outcomes[t.id] = Go("done", evidence, ref=task.task_id)
            elif t.limit_at is not None and t.limit_at <= batch.now:
                ref = task.task_id if task else None
                outcomes[t.id] = Go("time_out", {"at_limit": True}, ref=ref, expired=True)
            else:
                outcomes[t.id] = Stay()
        return outcomes

    def _outcome(
        self,
        t: Traveller,
        task: Asked,
        config: HumanTaskConfig,
        type_: TaskType,
        whose: Mapping[int, str],
        batch: StepBatch,
    ) -> Outcome:
        # No title: it may name people, and evidence is kept.
        evidence: dict[str, Any] = {"type": type_.name, "reason": config.reason}
        evidence |= {} if task.new else {"updated": True}
        if t.id in whose and task.new:
            evidence["for"] = whose[t.id]
        if config.then == "wait":
            limit = batch.now + timedelta(days=config.limit_days)
            return WaitFor(((CLOSED, task.task_id),), limit, evidence)
        return Go(evidence=evidence, ref=task.task_id)


def _askers(batch: StepBatch) -> list[Asker]:
    closes = batch.step.config.close_with_run
    return [Asker(t.id, batch.step.key, t.visit, closes) for t in batch.travellers]


def _tasks(
    config: HumanTaskConfig, travellers: Sequence[Traveller], batch: StepBatch
) -> dict[int, NewTask]:
    """The task of each, with its texts filled in and its assignee found."""
    companies = _companies(travellers)
    texts = fill(
        [(config.title, config.description)],
        [Recipient(t.person_id, companies.get(t.id), t.id, t.program_id) for t in travellers],
    )
    users = _users({config.user, config.fallback})
    fallback = users.get(config.fallback)
    role = config.role if config.assignee == "role" else ""
    owners = owners_of(sorted(set(companies.values())), role) if role else {}
    named = users.get(config.user) if config.assignee == "user" else None
    due = due_after(batch.now.date(), config.due_days, skip_weekends=config.skip_weekends)
    return {
        t.id: NewTask(
            title=title or config.title, type_id=config.type or 0, person_id=t.person_id,
            company_id=companies.get(t.id), description=description,
            assignee_id=named or owners.get(companies.get(t.id, 0)) or fallback, due_on=due,
            priority=PRIORITIES[config.priority], reason=config.reason, guarded=config.guard,
            origin=TaskOrigin.PROGRAM, program_id=t.program_id,
        )
        for t, [(title, description)] in zip(travellers, texts, strict=True)
    }  # fmt: skip


def _companies(travellers: Sequence[Traveller]) -> dict[int, int]:
    """The company of each: its own, the one it travels for, or the person's primary one."""
    alone = [t for t in travellers if not (t.company_id or t.at_company_id)]
    primary = primary_companies([t.person_id for t in alone if t.person_id])
    found = {t.id: t.company_id or t.at_company_id or primary.get(t.person_id or 0)
             for t in travellers}  # fmt: skip
    return {id_: company for id_, company in found.items() if company}


def _users(names: set[str]) -> dict[str, int]:
    """Ids of active users by name; one query."""
    rows = User.objects.filter(username__in=names - {""}, is_active=True).order_by()
    return dict(rows.values_list("username", "pk"))


def _names(ids: Iterable[int | None]) -> dict[int, str]:
    """What users are called; one query."""
    return {pk: str(user) for pk, user in User.objects.in_bulk({i for i in ids if i}).items()}


def _people_marks(config: HumanTaskConfig, context: CheckContext) -> list[Mark]:
    marks = []
    users = context.known.lookup("staff", _active)
    chosen = {"fallback": config.fallback} if config.fallback else {}
    if config.assignee == "user":
        chosen["user"] = config.user
    for name, username in chosen.items():
        if not username:
            marks.append(Mark(f"/{name}", "Choose who gets it.", code="missing"))
        elif username not in users:
            message = f"“{username}” is not an active user; choose somebody else."
            marks.append(Mark(f"/{name}", message, code="inactive"))
    if config.assignee == "role" and not config.fallback:
        roles = context.known.lookup("owner_roles", known_roles)
        if config.role.lower() not in {value.lower() for value, _ in roles}:
            message = (
                f"Nobody has the role “{config.role}” at any company: choose who gets it otherwise."
            )
            marks.append(Mark("/role", message, "warning", "nobody"))
    return marks


def _active() -> set[str]:
    return set(User.objects.filter(is_active=True).values_list("username", flat=True))


def _role_words(role: str) -> str:
    return "the CSM" if role == CSM else f"the {role}" if role else ""
