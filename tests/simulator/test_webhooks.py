"""The simulator's webhooks: what is told of a day, how it is signed, and how badly it may travel."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from tests.simulator.conftest import END

from loop_returns.simulator.app import Simulator, Switches
from loop_returns.simulator.postman import Travel
from loop_returns.simulator.world import build_world

SECRET = b"simulator-webhook-secret"
ALL = ("return.created", "return.updated", "return.closed", "label.updated", "return.processing.failed")


@dataclass
class Ear:
    """A receiver that keeps what it hears, and answers from a script."""

    url: str = ""
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def bodies(self, trigger: str) -> list[dict[str, Any]]:
        return [body for body in (json.loads(raw) for _, _, raw in self.heard) if body["trigger"] == trigger]


@pytest.fixture
def ear() -> Iterator[Ear]:
    heard = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.heard.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers = heard.answers.pop(0) if heard.answers else (200, {})
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def shop(ear: Ear) -> Iterator[Simulator]:
    with Simulator(build_world(end=END)) as running:
        running.hooks.subscriptions.clear()
        for trigger in ALL:
            running.hooks.subscribe(trigger, f"{ear.url}/hooks/loop/{trigger.replace('.', '-')}")
        running.hooks.postman.travel = Travel(backoff_seconds=0.01)
        yield running


def test_a_day_is_told_by_separate_subscriptions_and_every_body_is_signed(shop: Simulator, ear: Ear) -> None:
    before = {each.id for each in shop.world.returns}

    shop.world.advance(1)
    assert shop.hooks.postman.wait()

    born = {str(each.id) for each in shop.world.returns if each.id not in before and each.is_listed}
    assert {body["id"] for body in ear.bodies("return.created")} == born
    updated = ear.bodies("return.updated")
    assert [body["id"] for body in updated if body["id"] in born and body["state"] == "open"] == []
    closed = [body["id"] for body in ear.bodies("return.closed")]
    assert Counter(closed) <= Counter(body["id"] for body in updated if body["state"] == "closed")
    assert closed
    for path, headers, body in ear.heard:
        assert (
            headers["x-loop-signature"]
            == base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()
        )
        assert path.endswith(json.loads(body)["trigger"].replace(".", "-"))
        assert b"\n" not in body
        assert b"/" not in body.replace(b"\\/", b"")


def test_bodies_are_those_of_loop(shop: Simulator, ear: Ear) -> None:
    shop.world.advance(1)
    shop.hooks.send([shop.hooks.event("return.processing.failed", shop.world.returns[0].id)])
    shop.hooks.postman.wait()

    created, label = ear.bodies("return.created")[0], ear.bodies("label.updated")[0]
    assert (created["topic"], created["state"], created["label_status"]) == ("return", "open", "pending")
    assert isinstance(created["id"], str)
    assert not {"updated_at", "event_id"} & created.keys()
    assert (label["topic"], type(label["id"])) == ("label", int)
    assert ear.bodies("return.processing.failed") == [
        {
            "topic": "return.processing",
            "trigger": "return.processing.failed",
            "shop_id": 1,
            "return_id": shop.world.returns[0].id,
            "return_state": shop.world.returns[0].state,
            "message": None,
            "source": "api",
        }
    ]


def test_a_late_scan_without_a_label_is_told_by_nobody(shop: Simulator, ear: Ear) -> None:
    """What only a poll can see: `updated_at` moves, and no webhook says so."""
    owner = shop.world.returns[0]
    owner.revision += 1
    owner.updated_at = shop.world.end

    shop.world.changed()
    shop.hooks.postman.wait()

    assert ear.heard == []


def test_what_is_not_answered_2xx_comes_again_until_it_is(shop: Simulator, ear: Ear) -> None:
    ear.answers = [(503, {"Retry-After": "1"}), (500, {})]

    shop.hooks.send([shop.hooks.event("return.updated", shop.world.returns[0].id)])
    shop.hooks.postman.wait()

    assert [(each.statuses, each.outcome) for each in shop.hooks.postman.sent] == [
        ([503, 500, 200], "delivered")
    ]
    assert len({body for _, _, body in ear.heard}) == 1


def test_after_six_attempts_it_is_given_up_and_many_failures_switch_the_subscription_off(
    shop: Simulator, ear: Ear
) -> None:
    shop.hooks.postman.travel = Travel(backoff_seconds=0.001, senders=1, deactivate_after=10)
    ear.answers = [(500, {})] * 20

    shop.hooks.send([shop.hooks.event("return.updated", each.id) for each in shop.world.returns[:3]])
    shop.hooks.postman.wait()

    sent = shop.hooks.postman.sent
    assert sum(len(each.statuses) for each in sent) == 10
    assert {each.outcome for each in sent} <= {"failed", "inactive"}
    assert shop.hooks.subscriptions[1]["status"] == "inactive"


def test_deliveries_are_doubled_dropped_shuffled_and_slow_as_asked(shop: Simulator, ear: Ear) -> None:
    shop.hooks.postman.travel = Travel(duplicated=0.5, dropped=0.3, shuffled=True, senders=1)
    events = [shop.hooks.event("return.updated", each.id) for each in shop.world.returns[:100]]

    shop.hooks.send(events)
    shop.hooks.postman.wait()

    came = [int(json.loads(body)["id"]) for _, _, body in ear.heard]
    dropped = [each for each in shop.hooks.postman.sent if each.outcome == "dropped"]
    assert max(Counter(came).values()) > 1
    assert len(came) + len(dropped) == len(shop.hooks.postman.sent)
    assert 20 < len(dropped) < 150
    assert came != sorted(came)


def test_nobody_outside_this_machine_is_written_to(ear: Ear) -> None:
    with Simulator(build_world(end=END)) as running:
        running.world.advance(1)

        assert running.hooks.postman.sent == []
        assert {each["url"].split("/")[2] for each in running.hooks.subscriptions} == {"hooks.example"}


@pytest.mark.parametrize(("made", "status"), [(201, "active"), (200, "inactive")])
def test_a_subscription_is_made_by_post(made: Any, status: Any) -> None:
    switches = Switches(webhook_made=made, webhook_status=status)
    with Simulator(build_world(end=END), switches) as running:
        asked = {"topic": "label", "trigger": "label.updated", "url": "https://hooks.example/l"}
        answer = _post(running, asked)
        refused = [_post(running, asked | {name: ""}).status_code for name in asked]
        mismatch = _post(running, asked | {"topic": "return"})

    expected = {"id": 3, "shop_id": 1, **asked, "status": status}
    assert (answer.status_code, answer.json()) == (made, expected)
    assert refused == [422, 422, 422]
    assert mismatch.status_code == 422
    assert running.hooks.subscriptions[2:] == [expected]


def _post(running: Simulator, body: object) -> requests.Response:
    headers = {"X-Authorization": "simulator-key"}
    return requests.post(f"{running.base_url}/webhooks", json=body, headers=headers, timeout=5)


def test_it_is_steered_from_outside(shop: Simulator, ear: Ear) -> None:
    control = shop.base_url.removesuffix("/api/v1") + "/_control"
    number = shop.world.returns[0].id

    asked = {"travel": {"senders": 1}, "send": [{"trigger": "return.closed", "return_id": number}]}
    assert requests.post(f"{control}/webhooks", json=asked, timeout=5).json()["travel"]["senders"] == 1
    requests.post(f"{control}/advance?days=1", timeout=5)
    shop.hooks.postman.wait()

    told = requests.get(f"{control}/webhooks", timeout=5).json()
    assert told[0] == {
        "url": f"{ear.url}/hooks/loop/return-closed",
        "trigger": "return.closed",
        "return_id": number,
        "statuses": [200],
        "outcome": "delivered",
    }
    assert len(told) == len(ear.heard) > 10
