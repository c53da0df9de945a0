"""No more requests than the limit in any 60 s, and little less when there is more to send."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.loop_server import VirtualClock
from loop_returns.api.limiter import Limiter, shared_limiter


def most_in_a_minute(times: list[float]) -> int:
    return max((sum(1 for other in times if time <= other < time + 60) for time in times), default=0)


@given(st.integers(1, 12), st.lists(st.floats(0, 90), max_size=120))
def test_for_any_arrivals_no_minute_holds_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    clock = VirtualClock()
    limiter = Limiter(limit, clock=clock)
    sent = []

    for gap in gaps:
        clock.time += gap
        limiter.acquire()
        sent.append(clock.time)

    assert most_in_a_minute(sent) <= limit


@given(st.integers(1, 12), st.lists(st.tuples(st.floats(0, 30), st.none() | st.integers(0, 12)), max_size=80))
def test_whatever_the_server_says_the_limit_holds(limit: int, steps: list[tuple[float, int | None]]) -> None:
    clock = VirtualClock()
    limiter = Limiter(limit, clock=clock)
    sent = []

    for gap, remaining in steps:
        clock.time += gap
        limiter.acquire()
        sent.append(clock.time)
        limiter.observe({} if remaining is None else {"x-ratelimit-remaining": str(remaining)})

    assert most_in_a_minute(sent) <= limit


@given(st.integers(1, 300))
def test_when_saturated_at_least_95_percent_of_the_limit_is_used(limit: int) -> None:
    clock = VirtualClock()
    limiter = Limiter(limit, clock=clock)

    for _ in range(limit * 3 + 1):
        limiter.acquire()

    assert limit * 3 / (clock.time / 60) >= limit * 0.95


def test_a_burst_up_to_the_limit_passes_at_once_and_the_next_waits_half_a_second_more_than_a_minute() -> None:
    clock = VirtualClock()
    limiter = Limiter(300, clock=clock)

    for _ in range(300):
        limiter.acquire()
    at_once = clock.time
    limiter.acquire()

    assert (at_once, clock.time) == (0, 60.5)


def test_given_no_remaining_when_the_next_is_sent_then_the_oldest_has_left_first() -> None:
    clock = VirtualClock()
    limiter = Limiter(300, clock=clock)
    limiter.acquire()
    clock.time = 20
    limiter.acquire()
    limiter.observe({"x-ratelimit-remaining": "0"})

    limiter.acquire()

    assert clock.time == 60.5


def test_given_less_remaining_than_believed_when_sending_then_it_is_adopted() -> None:
    clock = VirtualClock()
    limiter = Limiter(300, clock=clock)
    limiter.acquire()
    limiter.observe({"x-ratelimit-limit": "300", "x-ratelimit-remaining": "2"})

    limiter.acquire()
    limiter.acquire()
    at_once = clock.time
    limiter.acquire()

    assert (at_once, clock.time) == (0, 60.5)


def test_given_more_remaining_than_believed_when_sending_then_our_own_count_holds() -> None:
    clock = VirtualClock()
    limiter = Limiter(2, clock=clock)
    for _ in range(2):
        limiter.acquire()
        limiter.observe({"x-ratelimit-remaining": "299"})

    limiter.acquire()

    assert clock.time == 60.5


def test_given_a_lower_limit_from_the_server_when_sending_then_it_is_adopted() -> None:
    clock = VirtualClock()
    limiter = Limiter(300, clock=clock)
    limiter.acquire()
    limiter.observe({"x-ratelimit-limit": "2"})

    limiter.acquire()
    limiter.acquire()

    assert limiter.requests_per_minute == 2
    assert clock.time == 60.5


def test_given_a_higher_limit_from_the_server_when_sending_then_ours_holds() -> None:
    limiter = Limiter(5, clock=VirtualClock())

    limiter.observe({"x-ratelimit-limit": "6000"})

    assert limiter.requests_per_minute == 5


@pytest.mark.parametrize("nonsense", ["", "-1", "many", "1e9", "²", "0x5"])
def test_given_nonsense_in_the_headers_when_observed_then_it_is_ignored(nonsense: str) -> None:
    limiter = Limiter(5, clock=VirtualClock())

    limiter.observe({"x-ratelimit-limit": nonsense, "x-ratelimit-remaining": nonsense})

    assert limiter.requests_per_minute == 5


def test_given_many_threads_when_they_send_at_once_then_no_request_is_lost_or_let_by() -> None:
    clock = VirtualClock()
    limiter = Limiter(100, clock=clock)
    sent: list[float] = []

    def send() -> None:
        for _ in range(25):
            limiter.acquire()
            sent.append(clock.time)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sent == [0.0] * 100
    limiter.acquire()
    assert clock.time == 60.5


def test_one_key_has_one_limiter_and_the_lowest_limit_holds() -> None:
    first = shared_limiter("https://one.example/v1", "key-a", 300)

    second = shared_limiter("https://one.example/v1", "key-a", 200)

    assert first is second
    assert first.requests_per_minute == 200
    assert shared_limiter("https://one.example/v1", "key-b", 300) is not first


def test_given_no_limit_when_made_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limiter(0)
