"""The drain: the inbox into `loop_raw.webhook_events`, once, however often it dies."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.webhooks.serving import body_of, serving

from loop_returns.extract import source
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.webhook_events import WebhookEvents
from loop_returns.settings import Paths, Settings, prepare_dlt
from loop_returns.simulator.world import PII_MARKERS
from loop_returns.webhooks import drain, inbox
from loop_returns.webhooks.inbox import Delivery
from loop_returns.webhooks.store import Store

OpenShop = Callable[..., Any]
SQL = "select count(*), count(distinct dedup_key), max(seq) from loop_raw.webhook_events"


def delivery(body: bytes, subscription: str = "return-updated") -> Delivery:
    return Delivery(subscription, body, "{}", 0, "raw", inbox.stamp())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


@contextmanager
def sink(data: Path, mode: Any = "hash") -> Iterator[WebhookEvents]:
    prepare_dlt()
    paths = Paths(data)
    paths.work.mkdir(exist_ok=True)
    with source.opened(Settings(paths, api_key="k", pii=mode, pii_key="p")) as target:
        target.prepare()
        yield WebhookEvents(target, PiiPolicy(mode, "p"))


def tables(data: Path, sql: str = SQL) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(Paths(data).work_file), read_only=True) as database:
        return database.execute(sql).fetchall()


def test_what_is_new_is_loaded_once_and_what_comes_again_is_counted(store: Store, tmp_path: Path) -> None:
    bodies = [body_of(number) for number in range(30)]
    store.commit([delivery(body) for body in bodies[:20]])

    with sink(tmp_path) as events:
        first = drain.drain(tmp_path, events)
        store.count({(inbox.stamp()[:10], "return-updated", "refused_signature"): 2})
        store.commit([delivery(bodies[3]), *(delivery(body) for body in bodies[20:])])
        second = drain.drain(tmp_path, events)
        third = drain.drain(tmp_path, events)

    assert (first.events, first.repeated) == (20, 0)
    counted = "select name, value from loop_raw.webhook_counters where value > 0 order by 1"
    assert tables(tmp_path, counted) == [("accepted", 30), ("duplicate", 1), ("refused_signature", 2)]
    assert (second.events, second.repeated) == (10, 1)
    assert second.return_ids == {"3", *map(str, range(20, 30))}
    assert (third.events, third.repeated) == (0, 0)
    assert tables(tmp_path)[0][:2] == (30, 30)
    assert tables(tmp_path, "select return_id from loop_raw.webhook_events where deliveries = 2") == [("3",)]
    with inbox.InboxReader(tmp_path) as reader:
        assert inbox.drained(tmp_path, reader.inbox_id) == reader.head


PERSON = {
    "topic": "return",
    "trigger": "return.updated",
    "id": 25001,
    "state": "review",
    "label_status": "in_transit",
    "total": "63.30",
    "customer": "Jane@Shopper.example",
    "customer_detail": {"email": "jane@shopper.example", "first_name": "Jane"},
    "status_page_url": "https://shop.example/#/return/1",
    "line_items": [{"line_item_id": 7, "return_comment": "it is torn", "sku": "A-1"}],
}


@pytest.mark.parametrize("mode", ["hash", "drop", "keep"])
def test_the_policy_for_personal_data_holds_in_every_column(store: Store, tmp_path: Path, mode: str) -> None:
    store.commit([delivery(json.dumps(PERSON).encode()), delivery(b"jane@shopper.example, not JSON")])

    with sink(tmp_path, mode) as events:
        drain.drain(tmp_path, events)

    found = tables(
        tmp_path,
        "select return_id, state, label_status, customer, body::varchar, parse_error, topic"
        " from loop_raw.webhook_events order by seq",
    )
    assert found[0][:3] == ("25001", "review", "in_transit")
    assert found[1] == (None, None, None, None, None, "not JSON", None)
    body = json.loads(found[0][4])
    assert body["line_items"][0]["sku"] == "A-1"
    if mode == "keep":
        assert (found[0][3], body) == ("Jane@Shopper.example", PERSON)
    else:
        assert (found[0][3] is None) == (mode == "drop")
        assert "jane" not in found[0][4].lower()
        assert "torn" not in found[0][4]
        assert "shop.example" not in found[0][4]


def test_given_a_restored_inbox_when_drained_then_nothing_is_missed_or_doubled(tmp_path: Path) -> None:
    copy, files = tmp_path / "copy", ("inbox.sqlite", "inbox.drained")
    first = Store(tmp_path)
    first.commit([delivery(body_of(n)) for n in range(5)])
    first.close()
    copy.mkdir()
    shutil.copy(tmp_path / files[0], copy)
    first = Store(tmp_path)
    first.commit([delivery(body_of(n)) for n in range(5, 12)])
    first.close()
    with sink(tmp_path) as events:
        drain.drain(tmp_path, events)
        shutil.copy(copy / files[0], tmp_path / files[0])
        restored = Store(tmp_path)
        restored.commit([delivery(body_of(n)) for n in range(20, 24)])
        restored.close()
        again = drain.drain(tmp_path, events)

    assert again.events == 9
    assert tables(tmp_path)[0][:2] == (16, 16)


def test_given_no_inbox_when_drained_then_nothing_is_done(tmp_path: Path) -> None:
    with sink(tmp_path) as events:
        assert drain.drain(tmp_path, events) == drain.Drained()

    assert not (tmp_path / "inbox.sqlite").exists()


def drain_in_small_batches(data: Path) -> None:
    drain.BATCH_ROWS = 10
    with sink(data) as events:
        drain.drain(data, events)
    os._exit(0)


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_given_kills_when_drained_at_last_then_every_event_is_there_once(
    store: Store, tmp_path: Path, kills: int
) -> None:
    rng, sent, done = random.Random(kills), 0, 0
    with sink(tmp_path) as events:
        drain.drain(tmp_path, events)
    fork = multiprocessing.get_context("fork")
    while done < kills:
        new = range(sent, sent + 200)
        store.commit([delivery(body_of(n)) for n in new] + [delivery(body_of(rng.randrange(sent + 1)))])
        sent += 200
        child = fork.Process(target=drain_in_small_batches, args=(tmp_path,))
        child.start()
        time.sleep(rng.uniform(0.02, 0.4))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        done += child.exitcode == -signal.SIGKILL
        total, distinct, highest = tables(tmp_path)[0]
        assert total == distinct
        assert inbox.drained(tmp_path, store.inbox_id) <= (highest or 0)

    with sink(tmp_path) as events:
        drain.drain(tmp_path, events)

    assert tables(tmp_path)[0][:2] == (sent, sent)


def test_given_a_receiver_and_a_living_shop_when_run_then_its_deliveries_are_in_the_tables(
    open_shop: OpenShop,
) -> None:
    shop, simulator = open_shop()
    with serving(shop.folder, secrets="simulator-webhook-secret") as running:
        shop.env["LOOP_RETURNS_DATA_DIR"] = str(running.data)
        simulator.hooks.subscriptions.clear()
        for trigger in ("return.created", "return.updated"):
            url = f"http://127.0.0.1:{running.port}/hooks/loop/{trigger.replace('.', '-')}"
            simulator.hooks.subscribe(trigger, url)
        simulator.world.advance(1)
        assert simulator.hooks.postman.wait()

        said = shop.loop("load", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())

    told = {(each.trigger, str(each.return_id)) for each in simulator.hooks.postman.sent}
    data = running.data
    assert (
        f"{len({each.body for each in simulator.hooks.postman.sent})} new webhook deliveries" in said.stderr
    )
    assert set(tables(data, "select trigger, return_id from loop_raw.webhook_events")) == told
    held = (data / "work" / "loop.duckdb").read_bytes()
    assert [marker for marker in PII_MARKERS if marker.encode() in held] == []


def test_given_an_inbox_that_cannot_be_read_when_run_then_the_pull_goes_on(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.data.mkdir()
    (shop.data / "inbox.sqlite").write_text("not a database")

    said = shop.loop("load")

    assert "the inbox of the webhooks cannot be read" in said.stderr
    assert shop.rows("select count(*) > 300 from loop_raw.returns") == [(True,)]
