"""An ERP that performs and drops the answer, fails, limits, hangs: exactly one record per return."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.forward.erp import Erp, Faults
from tests.forward.rows import a_return, fill, send, to

from loop_returns.webhooks.forward import Forwarder, sender
from loop_returns.webhooks.outbox import Outbox

HOSTILE = Faults(dropped=0.2, slow=0.02, failed=0.1, limited=0.02, hang_seconds=2.0)
PATIENCE = {"timeout_seconds": 1.0}
IN_AN_HOUR = (timedelta(hours=1),)
SCALES = [pytest.param(100, id="100"), pytest.param(1_000, id="1000", marks=pytest.mark.slow)]


@pytest.mark.parametrize("returns", SCALES)
def test_given_a_hostile_erp_when_it_can_upsert_then_it_ends_with_one_record_per_return(
    erp: Erp, outbox: Outbox, returns: int
) -> None:
    erp.faults = HOSTILE
    endpoint = to(erp, **PATIENCE)
    fill(outbox, endpoint, *(a_return(str(number)) for number in range(returns)))

    for _ in range(20):
        send(outbox, endpoint)

    print(f"upsert: {returns} returns, {erp.requests} requests, {len(erp.records)} records")
    assert outbox.counts("erp")["SENT"] == returns
    assert sorted(erp.records, key=int) == [str(number) for number in range(returns)]
    assert max(erp.bookings.values()) > 1, "the ERP dropped no answer: the test tests nothing"


@pytest.mark.parametrize("returns", SCALES)
def test_given_a_hostile_erp_when_it_is_unsafe_then_nothing_is_booked_twice_and_the_rest_is_parked(
    erp: Erp, outbox: Outbox, returns: int
) -> None:
    erp.faults = HOSTILE
    endpoint = to(erp, mode="unsafe", **PATIENCE)
    fill(outbox, endpoint, *(a_return(str(number)) for number in range(returns)))

    for _ in range(20):
        send(outbox, endpoint)

    counts = outbox.counts("erp")
    most = max(erp.bookings.values())
    print(f"unsafe: {returns} returns, {erp.requests} requests, {most} booking at most, {counts}")
    assert max(erp.bookings.values()) == 1
    assert counts["SENT"] + counts["PARKED"] == returns
    assert counts["SENT"] > 0.55 * returns
    assert counts["PARKED"] > 0
    lost = len({each.idempotency_key for each in outbox.stuck("erp")} - set(erp.bookings))
    assert len(erp.records) == returns - lost


@pytest.mark.parametrize(
    "histories", [pytest.param(60, id="60"), pytest.param(1_000, marks=pytest.mark.slow)]
)
def test_given_shuffled_histories_when_sent_then_each_return_keeps_its_order(
    erp: Erp, outbox: Outbox, histories: int
) -> None:
    erp.faults = Faults(dropped=0.1, failed=0.1)
    endpoint = to(erp, parallel=16)
    steps = [(str(number), step) for number in range(histories) for step in range(3)]
    random.Random(3).shuffle(steps)
    seen: dict[str, int] = {}
    for return_id, _ in steps:
        seen[return_id] = seen.get(return_id, -1) + 1
        fill(outbox, endpoint, a_return(return_id, step=seen[return_id]))

    for _ in range(20):
        send(outbox, endpoint)

    assert outbox.counts("erp")["SENT"] == histories * 3
    assert [order for order in erp.order.values() if order != sorted(order) or len(order) != 3] == []


@pytest.mark.parametrize("mode", ["upsert", "unsafe"])
@pytest.mark.parametrize("kills", [pytest.param(8, id="8"), pytest.param(100, marks=pytest.mark.slow)])
def test_given_kills_while_sending_when_run_again_then_upsert_is_whole_and_unsafe_never_twice(
    erp: Erp, tmp_path: Path, mode: str, kills: int
) -> None:
    erp.faults = Faults(dropped=0.1)
    outbox = Outbox(tmp_path)
    endpoint = to(erp, mode=mode, parallel=4)
    returns = 40 * kills
    fill(outbox, endpoint, *(a_return(str(number)) for number in range(returns)))
    chance, before = random.Random(11), 0

    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forward.sending", str(tmp_path), erp.url, mode]
        )
        wanted, deadline = erp.requests + 5, time.monotonic() + 20
        while erp.requests < wanted and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.03)
        process.kill()
        process.wait()
    before = erp.requests
    for _ in range(10):
        with sender(tmp_path):
            send(outbox, endpoint)

    counts = outbox.counts("erp")
    outbox.close()
    print(f"{mode}: {kills} kills, {returns} returns, {erp.requests} requests, {counts}")
    assert before > kills
    if mode == "upsert":
        assert counts["SENT"] == len(erp.records) == returns
    else:
        assert max(erp.bookings.values()) == 1
        assert counts["SENT"] + counts["PARKED"] == returns


def test_given_all_sent_when_replayed_twice_then_the_erp_is_as_it_was(erp: Erp, outbox: Outbox) -> None:
    endpoint = to(erp)
    fill(outbox, endpoint, *(a_return(str(number)) for number in range(10)))
    fill(outbox, endpoint, a_return("3", step=2))
    send(outbox, endpoint)
    before = dict(erp.records)

    for times in (2, 3):
        assert outbox.replay("erp", ("DEAD", "SENT"), datetime.now(UTC)) == 10
        send(outbox, endpoint)

        assert erp.records == before
        assert erp.bookings["rma:shop:3:updated:1795176120"] == times
    assert len(erp.bookings) == 11


def test_given_a_span_or_a_return_when_replayed_then_only_these_are_sent(erp: Erp, outbox: Outbox) -> None:
    endpoint = to(erp)
    fill(outbox, endpoint, *(a_return(str(number), step=number) for number in range(10)))
    send(outbox, endpoint)
    start = datetime(2026, 11, 20, 12, 3, tzinfo=UTC)

    assert outbox.replay("erp", ("SENT",), datetime.now(UTC), start, start + timedelta(minutes=2)) == 2
    assert outbox.replay("erp", ("SENT",), datetime.now(UTC), return_id="7") == 1


def test_given_410_when_sent_then_the_endpoint_is_off_until_it_is_replayed(erp: Erp, outbox: Outbox) -> None:
    endpoint = to(erp, parallel=1)
    erp.faults = Faults(status=410)
    fill(outbox, endpoint, a_return("1"), a_return("2"))

    assert send(outbox, endpoint).stopped == "disabled"
    send(outbox, endpoint)
    asked = erp.requests
    erp.faults = Faults()
    outbox.replay("erp", ("DEAD",), datetime.now(UTC))
    send(outbox, endpoint)

    assert asked == 1
    assert sorted(erp.records) == ["1", "2"]


@pytest.mark.parametrize("mode", ["upsert", "unsafe"])
def test_given_429_with_a_long_wait_when_sent_then_nothing_more_is_asked(
    erp: Erp, outbox: Outbox, mode: str
) -> None:
    endpoint = to(erp, parallel=1, mode=mode)
    erp.faults = Faults(status=429)
    fill(outbox, endpoint, a_return("1"), a_return("2"))
    late = datetime.now(UTC) + timedelta(hours=3)

    assert send(outbox, endpoint, patience=timedelta(0)).failed >= 1
    outbox.pause("erp", late)
    asked = erp.requests
    assert send(outbox, endpoint).stopped == "paused"
    assert erp.requests == asked
    erp.faults = Faults()
    Forwarder(outbox, endpoint, now=lambda: late + timedelta(hours=1), patience=timedelta(0)).run()

    assert erp.bookings == dict.fromkeys(erp.bookings, 1)
    assert sorted(erp.records) == ["1", "2"]


def test_given_a_day_of_failures_when_sent_then_it_is_dead_and_a_later_version_goes(
    erp: Erp, outbox: Outbox
) -> None:
    endpoint = to(erp)
    erp.faults = Faults(status=500)
    fill(outbox, endpoint, a_return("1"))
    began = datetime.now(UTC)
    for hours in (0, 1, 9, 23, 25, 26):
        at = began + timedelta(hours=hours)
        Forwarder(outbox, endpoint, now=lambda at=at: at, patience=timedelta(0)).run()  # type: ignore[misc]

    assert [(each.state, each.attempt, each.answer) for each in outbox.stuck("erp")] == [("DEAD", 5, "500")]
    erp.faults = Faults()
    fill(outbox, endpoint, a_return("1", step=1))
    send(outbox, endpoint)
    assert erp.records["1"]["refund"] == "1.00"


def test_given_a_redirect_when_sent_then_it_is_not_followed(erp: Erp, outbox: Outbox) -> None:
    erp.faults = Faults(status=302)
    endpoint = to(erp)
    fill(outbox, endpoint, a_return("1"))

    send(outbox, endpoint, patience=timedelta(0), steps=IN_AN_HOUR)

    assert erp.requests == 1


def test_given_nobody_there_when_unsafe_then_it_stays_to_be_sent(erp: Erp, outbox: Outbox) -> None:
    away = to(erp, mode="unsafe", url="http://127.0.0.1:9/rma")
    fill(outbox, away, a_return("1"))

    assert send(outbox, away, patience=timedelta(0), steps=IN_AN_HOUR).failed == 1
    send(outbox, to(erp, mode="unsafe"), now=lambda: datetime.now(UTC) + timedelta(hours=2))

    assert erp.bookings == {"rma:shop:1:created:1795176000": 1}


def test_given_a_parked_one_when_a_person_decides_then_it_is_sent_or_settled(
    erp: Erp, outbox: Outbox
) -> None:
    endpoint = to(erp, mode="unsafe")
    erp.faults = Faults(dropped=1.0)
    fill(outbox, endpoint, a_return("1"), a_return("2"))
    fill(outbox, endpoint, a_return("1", step=1))
    send(outbox, endpoint)
    erp.faults = Faults()
    assert outbox.counts("erp")["PARKED"] == 2
    assert outbox.counts("erp")["PENDING"] == 1, "the next version of a parked return waits"

    for each in outbox.stuck("erp"):
        outbox.resolve("erp", each.idempotency_key, "SENT", datetime.now(UTC))
    send(outbox, endpoint)

    assert outbox.counts("erp")["SENT"] == 3
    assert set(erp.bookings.values()) == {1}


@pytest.mark.parametrize(("policy", "kinds"), [("both", ["created", "cancelled"]), ("one", ["cancelled"])])
def test_given_a_return_cancelled_before_it_was_sent_then_the_policy_says_what_goes(
    erp: Erp, outbox: Outbox, policy: str, kinds: list[str]
) -> None:
    endpoint = to(erp, cancelled_before_sent=policy)
    fill(outbox, endpoint, a_return("1"))
    fill(outbox, endpoint, a_return("1", state="cancelled", step=1))

    send(outbox, endpoint)

    assert [key.split(":")[3] for key in erp.bookings] == kinds


def test_given_the_same_again_when_filled_then_nothing_is_new(erp: Erp, outbox: Outbox) -> None:
    endpoint = to(erp)
    assert fill(outbox, endpoint, a_return("1")) == 1

    assert fill(outbox, endpoint, a_return("1", updated_at=datetime(2026, 11, 21, tzinfo=UTC))) == 0
    assert fill(outbox, endpoint, a_return("1", state="closed")) == 1


def test_given_no_start_when_filled_first_then_the_past_is_not_sent(erp: Erp, outbox: Outbox) -> None:
    endpoint = to(erp, start="")
    assert fill(outbox, endpoint, a_return("1"), a_return("2")) == 0

    assert fill(outbox, endpoint, a_return("1", step=5), a_return("3")) == 2
    send(outbox, endpoint)

    assert {key.split(":")[2]: key.split(":")[3] for key in erp.bookings} == {"1": "updated", "3": "created"}
