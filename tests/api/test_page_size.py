"""The page size finds its way: halved by what is too much, kept for its window, grown back."""

from __future__ import annotations

import pytest

from api.list_server import ListServer, row
from api.loop_server import LoopServer, Reply, Seen, VirtualClock
from api.test_paging import DAY, MakeClient, ids, link, page, read
from loop_returns.api.client import LoopClient
from loop_returns.api.paging import PageSize
from loop_returns.errors import ApiUnavailableError, UsageError


@pytest.mark.parametrize(
    "bad",
    [Reply(status=500), Reply(status=504), Reply(status=524), Reply([1], missing=9), Reply([1], pause=0.2)],
)
def test_given_a_page_that_is_too_much_when_asked_again_then_it_is_half_as_large(
    server: LoopServer, make_client: MakeClient, bad: Reply
) -> None:
    client, sizes = make_client(read_timeout=0.1), []
    server.script = [bad, bad, page(2, next_link=link(server, "a")), page(1)]

    pages = read(client, on_page_size=sizes.append)

    assert [seen.params["pageSize"] for seen in server.seen] == ["750", "375", "187", "187"]
    assert (sizes, client.page_size) == ([375, 187], 187)
    assert [page.requests for page in pages] == [3, 1]


@pytest.mark.parametrize("bad", [Reply(status=429), Reply(hangs_up=True), Reply(raw=b"{")])
def test_given_a_failure_that_size_does_not_help_when_asked_again_then_it_stays(
    server: LoopServer, client: LoopClient, bad: Reply
) -> None:
    server.script = [bad, page(1)]

    read(client)

    assert [seen.params["pageSize"] for seen in server.seen] == ["750", "750"]


def test_given_no_page_small_enough_when_the_patience_is_over_then_25_was_tried_last(
    server: LoopServer, client: LoopClient, clock: VirtualClock
) -> None:
    server.script = [Reply(status=500)]

    with pytest.raises(ApiUnavailableError):
        read(client)

    sizes = [int(seen.params["pageSize"]) for seen in server.seen]
    assert sizes[:7] == [750, 375, 187, 93, 46, 25, 25]
    assert set(sizes[7:]) == {25}
    assert clock.time < 310


def test_given_pages_that_fail_slowly_when_halved_then_each_size_has_the_whole_patience(
    server: LoopServer, client: LoopClient, clock: VirtualClock
) -> None:
    def slow_down(seen: Seen) -> Reply:
        clock.time += 100
        return page(1) if seen.params["pageSize"] == "25" else Reply(status=504)

    server.script = slow_down

    assert ids(read(client)) == {"1"}
    assert clock.time > 600


def test_given_a_smaller_page_when_windows_go_by_then_it_grows_back_but_not_within_its_window(
    server: LoopServer, client: LoopClient
) -> None:
    rows = [row(number, number * 10, number * 10) for number in range(700)]
    script = ListServer(rows, cursors="id", base_url=server.base_url)
    server.script = lambda seen: (
        Reply(status=500) if seen.params["pageSize"] == "100" and not script.sizes else script(seen)
    )

    read(client, page_size=100)
    first = list(script.sizes)
    read(client, page_size=100)

    assert first == [50] * 14
    assert script.sizes[14:] == [50] * 10 + [100] * 2


def test_given_a_page_size_out_of_range_when_asked_then_it_is_a_usage_error(client: LoopClient) -> None:
    for size in (0, 751, -5):
        with pytest.raises(UsageError, match="1 to 750 rows"):
            client.list_pages(DAY, page_size=size)


def test_given_a_small_page_size_when_it_fails_then_it_never_grows_by_halving() -> None:
    size = PageSize()
    size.begin_window(7)

    assert (size.shrink(), size.current) == (False, 7)
