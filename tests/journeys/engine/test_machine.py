"""Whatever happens in whatever order: the engine ends where its plain retelling ends.

REL-01, PRG-06, 23, 25, 26, 42 to 45, CUS-04. `STATE_EXAMPLES=500` runs the long form.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tests.journeys.engine import agree
from tests.journeys.engine.lockstep import Lockstep, Scene

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("STATE_EXAMPLES", "25"))
STEPS = 20
SIZES = (1, 7, 1000)
SOME = st.integers(0, 11)
UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
# act to the number of numbers that it takes
ACTS = {
    "enrol": 4, "set_plan": 2, "login": 1, "mail_event": 2, "say_again": 1, "merge": 2,
    "publish": 3, "amend": 2, "pause": 1, "resume": 1, "remove": 1, "retry": 1, "erase": 1,
    "drain": 0, "advance": 0, "take_inbox": 0, "take_touches": 0, "kill": 3, "break_off": 0,
}  # fmt: skip


def machine(scene: Scene) -> type[RuleBasedStateMachine]:
    """The state machine over programs and people of a scene."""

    class Engine(RuleBasedStateMachine):
        """Acts on both sides; the checks run after each of them."""

        def __init__(self):
            super().__init__()
            self.play, self.drained = None, False

        @initialize(batch=st.sampled_from((1000, 1000, 7, 1)), who=SOME, drained=st.booleans())
        def begin(self, batch, who, drained):
            self.play = Lockstep(scene, batch)
            for program in range(4):
                self._act("enrol", program, who, who + 1, 0)
            if drained:
                self._act("drain")

        def teardown(self):
            if self.play:
                self.play.close()

        @invariant()
        def agrees(self):
            if self.play:
                agree.check(self.play, drained=self.drained)

        def _act(self, name, *numbers):
            getattr(self.play, name)(*numbers)
            self.drained = name == "drain"

        @rule(program=SOME, first=SOME, second=SOME, context=SOME)
        def enrol(self, program, first, second, context):
            self._act("enrol", program, first, second, context // 9)

        @rule()
        def drain(self):
            self._act("drain")

        @rule(hours=st.integers(1, 4))
        def pass_time(self, hours):
            self._act("pass_time", hours)

        # What happens all day long, so that plays get somewhere.

        @rule(hours=st.integers(1, 4))
        def later(self, hours):
            self._act("pass_time", hours)
            self._act("drain")

        @rule(event=SOME, message=SOME, hours=st.integers(0, 3))
        def answer(self, event, message, hours):
            self._act("drain")
            self._act("pass_time", hours)
            self._act("mail_event", event, message)
            self._act("drain")

        @rule(person=SOME, plan=SOME, hours=st.integers(0, 3))
        def change(self, person, plan, hours):
            self._act("set_plan", person, plan)
            self._act("login", person)
            self._act("drain")
            self._act("pass_time", hours)

        @rule(program=SOME, variant=st.integers(1, 2), moves=st.integers(0, 4), who=SOME)
        def next_version(self, program, variant, moves, who):
            self._act("resume", program)
            self._act("publish", program, variant, moves)
            self._act("enrol", program, who, who + 1, 1)

        @rule(run=SOME)
        def fail_and_retry(self, run):
            self._act("kill", run, 0, 2)
            self._act("drain")
            self._act("retry", run)

        @rule(rarely=st.integers(0, 9), number=SOME)
        def stop_remove_or_erase(self, rarely, number):
            if rarely < 3:
                self._act(("stop", "remove", "erase")[rarely], number)

    for name in sorted(ACTS.keys() - {"enrol", "drain", "remove", "erase"}):
        setattr(Engine, name, _rule(name, ACTS[name]))
    return Engine


def _rule(name, count):
    """A rule that plays an act with so many numbers."""

    def play(self, **numbers):
        self._act(name, *numbers.values())

    play.__name__ = name
    return rule(**{f"n{place}": SOME for place in range(count)})(play)


def test_the_engine_and_its_retelling_stay_in_step():
    """REL-01, PRG-06, 23, 25, 26, 42 to 45: any order of acts, compared after each of them."""
    run_machine(
        machine(Scene()),
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None,
            suppress_health_check=UNHURRIED, database=None, print_blob=True,
        ),
    )  # fmt: skip


SCRIPTS = st.lists(
    st.sampled_from(sorted((*ACTS, "pass_time"))).flatmap(
        lambda name: st.tuples(
            st.just(name), st.lists(SOME, min_size=ACTS.get(name, 1), max_size=ACTS.get(name, 1))
        )
    ),
    min_size=5,
    max_size=STEPS,
)


def test_batches_of_any_size_end_in_the_same_state():
    """Think in sets: one, seven or a thousand at a time, and the same end."""
    scene = Scene()

    @settings(
        max_examples=max(EXAMPLES // 4, 5), deadline=None, database=None,
        suppress_health_check=UNHURRIED, phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
    @given(people=SOME, script=SCRIPTS)
    def same(people, script):
        ends = []
        for size in SIZES:
            play = Lockstep(scene, size)
            try:
                ends.append(_played(play, people, script))
            finally:
                play.close()
        assert ends[0] == ends[1] == ends[2]

    same()


def _played(play, people, script):
    """States and histories in the order of the runs, drained."""
    for program in range(4):
        play.enrol(program, people, people + 1, 0)
    for name, numbers in script:
        getattr(play, name)(*numbers)
        if name not in ("advance", "take_inbox", "take_touches", "kill"):
            continue
        play.drain()  # who is taken first by a small batch is nobody's promise
    play.drain()
    agree.check(play, drained=True)
    stored, history = agree.states(), agree.transitions()
    return [(stored[participant], history[participant]) for participant in play.ids]
