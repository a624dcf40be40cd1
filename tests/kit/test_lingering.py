"""Wake-ups reach a worker that lingers, and none is left behind (real Redis)."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from rq import Queue
from rq.serializers import JSONSerializer

from csplatform.kit import jobs, lingering
from csplatform.kit.jobs import LaneWork, redis_client

# Redis is shared by the parallel tests.
pytestmark = [pytest.mark.django_db, pytest.mark.serial]


@pytest.fixture(autouse=True)
def _really_awake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wake-ups of this file go out, to a Redis without leftovers."""
    monkeypatch.undo()
    lingering.leave(redis_client(), "live")
    redis_client().delete(jobs._flag("live"))
    yield
    queue().empty()


def queue() -> Queue:
    return Queue("live", connection=redis_client(), serializer=JSONSerializer)


class Lane:
    """A worker of the lane in a thread, whose only work counts."""

    def __init__(self) -> None:
        self.due, self.done = 0, 0
        self.thread = threading.Thread(target=self.run)

    def work(self) -> int:
        found, self.due = self.due, 0
        self.done += found
        return found

    def run(self) -> None:
        try:
            jobs.run_lane("live")
        finally:
            connection.close()


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> Lane:
    found = Lane()
    only = [LaneWork("test.lane", "live", found.work, lambda: bool(found.due))]
    monkeypatch.setattr(jobs, "lane_work", only)
    return found


def wait_until(condition: object, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def lingers() -> bool:
    return bool(redis_client().exists(lingering._keys("live")[0]))


def test_a_lingering_worker_is_poked_and_no_job_is_enqueued(lane: Lane) -> None:
    """PRG-25: the next click waits for no new job."""
    lane.thread.start()
    wait_until(lingers)
    for number in (1, 2, 3):
        lane.due = 1
        assert jobs.wake("live")
        wait_until(lambda number=number: lane.done == number)
    assert queue().count == 0
    lane.thread.join(5)
    assert not lane.thread.is_alive()
    assert not lingers()


def test_what_comes_while_it_looks_waits_for_no_job_behind_it(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REL-01: work that arrives just after the look, by a wake-up during it."""
    asked = []

    def work() -> int:
        if not asked:  # the look is over when the wake-up and its work come
            asked.append(jobs.wake("live"))
            lane.due = 1
            return 0
        return lane.work()

    only = [LaneWork("test.lane", "live", work, lambda: bool(lane.due))]
    monkeypatch.setattr(jobs, "lane_work", only)
    began = time.monotonic()
    lane.thread.start()
    wait_until(lambda: lane.done == 1)
    assert time.monotonic() - began < lingering.LINGER_SECONDS / 2
    assert (asked, queue().count) == ([True], 0)
    lane.thread.join(5)


def test_nobody_lingers_while_a_job_waits(lane: Lane) -> None:
    """REL-01: a job that was enqueued all the same runs at once."""
    assert jobs.wake("live")
    began = time.monotonic()
    jobs.run_lane("live")
    assert time.monotonic() - began < lingering.LINGER_SECONDS / 2


def test_when_nobody_lingers_a_job_is_enqueued(lane: Lane) -> None:
    """REL-01: the ordinary way."""
    assert jobs.wake("live")
    assert queue().count == 1
    assert not jobs.wake("live")  # somebody was called already


def test_whoever_comes_at_the_last_moment_is_heard() -> None:
    """REL-01: leaving and looking are one step."""
    redis_client().set(lingering._keys("live")[0], 1)
    assert lingering.poke(redis_client(), "live")
    assert lingering.leave(redis_client(), "live")
    assert not lingering.poke(redis_client(), "live")
    assert not lingering.leave(redis_client(), "live")


def test_a_worker_with_more_to_do_calls_the_next_job(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REL-01: a poke that came while it worked is not lost with the list of pokes."""
    monkeypatch.setattr(jobs, "SLICE_SECONDS", -1)
    lane.due = 1
    redis_client().set(lingering._keys("live")[0], 1)
    assert jobs.wake("live")  # pokes, and sets the flag
    jobs.run_lane("live")
    assert lane.done == 1
    assert queue().count == 1


def test_a_killed_lingerer_is_forgotten_soon() -> None:
    """REL-01: what it left in Redis has an end."""
    redis_client().set(lingering._keys("live")[0], 1, ex=lingering.HERE_SECONDS)
    assert jobs.wake("live")  # into the void
    assert redis_client().ttl(lingering._keys("live")[0]) <= 5
    assert 0 < redis_client().ttl(lingering._keys("live")[1]) <= 5
