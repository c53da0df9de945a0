"""The real engine in virtual time: killed at every step, paused, run twice at once, on a hostile network.

Nothing may be done twice, nothing may be lost, no verdict may be wrong, and everything must end or be parked.
"""

from __future__ import annotations

import pytest

from actions import mutants, virtual
from actions.conftest import in_postgres
from actions.ledgers import NOON, approved, request
from actions.virtual import CALM, FAULTS, HOSTILE, MILD, VirtualClock, VirtualWire, Weather, World, simulate
from loop_returns.actions.engine import Engine
from loop_returns.actions.recovery import Setting
from loop_returns.actions.states import State
from support.postgres import Server

LEVELS = [
    pytest.param(MILD, False, 0.85, id="mild"),
    pytest.param(MILD, True, 0.9, id="mild-marker"),
    pytest.param(HOSTILE, False, 0.6, id="hostile"),
    pytest.param(HOSTILE, True, 0.75, id="hostile-marker"),
]


def check(weather: Weather, deaths: int, *, marker: bool, progress: float, first: int = 0) -> None:
    found = simulate(range(first, first + 100_000), weather, marker=marker, deaths=deaths)

    print(found)
    assert found.bad == 0, found
    assert found.deaths >= deaths
    assert found.posts > found.actions / 2
    assert found.states[State.CONFIRMED] > progress * found.actions, found


@pytest.mark.parametrize(("weather", "marker", "progress"), LEVELS)
def test_thousands_of_deaths(weather: Weather, marker: bool, progress: float) -> None:
    check(weather, 4300 if weather is HOSTILE else 700, marker=marker, progress=progress)


@pytest.mark.slow
@pytest.mark.parametrize(("weather", "marker", "progress"), LEVELS)
def test_tens_of_thousands_of_deaths(weather: Weather, marker: bool, progress: float) -> None:
    check(weather, 40_000 if weather is HOSTILE else 10_000, marker=marker, progress=progress, first=10**6)


def test_dozens_of_deaths_over_postgres(postgres_server: Server) -> None:
    found = simulate(
        range(1000), HOSTILE, deaths=60, new=lambda: in_postgres(postgres_server.uri()).open("virtual")
    )

    print(found)
    assert found.bad == 0, found
    assert found.posts > found.actions / 2
    assert found.states[State.CONFIRMED] > 0.4 * found.actions, found


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_a_death_at_each_single_step(fault: str) -> None:
    verdicts = virtual.Verdicts()
    for kill_at in range(1, 1000):
        world = World(7, CALM)
        world.kill_at, world.only_fault = kill_at, fault
        verdicts.judge(world, virtual.live_through(world, actions=1))
        if not world.deaths:
            break

    print(verdicts)
    assert verdicts.bad == 0, verdicts
    assert verdicts.deaths >= 15


MUTANTS = [
    (mutants.CallThenWrite, False),
    (mutants.WriteThenCall, False),
    (mutants.NoSettle, False),
    (mutants.ShortSettle, True),
    (mutants.RetryingHelper, False),
    (mutants.ResendWithoutEvidence, False),
    (mutants.NoDeadline, True),
    (mutants.RowsDeadline, True),
]


@pytest.mark.parametrize(("mutant", "marker"), MUTANTS, ids=lambda value: getattr(value, "__name__", None))
def test_each_mutant_is_caught(mutant: type[Engine], marker: bool) -> None:
    for seed in range(400):
        found = simulate(range(seed, seed + 1), HOSTILE, mutant, marker=marker)
        if found.double or found.lost or found.wrong:
            return
    raise AssertionError(f"{mutant.__name__} did no harm in 400 worlds")


@pytest.mark.parametrize(("engine", "paid"), [(Engine, 1), (mutants.VersionAfterRead, 2)])
def test_a_reading_of_an_older_attempt_decides_nothing(engine: type[Engine], paid: int) -> None:
    """The ABA case: one run reads "not arrived" and sleeps; another sends again; the first one wakes."""
    world = World(1, CALM, marker=True)
    world.state["1"], world.notes["1"] = "open", []
    (action,) = approved(world.ledger, request("1", "process"))
    world._job_seconds = lambda: 40_000.0  # type: ignore[method-assign] # a job that takes long

    def run(name: str, kind: type[Engine] = Engine) -> Engine:
        setting = Setting(limits=world.limits, run_id=name)
        return kind(world.ledger, VirtualWire(world, name), VirtualClock(world), setting)

    def go(steps: object, until: str = "") -> None:
        for step in steps:  # type: ignore[attr-defined] # a generator of steps
            world.run_until(world.now + step.wait)
            if step.name == until:
                return

    go(run("first").apply(action.plan_digest), "before sending")  # dies with an intent
    world.run_until(1000)
    sleeper = run("sleeper", engine).confirm(at_once=True)
    go(sleeper, "read")  # has read: open, no marker, settled; sleeps before it writes
    world.only_fault = "no_answer"
    go(
        run("second").apply(action.plan_digest), "answer written"
    )  # sends again: it arrives, without an answer
    doubted = world.ledger.action(action.action_key)
    assert doubted is not None
    assert (doubted.state, doubted.attempt) == (State.IN_DOUBT, 2)

    go(sleeper)
    go(run("third").apply(action.plan_digest))
    world.run_until(200_000)

    assert world.effects["1"] == paid
    assert VirtualClock(World(1, CALM)).now() == NOON
