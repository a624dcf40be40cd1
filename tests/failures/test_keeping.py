"""Errors inside jobs are kept, cheaply, and whatever state the work's connection is in (OPS-03)."""

import logging
import time

import pytest
from django.db import DatabaseError, OperationalError, connection, connections, transaction

from csplatform.accounts.models import Role
from csplatform.failures import keeping
from csplatform.failures.keeping import Keeper
from csplatform.failures.models import Failure, State
from csplatform.failures.operations import purge, retry, solve, start_again
from csplatform.kit import jobs
from csplatform.kit.clock import now
from csplatform.kit.errors import NotAllowed
from csplatform.kit.failing import Failed, tell
from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic, run_lane, run_periodic
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "ada@lovelace.example"


class Machine:
    """Work of a lane, or a chore, that fails while it is broken."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.runs = error, 0

    def __call__(self) -> int:
        self.runs += 1
        secret_of_a_variable = SECRET
        if self.error:
            raise self.error
        return len(secret_of_a_variable) * 0

    def work(self, key: str = "test.work") -> LaneWork:
        return LaneWork(key, "live", self, lambda: False)


def only() -> Failure:
    return Failure.objects.get()


class TestWork:
    def test_it_fails_is_tried_again_and_solved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        woken = []
        monkeypatch.setattr(jobs, "wake", lambda lane: woken.append(lane) or True)
        machine = Machine(ValueError(f"no plan for {SECRET}"))
        with lane_work.temporarily("test.work", machine.work()):
            run_lane("live")
            failure = only()
            assert (failure.kind, failure.work, failure.lane) == ("work", "test.work", "live")
            assert failure.error_type == "ValueError"
            assert failure.place == "tests/failures/test_keeping.py in __call__"
            assert failure.message == "no plan for (address)"
            assert "raise self.error" in failure.traceback
            assert "lovelace" not in failure.traceback
            assert (failure.count, failure.state) == (1, State.OPEN)
            assert retry([failure.pk], actor=None) == 1
            assert (woken, only().state) == (["live"], State.RETRIED)
            machine.error = None
            run_lane("live")
        assert (only().state, only().solved_how) == (
            State.SOLVED, "Ran well after it was tried again",
        )  # fmt: skip

    def test_a_retry_that_fails_opens_it_again(self) -> None:
        machine = Machine(ValueError("no"))
        with lane_work.temporarily("test.work", machine.work()):
            run_lane("live")
            retry([only().pk], actor=None)
            run_lane("live")
        assert (only().state, only().count, only().came_back) == (State.OPEN, 2, 0)

    def test_what_comes_back_after_a_solution_says_so(self) -> None:
        machine = Machine(ValueError("no"))
        with lane_work.temporarily("test.work", machine.work()):
            run_lane("live")
            user = factories.staff()
            assert solve([only().pk], actor=user) == 1
            assert (only().state, only().solved_by) == (State.SOLVED, user)
            assert solve([only().pk], actor=user) == 0
            run_lane("live")
        assert (only().state, only().came_back, only().solved_by) == (State.OPEN, 1, None)

    def test_an_open_one_is_not_solved_by_a_lucky_run(self) -> None:
        machine = Machine(ValueError("no"))
        with lane_work.temporarily("test.work", machine.work()):
            run_lane("live")
            machine.error = None
            run_lane("live")
        assert only().state == State.OPEN

    def test_a_lost_connection_is_over_when_it_runs_again(self) -> None:
        machine = Machine(OperationalError("server closed the connection"))
        with lane_work.temporarily("test.work", machine.work()):
            run_lane("live")
            assert (only().state, only().passing) == (State.OPEN, True)
            machine.error = None
            run_lane("live")
        assert (only().state, only().solved_how) == (State.SOLVED, "Ran well again")

    def test_others_of_the_lane_go_on(self) -> None:
        broken, fine = Machine(ValueError("no")), Machine()
        with (
            lane_work.temporarily("test.broken", broken.work("test.broken")),
            lane_work.temporarily("test.fine", fine.work("test.fine")),
        ):
            run_lane("live")
        assert fine.runs == 1

    def test_errors_that_the_work_caught_itself_are_kept(self) -> None:
        """Such as the one poisoned row of a batch, in the middle of a broken transaction."""

        def run() -> int:
            with transaction.atomic():
                try:
                    with connection.cursor() as cursor:
                        cursor.execute("SELECT no_such_column")
                except DatabaseError:
                    logging.getLogger("test.room").exception("row not worked off")
                    transaction.set_rollback(True)
            return 0

        with lane_work.temporarily("test.work", LaneWork("test.work", "live", run, lambda: False)):
            run_lane("live")
        assert only().message.startswith("row not worked off: column")
        assert only().error_type == "ProgrammingError"

    def test_errors_outside_of_jobs_are_none_of_its_business(self) -> None:
        try:
            raise ValueError("a page")
        except ValueError:
            logging.getLogger("test.room").exception("page failed")
        assert not Failure.objects.exists()


class TestChores:
    def test_it_fails_is_tried_again_and_solved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        monkeypatch.setattr(
            "csplatform.failures.operations.enqueue_periodic", lambda key: asked.append(key)
        )
        machine = Machine(KeyError("plan"))
        with periodic.temporarily("test.chore", Periodic("test.chore", 60, machine)):
            run_periodic("test.chore")  # ends well for RQ: it is kept here
            assert (only().kind, only().lane) == ("chore", "slow")
            retry([only().pk], actor=None)
            assert asked == ["test.chore"]
            machine.error = None
            run_periodic("test.chore")
        assert only().state == State.SOLVED

    def test_a_lost_retry_is_started_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        monkeypatch.setattr(
            "csplatform.failures.operations.enqueue_periodic", lambda key: asked.append(key)
        )
        with periodic.temporarily("test.chore", Periodic("test.chore", 60, Machine(KeyError("p")))):
            run_periodic("test.chore")
            retry([only().pk], actor=None)
            assert start_again() == 0
            Failure.objects.update(retried_at="2026-01-01T00:00Z")
            assert start_again() == 1
        assert asked == ["test.chore"] * 2
        assert start_again() == 1
        assert retry([only().pk], actor=None) == 0, "the chore no longer exists"

    def test_where_it_cannot_be_kept_the_job_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeping, "_UPSERT", "SELECT broken")
        chore = Periodic("test.chore", 60, Machine(KeyError("plan")))
        with periodic.temporarily("test.chore", chore), pytest.raises(KeyError):
            run_periodic("test.chore")


def failed(text: str = "no", key: str = "test.work") -> Failed:
    try:
        raise ValueError(text)
    except ValueError as error:
        return Failed("work", key, "live", error)


class TestCost:
    def test_a_hundred_a_second_are_written_once_and_counted(
        self, monkeypatch: pytest.MonkeyPatch, keeper: Keeper
    ) -> None:
        monkeypatch.setattr(keeping, "EVERY_SECONDS", 60.0)
        opened = []
        create = connections.create_connection
        monkeypatch.setattr(
            connections, "create_connection", lambda alias: opened.append(1) or create(alias)
        )
        failure = failed()
        began = time.perf_counter()
        for _ in range(1000):
            assert tell(failure)
        assert time.perf_counter() - began < 2
        assert (len(opened), only().count) == (1, 1)
        keeper.went_well("other", 0)
        assert only().count == 1000

    def test_what_was_only_counted_does_not_reopen_what_was_tried_again_after(
        self, monkeypatch: pytest.MonkeyPatch, keeper: Keeper
    ) -> None:
        monkeypatch.setattr(keeping, "EVERY_SECONDS", 60.0)
        for _ in range(3):
            tell(failed())
        time.sleep(0.01)
        Failure.objects.update(state=State.RETRIED, retried_at=now())
        keeper.went_well("other", 0)
        assert (only().count, only().state) == (3, State.RETRIED)

    def test_while_the_database_is_away_it_rests(
        self, monkeypatch: pytest.MonkeyPatch, keeper: Keeper
    ) -> None:
        tried = []

        def away(alias: str) -> None:
            tried.append(1)
            raise OperationalError("away")

        monkeypatch.setattr(connections, "create_connection", away)
        assert tell(failed()) is False
        for _ in range(10):
            assert tell(failed()) is True  # said once
        assert tried == [1]

    def test_it_forgets_groups_rather_than_growing(self, keeper: Keeper, monkeypatch) -> None:
        monkeypatch.setattr(keeping, "MOST_GROUPS", 3)
        for number in range(7):
            tell(failed(key=f"test.{number}"))
        assert len(keeper._held) <= 3
        assert Failure.objects.count() == 7

    def test_texts_are_cut_and_fit_the_database(self) -> None:
        tell(failed("x\x00" * 50_000))
        assert len(only().message) <= 1000
        assert len(only().traceback) <= 20_000


def test_what_was_nobodys_fault_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle lane would else not run, and it would stay open."""
    woken = []
    monkeypatch.setattr(jobs, "wake", lambda lane: woken.append(lane) or True)
    machine = Machine(OperationalError("server closed the connection"))
    with lane_work.temporarily("test.work", machine.work()):
        run_lane("live")
        Failure.objects.update(last_at="2026-01-01T00:00Z")
        assert start_again() == 1
    assert woken == ["live"]


def test_old_solved_ones_are_forgotten() -> None:
    for key, state, at in (
        ("a", "solved", "2026-01-01T00:00Z"), ("b", "open", None), ("c", "solved", now()),
    ):  # fmt: skip
        tell(failed(key=f"test.{key}"))
        Failure.objects.filter(work=f"test.{key}").update(state=state, solved_at=at)
    assert purge() == 1
    assert set(Failure.objects.values_list("work", flat=True)) == {"test.b", "test.c"}


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_only_admins_decide(role: Role) -> None:
    tell(failed())
    for act in (retry, solve):
        with pytest.raises(NotAllowed):
            act([only().pk], actor=factories.staff(role))
