"""Whatever becomes of the deliveries, one poll makes the tables those of a perfect stream."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.truth import doubled, tables

from conftest import END, Shop
from loop_returns.simulator.webhooks import Event, Hooks
from loop_returns.simulator.world import World, build_world
from loop_returns.webhooks import inbox
from loop_returns.webhooks.inbox import Delivery
from loop_returns.webhooks.store import Store

OpenShop = Callable[..., Any]
LISTED = ("returns", "line_items", "exchanges", "labels")


def to_and_fro(hooks: Hooks, world: World) -> list[Event]:
    """Open -> review -> open of every seventh return: the first and the last body are the same bytes."""
    return [
        hooks.event("return.updated", each.id, state=state)
        for each in world.returns[::7]
        for state in ("open", "review", "open")
    ]


def scramble(events: Sequence[Event], most: int, rng: random.Random) -> tuple[list[Delivery], int]:
    """Three in ten never come; the others come 1 to 6 times, until there are `most`, in no order."""
    sent = [each for each in events if rng.random() >= 0.3]
    copies = [each for each in sent for _ in range(rng.randint(1, 6))]
    copies += rng.choices(sent, k=max(0, most - len(copies)))
    rng.shuffle(copies)
    return [
        Delivery(each.trigger.replace(".", "-"), each.body, "{}", 0, "raw", inbox.stamp())
        for each in copies[:most]
    ], len(events) - len(sent)


def store(data: Path, deliveries: Sequence[Delivery]) -> int:
    """Put them into the inbox; returns how many returns they named."""
    held = Store(data)
    for start in range(0, len(deliveries), 100):
        held.commit(deliveries[start : start + 100])
    held.close()
    with inbox.InboxReader(data) as reader:
        return len(reader.dirty())


def wrong(shop: Shop, world: World) -> dict[str, set[Any]]:
    """What differs from the truth, by table."""
    held, expected = tables(shop.work_file), world.expected()
    expected["returns"] = set(expected["returns"].items())
    return {name: found for name in LISTED if (found := expected[name] ^ set(held[name]))}


@pytest.mark.parametrize(
    ("returns", "deliveries"), [(60, 600), pytest.param(500, 5_000, marks=pytest.mark.slow)]
)
def test_given_scrambled_deliveries_when_polled_once_then_every_return_is_right(
    returns: int, deliveries: int, open_shop: OpenShop
) -> None:
    rng = random.Random(41)
    world = build_world(seed=41, returns=returns, days=60, end=END, clean=True)
    shop, simulator = open_shop(world)
    shop.loop("load")
    world.advance(3)
    later = world.end.isoformat()
    assert wrong(shop, world)
    events = simulator.hooks.past(world.end - timedelta(days=63)) + to_and_fro(simulator.hooks, world)
    came, dropped = scramble(events, deliveries, rng)
    named = store(shop.data, came)
    before = len(simulator.seen)

    figures = shop.json("load", LOOP_RETURNS_AS_OF=later)

    read = [each.path for each in simulator.seen[before:]]
    by_id = sum(path.endswith("/details") for path in read)
    right = len(world.returns) - len({key for key, *_ in wrong(shop, world).get("returns", ())})
    print(
        f"\n{len(came)} deliveries of {len(events) - dropped} events on {named} returns, {dropped} lost:"
        f" {right} of {len(world.returns)} right after {len(read) - by_id} requests and {by_id} by id"
    )
    assert len(came) == deliveries
    assert 0.2 < dropped / len(events) < 0.4
    assert wrong(shop, world) == {}
    assert doubled(shop.work_file) == []
    assert len(read) - by_id == figures["load"]["requests"]
    assert by_id <= named
    counted = "select count(*), sum(deliveries) from loop_raw.webhook_events"
    assert shop.rows(counted) == [(len({(each.subscription, each.body) for each in came}), deliveries)]
    truth = {str(each.id): each.state for each in world.returns}
    details = "select return_id, state from loop_raw.return_details"
    assert [row for row in shop.rows(details) if truth[row[0]] != row[1]] == []
    again = len(simulator.seen)
    shop.loop("run", "--webhooks-only", LOOP_RETURNS_AS_OF=later)
    assert not [each for each in simulator.seen[again:] if each.path.endswith("/details")] or by_id == 200
    assert wrong(shop, world) == {}
