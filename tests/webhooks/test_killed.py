"""SIGKILL at random times: what was answered 200 is there, once, bit for bit."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.webhooks.serving import SERVE, body_of, deliver, serving, stored

MUTANT = (sys.executable, str(Path(__file__).with_name("mutants.py")))


@dataclass
class Killed:
    """What many lives of one receiver came to."""

    kills: int = 0
    sent: set[bytes] = field(default_factory=set)
    acked: list[bytes] = field(default_factory=list)

    def lost(self, data: Path) -> int:
        kept = {body for (body,) in stored(data)}
        return len(set(self.acked) - kept)


def live_and_die(
    folder: Path, kills: int, seed: int, command: Sequence[str] = SERVE, *, acks: int = 0
) -> Killed:
    """Start, deliver over 16 to 64 connections, kill, again; always the same inbox."""
    rng, told = random.Random(seed), Killed()
    while told.kills < kills or len(told.acked) < acks:
        first = len(told.sent)
        bodies = [
            body_of(number, size=rng.choice((100, 600, 6_000))) for number in range(first, first + 3_000)
        ]
        told.sent |= set(bodies)
        with serving(folder, command=command) as running:
            answers = deliver(
                running.port,
                bodies,
                connections=rng.randrange(16, 65),
                kill=running.process,
                kill_after=rng.uniform(0.05, 0.5),
            )
            told.kills += running.process.wait(60) == -9
        told.acked += answers.acked
    return told


@pytest.mark.parametrize(
    ("kills", "acks"), [(8, 500), pytest.param(200, 50_000, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_given_kills_under_load_when_looked_then_nothing_acknowledged_is_lost(
    tmp_path: Path, kills: int, acks: int
) -> None:
    seed = random.randrange(1 << 30)
    told = live_and_die(tmp_path, kills, seed, acks=acks)

    data = tmp_path / "data"
    print(f"seed {seed}: {told.kills} kills, {len(told.acked)} acks, {told.lost(data)} lost")
    assert told.lost(data) == 0, f"seed {seed}"
    bodies = [bytes(body) for (body,) in stored(data)]  # type: ignore[call-overload]
    assert len(bodies) == len(set(bodies))
    assert set(bodies) <= told.sent
    assert stored(data, "pragma integrity_check") == [("ok",)]


def test_given_a_receiver_that_answers_first_when_killed_then_it_loses(tmp_path: Path) -> None:
    """The mutant: if it lost nothing, the test above would prove nothing."""
    for seed in range(5):
        folder = tmp_path / str(seed)
        told = live_and_die(folder, 2, seed, (*MUTANT, "ack_first", "serve"))
        if told.lost(folder / "data"):
            return
    raise AssertionError("ten kills, and nothing was lost")
