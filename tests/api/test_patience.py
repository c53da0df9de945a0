"""How long one GET waits, and for whom: an API that is busy, names a time, or is not there."""

from __future__ import annotations

import socket
from datetime import timedelta
from email.utils import format_datetime

import pytest

from api.conftest import KEY
from api.loop_server import START, LoopServer, Reply, VirtualClock
from api.test_transport import OK, get
from loop_returns.api.client import ClientSettings, LoopClient
from loop_returns.errors import (
    ApiUnavailableError,
)


def test_given_429_for_five_minutes_without_retry_after_when_it_ends_then_the_answer_comes(
    server: LoopServer, client: LoopClient, clock: VirtualClock
) -> None:
    server.script = lambda seen: Reply(status=429) if clock.time < 300 else OK

    assert get(client).json == [1, 2]
    assert clock.time >= 300
    assert len(server.seen) < 20
    assert max(clock.slept) <= 60


@pytest.mark.parametrize(("reply", "seen"), [(Reply(status=429), "HTTP 429"), (Reply(status=500), "HTTP 500"),
                                             (Reply(hangs_up=True), "connection to Loop failed"),
                                             (Reply([1], missing=5), "broke off")])  # fmt: skip
def test_given_no_end_of_failures_when_the_patience_is_over_then_it_is_said(
    server: LoopServer, client: LoopClient, clock: VirtualClock, reply: Reply, seen: str
) -> None:
    server.script = [reply]

    with pytest.raises(ApiUnavailableError) as caught:
        get(client)

    assert seen in caught.value.cause
    assert "/webhooks" in caught.value.message
    assert 300 <= clock.time <= 302


def test_given_nobody_listens_when_asked_then_the_patience_is_kept(clock: VirtualClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = LoopClient(
        ClientSettings(KEY, f"http://127.0.0.1:{port}/api/v1", patience_seconds=30), clock=clock
    )

    with pytest.raises(ApiUnavailableError, match="connection to Loop failed"):
        get(client)

    assert 30 <= clock.time <= 32


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "37"}, 37),
        ({"Retry-After": "300"}, 300),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": format_datetime(START + timedelta(seconds=90), usegmt=True)}, 90),
        (
            {
                "Retry-After": format_datetime(START + timedelta(days=9, seconds=90), usegmt=True),
                "Date": format_datetime(START + timedelta(days=9), usegmt=True),
            },
            90,
        ),
        ({"Retry-After": format_datetime(START - timedelta(days=1), usegmt=True)}, 1),
    ],
)
def test_given_retry_after_when_asked_again_then_exactly_so_long_was_waited(
    server: LoopServer,
    client: LoopClient,
    clock: VirtualClock,
    status: int,
    headers: dict[str, str],
    wait: float,
) -> None:
    server.script = [Reply(status=status, headers=headers), OK]

    get(client)

    assert clock.slept == [wait]


@pytest.mark.parametrize("text", ["soon", "-5", "1e3", "Someday, 99 Foo 2026", "nan", ""])
def test_given_nonsense_in_retry_after_when_asked_again_then_the_usual_wait_holds(
    server: LoopServer, client: LoopClient, clock: VirtualClock, text: str
) -> None:
    server.script = [Reply(status=429, headers={"Retry-After": text}), OK]

    get(client)

    assert 0.5 <= clock.time <= 1


@pytest.mark.parametrize(
    "text", ["301", "9" * 40, format_datetime(START + timedelta(seconds=301), usegmt=True)]
)
def test_given_retry_after_beyond_300_seconds_when_asked_then_it_ends_at_once_and_says_until_when(
    server: LoopServer, client: LoopClient, clock: VirtualClock, text: str
) -> None:
    server.script = [Reply(status=429, headers={"Retry-After": text})]

    with pytest.raises(ApiUnavailableError) as caught:
        get(client)

    assert "until 2026-11-01 00:05:01 UTC" in caught.value.cause or len(text) == 40
    assert (clock.time, len(server.seen)) == (0, 1)


def test_given_retry_after_again_and_again_when_the_patience_is_over_then_it_ends(
    server: LoopServer, client: LoopClient, clock: VirtualClock
) -> None:
    server.script = [Reply(status=429, headers={"Retry-After": "200"})]

    with pytest.raises(ApiUnavailableError):
        get(client)

    assert clock.time == 400
