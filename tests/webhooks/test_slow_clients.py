"""Clients that hold on: they are cut, the others are answered, and the end comes in time."""

from __future__ import annotations

import random
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.webhooks.serving import BUSY, Served, body_of, deliver, read_answer, request

RAW = request(body_of(1))
PARTS = {"silent": b"", "half a head": RAW[:40], "half a body": RAW[:-200]}


@pytest.fixture
def held(served: Served) -> Iterator[list[socket.socket]]:
    """Sockets that are closed at the end."""
    sockets: list[socket.socket] = []
    yield sockets
    for each in sockets:
        each.close()


def hold(served: Served, held: list[socket.socket], count: int) -> None:
    """Open connections that send a part of a request and then nothing."""
    for number in range(count):
        connection = socket.create_connection(("127.0.0.1", served.port), timeout=60)
        connection.sendall(list(PARTS.values())[number % len(PARTS)])
        held.append(connection)


def still_open(held: list[socket.socket]) -> int:
    """How many the receiver has not closed."""
    poller = select.poll()
    for each in held:
        poller.register(each, select.POLLIN | select.POLLHUP)
    return len(held) - len(poller.poll(0))


@pytest.mark.parametrize("count", [pytest.param(150, marks=pytest.mark.slow), 500])
def test_given_clients_that_hold_on_when_others_deliver_then_all_of_those_are_answered(
    served: Served, held: list[socket.socket], count: int
) -> None:
    started = time.monotonic()
    hold(served, held, count)

    told = deliver(served.port, [body_of(n) for n in range(100)], connections=20)

    assert len(told.acked) == 100
    assert still_open(held) <= 200
    while still_open(held) and time.monotonic() - started < 7 + BUSY:
        time.sleep(0.1)
    assert still_open(held) == 0
    print(f"{count} held on, 100 answered; all cut after {time.monotonic() - started:.1f} s")


@pytest.mark.parametrize(
    "start", [pytest.param(RAW[:40], id="head", marks=pytest.mark.slow), pytest.param(RAW[:-200], id="body")]
)
def test_given_a_request_that_drips_when_5_seconds_are_over_then_it_is_cut(
    served: Served, held: list[socket.socket], start: bytes
) -> None:
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=60)
    held.append(connection)
    started = time.monotonic()
    connection.sendall(start)

    while not has_ended(connection) and time.monotonic() - started < 9 + BUSY:
        try:
            connection.sendall(b"a")
        except ConnectionError:
            break

    assert 4.5 < time.monotonic() - started < 6 + BUSY


def has_ended(connection: socket.socket) -> bool:
    """Whether the other side has ended; waits a quarter of a second."""
    readable, _, _ = select.select([connection], [], [], 0.25)
    return bool(readable)


@pytest.mark.parametrize("part", list(PARTS))
def test_given_a_half_sent_request_when_stopped_then_it_ends_within_6_seconds_with_all_that_was_acked(
    served: Served, held: list[socket.socket], part: str
) -> None:
    for _ in range(5):
        connection = socket.create_connection(("127.0.0.1", served.port), timeout=60)
        connection.sendall(PARTS[part])
        held.append(connection)
    seconds: list[float] = []

    def stop() -> None:
        time.sleep(random.uniform(0.1, 0.3))
        started = time.monotonic()
        assert served.stop(signal.SIGTERM) == 0
        seconds.append(time.monotonic() - started)

    stopper = threading.Thread(target=stop)
    stopper.start()
    told = deliver(served.port, [body_of(n) for n in range(2_000)], connections=16)
    stopper.join()

    assert seconds[0] < 6 + BUSY
    assert told.acked
    assert {body for (body,) in served.rows()} == set(told.acked)


def test_a_keep_alive_connection_is_answered_many_times(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        for number in range(3):
            connection.sendall(request(body_of(number))[:50])
            time.sleep(0.2)
            connection.sendall(request(body_of(number))[50:])
            assert read_answer(connection)[0] == 200
            time.sleep(0.2)
        pipelined = b"".join(request(body_of(number)) for number in range(10, 15))
        connection.sendall(pipelined)
        got = b""
        while got.count(b"\r\n\r\nok") < 5 and (part := connection.recv(4096)):
            got += part
        assert got.count(b"\r\n\r\nok") == 5
