"""The engine over real HTTP against the simulated shop: each way that an action can go, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from actions.bench import ACTION_KEY, END, KEY, Bench
from actions.stores import in_file
from loop_returns.actions.send import Poster
from loop_returns.actions.states import Kind, State
from loop_returns.simulator.app import Fault, Simulator, Switches
from loop_returns.simulator.world import build_world


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    world = build_world(seed=7, returns=400, days=180, end=END)
    with Simulator(world, Switches(process_seconds=0.05), api_key=KEY) as shop:
        shop.action_api_key = ACTION_KEY
        yield Bench(tmp_path, shop)


@pytest.mark.parametrize(
    ("action", "ends"), [("flag", "review"), ("cancel", "cancelled"), ("process", "closed")]
)
def test_an_action_is_accepted_and_then_confirmed(bench: Bench, action: Kind, ends: str) -> None:
    one = bench.ids()[0]
    (key,) = bench.approve(action, one)

    report = bench.apply()

    assert bench.ways(key) == ["APPROVED", "INTENT", "ACCEPTED", "CONFIRMED"]
    assert bench.shop.actions.effects == {(one, action): 1}
    assert (report.stopped, report.held, report.unread) == (None, {}, {})
    assert (bench.reader.details(one) or {})["state"] == ends


def test_a_flag_says_why_in_a_note(bench: Bench) -> None:
    one = bench.ids()[0]
    (key,) = bench.approve("flag", one, reason="box was\nempty; '; drop table returns; --" + "x" * 300)

    bench.apply()

    (note,) = bench.reader.notes(one)
    assert note.startswith("box was empty; '; drop table returns; --xxx")
    assert note.endswith(f" [loop-returns {key[:12]}]")
    assert len(note) < 255
    assert bench.posts == [f"/warehouse/return/{one}/note", f"/warehouse/return/{one}/flag"]


@pytest.mark.parametrize(
    ("fault", "ways", "effects"),
    [
        (Fault("effect_no_answer"), ["IN_DOUBT", "CONFIRMED"], 1),
        (Fault("effect_status", status=503), ["IN_DOUBT", "CONFIRMED"], 1),
        (Fault("late_effect", seconds=0.1), ["IN_DOUBT", "CONFIRMED"], 1),
        (Fault("partial"), ["ACCEPTED", "PARKED"], 1),
        (Fault("another_actor", to="cancelled"), ["REJECTED"], 0),
        (Fault("another_actor", to="closed"), ["REJECTED", "ALREADY"], 0),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_what_may_go_wrong_with_a_process(bench: Bench, fault: Fault, ways: list[str], effects: int) -> None:
    (key,) = bench.approve("process", bench.ids()[0])
    bench.shop.actions.next_faults = [fault]

    bench.apply()
    bench.clock.sleep(10)
    bench.confirm()

    assert bench.ways(key) == ["APPROVED", "INTENT", *ways]
    assert sum(bench.shop.actions.effects.values()) == effects
    assert len(bench.posts) == 1
    bench.apply()
    assert len(bench.posts) == 1


@pytest.mark.parametrize("kind", ["no_effect", "fails"])
def test_an_accepted_process_that_never_closes_is_parked_after_a_day(bench: Bench, kind: Any) -> None:
    (key,) = bench.approve("process", bench.ids()[0])
    bench.shop.actions.next_faults = [Fault(kind)]

    bench.apply(limits={"confirm_seconds": 0})
    assert bench.state(key) == State.ACCEPTED
    bench.clock._from += timedelta(hours=25)
    bench.confirm()

    assert bench.ways(key)[-2:] == ["ACCEPTED", "PARKED"]


def test_a_doubt_about_an_open_return_is_parked_after_the_settle_time(bench: Bench) -> None:
    (key,) = bench.approve("process", bench.ids()[0])
    bench.shop.actions.next_faults = [Fault("late_effect", seconds=1000)]

    bench.apply()
    bench.confirm()
    assert bench.state(key) == State.IN_DOUBT
    bench.clock._from += timedelta(seconds=901)
    bench.confirm()

    assert bench.state(key) == State.PARKED
    bench.apply()
    assert len(bench.posts) == 1


@pytest.mark.parametrize(
    ("of", "ends"),
    [("closed", "ALREADY"), ("cancelled", "CONFLICT"), ("expired", "CONFLICT"), ("review", "STALE")],
)
def test_a_state_that_forbids_the_action_is_seen_before_anything_is_sent(
    bench: Bench, of: str, ends: str
) -> None:
    (key,) = bench.approve("process", bench.ids(of)[0])

    bench.apply()

    assert bench.state(key) == ends
    assert bench.posts == []


def test_a_return_that_does_not_exist_is_refused_and_the_others_go_on(bench: Bench) -> None:
    one = bench.ids()[0]
    unknown, known = bench.approve("flag", "99", one)

    bench.apply()

    assert (bench.state(unknown), bench.state(known)) == (State.REJECTED, State.CONFIRMED)


def test_a_return_that_changed_since_the_approval_is_stale(bench: Bench) -> None:
    (key,) = bench.approve("flag", bench.ids()[0], expected_outcome="nothing")

    bench.apply()

    action = bench.ledger.action(key)
    assert action is not None
    assert (action.state, bench.posts) == (State.STALE, [])
    assert list(bench.ledger.events())[-1].reason == "changed since it was approved: outcome"


@pytest.mark.parametrize(("status", "code"), [(401, "401"), (403, "403"), (302, "302")])
def test_a_refused_key_or_a_redirect_ends_the_run(bench: Bench, status: int, code: str) -> None:
    first, second = bench.approve("process", *bench.ids()[:2])
    bench.shop.fail_when = lambda seen: (
        status
        if seen.method == "POST" and status != 302
        else (Fault("redirect") if seen.method == "POST" else None)
    )

    report = bench.apply()

    assert (report.stopped or "").startswith(f"Loop answered {code}")
    assert report.key_refused == (status != 302)
    assert bench.state(first) == ("IN_DOUBT" if status == 302 else "APPROVED")
    assert (bench.state(second), len(bench.posts)) == (State.APPROVED, 1)


def test_a_429_waits_as_long_as_loop_asks_and_is_sent_again(bench: Bench) -> None:
    (key,) = bench.approve("process", bench.ids()[0])
    waits = [Fault("retry_after", retry_after=30)]
    bench.shop.fail_when = lambda seen: waits.pop() if waits and seen.method == "POST" else None
    started = bench.clock.monotonic()

    bench.apply()

    assert bench.ways(key) == ["APPROVED", "INTENT", "APPROVED", "INTENT", "ACCEPTED", "CONFIRMED"]
    assert bench.clock.monotonic() - started >= 30
    assert sum(bench.shop.actions.effects.values()) == 1


def test_what_can_never_be_sent_is_parked_after_five_tries(bench: Bench) -> None:
    (key,) = bench.approve("process", bench.ids()[0])
    nobody = Poster("http://127.0.0.1:9/api/v1", ACTION_KEY)

    bench.apply(nobody)

    assert bench.ways(key).count("INTENT") == 5
    assert bench.ways(key)[-1] == "PARKED"


def test_a_marker_that_is_not_there_proves_that_nothing_arrived(bench: Bench) -> None:
    one = bench.ids()[0]
    (key,) = bench.approve("process", one)
    bench.shop.actions.next_faults = [Fault("late_effect", seconds=1000)]
    marked = {"marker_verified": True}
    bench.apply(limits=marked)
    bench.clock._from += timedelta(seconds=901)

    bench.apply(limits=marked)

    assert bench.ways(key) == [
        "APPROVED",
        "INTENT",
        "IN_DOUBT",
        "APPROVED",
        "INTENT",
        "ACCEPTED",
        "CONFIRMED",
    ]
    assert f"loop-returns: loop-returns process {key[:16]}" in bench.reader.notes(one)


def test_a_run_is_asked_to_end_and_finishes_what_it_began(bench: Bench) -> None:
    keys = bench.approve("flag", *bench.ids()[:3])

    report = bench.apply(is_over=lambda: len(bench.posts) >= 2)

    assert [bench.state(key) for key in keys] == ["CONFIRMED", "APPROVED", "APPROVED"]
    assert (report.stopped or "").startswith("asked to end")


def test_the_kill_switch_stops_a_running_apply(bench: Bench) -> None:
    from actions.ledgers import entry

    keys = bench.approve("flag", *bench.ids()[:3])
    bench.shop.fail_when = lambda seen: _stop_at_second(bench, seen, entry("fire"))

    report = bench.apply()

    assert bench.state(keys[0]) == "CONFIRMED"
    assert bench.state(keys[2]) == "APPROVED"
    assert report.stopped == "stopped: the kill switch is on (fire)"


def _stop_at_second(bench: Bench, seen: Any, why: Any) -> None:
    if seen.method == "POST" and len(bench.posts) == 2:
        in_file(bench.file).set_stop("fire", why)


def test_three_errors_in_a_row_stop_the_run(bench: Bench) -> None:
    keys = bench.approve("process", *bench.ids()[:5])
    bench.shop.actions.next_faults = [Fault("another_actor", to="expired")] * 5

    report = bench.apply(limits={"stop_after_errors": 3})

    assert [bench.state(key) for key in keys] == ["REJECTED"] * 3 + ["APPROVED"] * 2
    assert report.stopped == "stop_after_errors: 3 errors in a row"


def test_the_first_process_goes_alone(bench: Bench) -> None:
    keys = bench.approve("process", *bench.ids()[:3])
    bench.shop.actions.next_faults = [Fault("partial")]

    report = bench.apply(limits={"canary_seconds": 60})

    assert [bench.state(key) for key in keys] == ["PARKED", "APPROVED", "APPROVED"]
    assert report.stopped == "canary: the first process is PARKED"


def test_the_switch_says_whether_success_is_a_text(bench: Bench) -> None:
    bench.shop.switches = replace(bench.shop.switches, success="true")
    (key,) = bench.approve("flag", bench.ids()[0])

    bench.apply()

    assert bench.state(key) == State.CONFIRMED
