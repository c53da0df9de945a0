"""Webhooks against the list: what was lost is found, and what may still come is no break."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from conftest import END, Shop
from loop_returns.simulator.truth import Return
from loop_returns.simulator.webhooks import Event
from loop_returns.simulator.world import World, build_world
from loop_returns.webhooks import inbox
from loop_returns.webhooks.inbox import Delivery
from loop_returns.webhooks.store import Store

OpenShop = Callable[..., Any]
GRACE = timedelta(hours=2)
CLASSES = (
    "select match_class, list(return_id order by return_id) from marts.recon_endpoint"
    " where match_class in ('missing_in_webhook', 'webhook_state_break') group by 1"
)


def arrivals(events: Iterable[Event]) -> list[Delivery]:
    """Deliveries as they travel: late, some again, in no order."""
    rng = random.Random(5)
    return [
        Delivery(
            each.trigger.replace(".", "-"),
            each.body,
            "{}",
            0,
            "raw",
            inbox.stamp(each.at + timedelta(seconds=rng.uniform(1, 5400))),
        )
        for each in events
        for _ in range(1 + (rng.random() < 0.2))
    ]


def deliver(shop: Shop, deliveries: Iterable[Delivery], until: datetime) -> list[Delivery]:
    """Put what has arrived by an instant into the inbox; returns what is still under way."""
    queue = sorted(deliveries, key=lambda each: each.received_at)
    arrived = sum(each.received_at <= inbox.stamp(until) for each in queue)
    store = Store(shop.data)
    for start in range(0, arrived, 500):
        store.commit(queue[start : min(arrived, start + 500)])
    store.close()
    return queue[arrived:]


def settled(world: World, owner: Return, changed_at: datetime) -> bool:
    return owner.has_parcel and changed_at <= world.end - GRACE


def run(shop: Shop, world: World) -> dict[str, list[str]]:
    shop.loop("run", LOOP_RETURNS_AS_OF=world.end.isoformat())
    return dict(shop.rows(CLASSES, published=True))


def test_what_webhooks_lost_is_found_and_nothing_else(open_shop: OpenShop) -> None:
    world = build_world(seed=31, returns=500, days=60, end=END - timedelta(days=10), clean=True)
    shop, simulator = open_shop(world)
    switched_on = world.end - timedelta(days=20)
    shop.plan()
    under_way = deliver(shop, arrivals(simulator.hooks.past(switched_on)), world.end)

    before = run(shop, world)

    began, known = world.end, {each.id for each in world.returns}
    world.advance(5)
    made = [each for each in world.returns if each.id not in known]
    unheard = {each.id for each in made[::4]}
    shut = [
        each
        for each in world.returns
        if each.id not in unheard and each.state != "open" and each.history[-1][0] > began
    ]
    followed = [each for each in shut if each.created_at >= switched_on]
    unfollowed = {each.id for each in followed[::3]}
    assert min(len(unheard), len(unfollowed)) >= 5
    told = [
        each
        for each in simulator.hooks.past(switched_on)
        if (each.at > began or each.return_id not in known)
        and each.return_id not in unheard
        and not (each.return_id in unfollowed and each.trigger in ("return.updated", "return.closed"))
    ]
    deliver(shop, under_way + arrivals(told), world.end)

    after = run(shop, world)

    assert before == {}
    assert after == {
        "missing_in_webhook": sorted(
            str(each.id) for each in made if each.id in unheard and settled(world, each, each.created_at)
        ),
        "webhook_state_break": sorted(
            str(each.id)
            for each in followed
            if each.id in unfollowed and settled(world, each, each.updated_at)
        ),
    }
    causes = "select distinct recon, severity, root_cause from marts.breaks order by all"
    assert shop.rows(causes, published=True) == [("recon_endpoint", 4, "webhook_lost")]
    told = "select sum(created_count), sum(only_polled_count) from marts.webhook_health"
    ((made_count, unseen),) = shop.rows(told, published=True)
    first = "select min(received_at) from staging.stg_webhook_events where trigger_name = 'return.created'"
    ((since,),) = shop.rows(first, published=True)
    heard = [each for each in world.returns if since <= each.created_at <= world.end - GRACE]
    assert (made_count, unseen) == (len(heard), sum(each.id in unheard for each in heard))
