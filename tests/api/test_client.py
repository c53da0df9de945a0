"""Shipping notices, one return, webhooks: what is asked, and what is refused before it is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from api.conftest import KEY
from api.loop_server import START, LoopServer, Reply, VirtualClock
from loop_returns.api.client import ClientSettings, LoopClient
from loop_returns.api.limiter import Limiter
from loop_returns.api.windows import Window
from loop_returns.errors import (
    ApiRefusedError,
    KeyRefusedError,
    UnexpectedAnswerError,
    UsageError,
    WindowRefusedError,
)

JANUARY = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


def test_shipping_notices_come_in_one_answer(server: LoopServer, client: LoopClient) -> None:
    server.script = [Reply([{"id": 1, "sku": "a"}, {"id": 1, "sku": "b"}])]

    page = client.shipping_notices(JANUARY)

    assert [row["sku"] for row in page.rows] == ["a", "b"]
    assert (page.number, page.requests, page.next_link, page.fetched_at) == (1, 1, None, START)
    assert page.rows == [{"id": 1, "sku": "a"}, {"id": 1, "sku": "b"}]
    assert server.seen[0].path == "/api/v1/warehouse/reporting/asn"
    assert server.seen[0].params == {"from": "2025-12-31T23:59:59.000Z", "to": "2026-02-01T00:00:00.000Z"}


@pytest.mark.parametrize(
    "window",
    [
        Window(datetime(1970, 1, 1, tzinfo=UTC), JANUARY.end),
        Window(datetime(2014, 12, 31, 23, 59, 59, tzinfo=UTC), JANUARY.end),
        Window(JANUARY.start, START + timedelta(days=1, seconds=1)),
    ],
)
def test_given_dates_that_cannot_be_when_shipping_notices_are_asked_then_nothing_is_sent(
    server: LoopServer, client: LoopClient, window: Window
) -> None:
    with pytest.raises(UsageError, match="between 2015-01-01 and tomorrow"):
        client.shipping_notices(window)

    assert server.seen == []


def test_given_422_when_shipping_notices_are_asked_then_the_window_is_refused(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [Reply({"message": "Too long."}, status=422)]

    with pytest.raises(WindowRefusedError, match=r"Too long\."):
        client.shipping_notices(JANUARY)


@pytest.mark.parametrize("body", [{"rows": []}, [1], False])
def test_given_no_rows_when_shipping_notices_are_asked_then_the_window_is_named(
    server: LoopServer, client: LoopClient, body: object
) -> None:
    server.script = [Reply(body)]

    with pytest.raises(UnexpectedAnswerError, match=r"shipping notices \(2026-01-01T00:00:00\.000Z to"):
        client.shipping_notices(JANUARY)


def test_details_give_the_return(server: LoopServer, client: LoopClient) -> None:
    server.script = [Reply({"id": 25044777, "state": "open"})]

    assert client.details("25044777") == {"id": 25044777, "state": "open"}
    assert (server.seen[0].path, server.seen[0].params) == (
        "/api/v1/warehouse/return/details",
        {"return_id": "25044777"},
    )


def test_given_no_such_return_when_details_are_asked_then_there_is_none(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [Reply({"error": {"message": "No return found with this ID."}})]

    assert client.details("1") is None


def test_given_another_refusal_when_details_are_asked_then_it_is_said(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [Reply({"errors": {"message": "Not today."}})]

    with pytest.raises(ApiRefusedError, match=r"HTTP 200, but: Not today\."):
        client.details("1")


@pytest.mark.parametrize("return_id", ["", "1/../2", "#1086", "²", "-1", "jane@shop.example"])
def test_given_an_id_that_is_no_number_when_details_are_asked_then_nothing_is_sent(
    server: LoopServer, client: LoopClient, return_id: str
) -> None:
    with pytest.raises(UsageError):
        client.details(return_id)

    assert server.seen == []


def test_webhooks_are_listed(server: LoopServer, client: LoopClient) -> None:
    server.script = [Reply({"webhooks": [{"id": 1, "topic": "return"}]})]

    assert client.webhooks() == [{"id": 1, "topic": "return"}]


@pytest.mark.parametrize(
    ("ask", "scope"),
    [
        (lambda client: client.webhooks(), "Developer Tools"),
        (lambda client: client.details("1"), "Returns"),
        (lambda client: client.shipping_notices(JANUARY), "Returns"),
        (lambda client: list(client.list_pages(JANUARY)), "Returns"),
    ],
)
def test_given_401_when_asked_then_each_endpoint_names_its_scope(
    server: LoopServer, client: LoopClient, ask: Callable[[LoopClient], object], scope: str
) -> None:
    server.script = [Reply({"errors": "Unauthorized."}, status=401)]

    with pytest.raises(KeyRefusedError) as caught:
        ask(client)

    assert f"lacks the scope {scope} (Loop Admin" in caught.value.hint


def test_given_two_clients_with_one_limiter_when_both_ask_then_they_share_it(server: LoopServer) -> None:
    clock = VirtualClock()
    limiter = Limiter(2, clock=clock)
    settings = ClientSettings(KEY, server.base_url)
    server.script = [Reply({"webhooks": []})]

    with LoopClient(settings, limiter=limiter) as one, LoopClient(settings, limiter=limiter) as other:
        one.webhooks()
        other.webhooks()
        at_once = clock.time
        one.webhooks()

    assert (at_once, clock.time) == (0, 60.5)
