"""No row is skipped, whatever the cursors do; no paging goes on for ever."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.list_server import EPOCH, ListServer, Refuses, row
from api.loop_server import LoopServer, Reply
from loop_returns.api.client import LoopClient, Page, TimeFilter
from loop_returns.api.windows import Window
from loop_returns.errors import UnexpectedAnswerError, WindowRefusedError

MakeClient = Callable[..., LoopClient]


DAY = Window(EPOCH, EPOCH + timedelta(days=1))


same_server = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(client: LoopClient, **options: Any) -> list[Page]:
    return list(client.list_pages(DAY, **options))


def ids(pages: list[Page]) -> set[str]:
    return {row["id"] for page in pages for row in page.rows}


def link(server: LoopServer, cursor: str) -> str:
    return f"{server.base_url}/warehouse/return/list?cursor={quote(cursor)}"


def page(*numbers: int, next_link: str | None = None) -> Reply:
    return Reply({"returns": [row(number, number, number) for number in numbers], "nextPageUrl": next_link})


@st.composite
def list_servers(draw: st.DrawFn) -> ListServer:
    """Few seconds and many rows in each, in any order, with any of the doubtful readings of the API."""
    gaps = draw(st.lists(st.sampled_from([0, 0, 0, 1, 1, 2, 7]), max_size=40))
    created = list(accumulate(gaps))
    updated = draw(st.permutations(created))
    server = ListServer(
        [row(number, *times) for number, times in enumerate(zip(created, updated, strict=True))],
        key=draw(st.sampled_from(["created_at", "updated_at"])),
        descending=draw(st.booleans()),
        cursors=draw(st.sampled_from(["second", "second", "id"])),
        includes_from=draw(st.booleans()),
        includes_to=draw(st.booleans()),
        shuffles=draw(st.booleans()),
        refuses=draw(st.sampled_from(["", "", "422", "500", "ignores"])),
    )
    if server.cursors == "id":
        server.rows = draw(st.permutations(server.rows))
    return server


@same_server
@given(list_servers(), st.integers(2, 9), st.sampled_from(["created_at", "updated_at"]))
def test_every_row_is_seen_whatever_the_cursors_do(
    server: LoopServer, make_client: MakeClient, script: ListServer, size: int, filter_by: TimeFilter
) -> None:
    script.base_url, server.script = server.base_url, script

    pages = read(make_client(requests_per_minute=100_000), page_size=size, filter=filter_by)

    assert ids(pages) == {row["id"] for row in script.rows}
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("shuffles", [True, False])
@pytest.mark.parametrize("refuses", ["", "422", "500", "ignores"])
def test_given_three_rows_a_second_when_read_then_requests_are_near_the_least(
    server: LoopServer, make_client: MakeClient, descending: bool, shuffles: bool, refuses: Refuses
) -> None:
    rows = [row(number, number // 3, number // 3) for number in range(2_000)]
    server.script = ListServer(
        rows, descending=descending, shuffles=shuffles, refuses=refuses, base_url=server.base_url
    )
    client = make_client(requests_per_minute=100_000)

    pages = read(client, page_size=100)

    least = math.ceil(2_000 / 100)
    assert len(ids(pages)) == 2_000
    assert sum(page.requests for page in pages) == client.requests_sent == len(server.seen)
    assert client.requests_sent <= (least * 1.05 if not refuses else least * 2 + 2)


def test_given_cursors_in_the_shops_own_time_when_read_then_every_row_is_seen(
    server: LoopServer, make_client: MakeClient
) -> None:
    rows = [row(number, number // 3, 0) for number in range(100)]
    server.script = ListServer(rows, offset=-5, base_url=server.base_url)

    assert len(ids(read(make_client(), page_size=10))) == 100
    assert not [seen for seen in server.seen if seen.params["filter"] == "created_at"]


def test_given_cursors_that_include_their_own_second_when_read_then_every_row_is_seen(
    server: LoopServer, make_client: MakeClient
) -> None:
    rows = [row(number, number // 3, 0) for number in range(100)]
    server.script = ListServer(rows, includes_cursor=True, base_url=server.base_url)

    assert len(ids(read(make_client(), page_size=20))) == 100


def test_given_a_cursor_with_a_unique_key_when_read_then_it_is_followed_as_it_is(
    server: LoopServer, make_client: MakeClient
) -> None:
    rows = [row(number, number // 7, 0) for number in range(100)]
    script = server.script = ListServer(rows, cursors="id", base_url=server.base_url)

    pages = read(make_client(), page_size=10)

    assert [len(page.rows) for page in pages] == [10] * 10
    assert {seen.params.get("cursor", "") for seen in server.seen} <= script.made | {""}


def test_given_a_page_of_one_second_when_read_then_the_second_is_asked_for_itself(
    server: LoopServer, make_client: MakeClient
) -> None:
    rows = [row(number, 60 if number < 30 else 90, 5) for number in range(40)]
    server.script = ListServer(rows, descending=False, base_url=server.base_url)

    pages = read(make_client(), page_size=10, state="review")

    seconds = [seen.params for seen in server.seen if seen.params["filter"] == "created_at"]
    assert len(ids(pages)) == 40
    assert seconds == [
        {
            "filter": "created_at",
            "from": "2026-01-01T00:01:00.000Z",
            "to": "2026-01-01T00:01:01.000Z",
            "state": "review",
            "paginate": "true",
            "pageSize": "750",
        }
    ]


@pytest.mark.parametrize(("includes_from", "reads"), [(True, 1), (False, 2)])
def test_given_a_from_that_excludes_its_second_when_a_second_is_asked_for_then_it_is_asked_for_wider(
    server: LoopServer, make_client: MakeClient, includes_from: bool, reads: int
) -> None:
    rows = [row(number, 60 if number < 30 else 90, 5) for number in range(40)]
    script = ListServer(rows, descending=False, includes_from=includes_from, base_url=server.base_url)
    server.script = script

    pages = read(make_client(), page_size=10)

    assert len(ids(pages)) == 40
    assert len([seen for seen in server.seen if seen.params["filter"] == "created_at"]) == reads


def test_given_a_second_that_fits_no_page_when_read_then_it_is_named(
    server: LoopServer, make_client: MakeClient
) -> None:
    rows = [row(number, 60, 5) for number in range(1_000)]
    server.script = ListServer(rows, base_url=server.base_url)

    with pytest.raises(UnexpectedAnswerError, match=r"2026-01-01T00:01:00\.000Z do not fit one page"):
        read(make_client())


def test_the_list_is_asked_for_with_an_overlap_and_only_with_what_is_meant(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [page(1)]

    read(client)
    read(client, state="cancelled", filter="created_at", page_size=7)

    common = {"from": "2025-12-31T23:59:59.000Z", "to": "2026-01-02T00:00:00.000Z", "paginate": "true"}
    assert server.seen[0].path == "/api/v1/warehouse/return/list"
    assert [seen.params for seen in server.seen] == [
        common | {"filter": "updated_at", "pageSize": "750"},
        common | {"filter": "created_at", "pageSize": "7", "state": "cancelled"},
    ]


def test_given_an_end_within_a_second_when_asked_then_the_whole_second_is(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [page(1)]

    list(client.list_pages(Window(DAY.start, DAY.end + timedelta(microseconds=1))))

    assert server.seen[0].params["to"] == "2026-01-02T00:00:01.000Z"


def test_given_a_next_link_when_followed_then_only_its_cursor_is_taken(
    server: LoopServer, client: LoopClient
) -> None:
    other = f"{server.origin}/api/v9/elsewhere?to=1999&filter=created_at&pageSize=1&cursor=abc%3D"
    server.script = [page(1, next_link=other), page(2)]

    pages = read(client, state="review")

    assert [page.rows[0]["id"] for page in pages] == ["1", "2"]
    assert server.seen[1].path == server.seen[0].path
    assert server.seen[1].params == server.seen[0].params | {"cursor": "abc="}


def test_given_a_relative_next_link_when_followed_then_it_is_this_host(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [page(1, next_link="/api/v1/warehouse/return/list?cursor=abc"), page(2)]

    assert len(read(client)) == 2


def test_given_a_next_link_of_another_scheme_when_read_then_only_its_cursor_is_used(
    server: LoopServer, client: LoopClient
) -> None:
    link = f"https://127.0.0.1:{server.port}/api/v1/warehouse/return/list?cursor=abc"
    server.script = [page(1, next_link=link), page(2)]

    assert len(read(client)) == 2


@pytest.mark.parametrize(
    ("next_link", "seen"),
    [
        ("https://evil.example/api/v1/warehouse/return/list?cursor=a", "another host"),
        ("http://127.0.0.1:1/api/v1/warehouse/return/list?cursor=a", "another host"),
        ("//evil.example/?cursor=a", "another host"),
        ("http://[broken/?cursor=a", "no address"),
        ("http://127.0.0.1:PORT/api/v1/warehouse/return/list?page=2", "no cursor"),
        ("http://127.0.0.1:PORT/api/v1/warehouse/return/list?cursor=", "no cursor"),
    ],
)
def test_given_a_next_link_that_leads_astray_when_read_then_pass_and_window_are_named(
    server: LoopServer, client: LoopClient, next_link: str, seen: str
) -> None:
    server.script = [page(1, next_link=next_link.replace("PORT", str(server.port)))]

    with pytest.raises(UnexpectedAnswerError) as caught:
        read(client, state="cancelled")

    assert seen in caught.value.cause
    assert "pass cancelled, 2026-01-01T00:00:00.000Z to 2026-01-02T00:00:00.000Z" in caught.value.message
    assert "evil" not in str(caught.value)
    assert len(server.seen) == 1


def stalls(server: LoopServer, client: LoopClient, why: str) -> None:
    with pytest.raises(UnexpectedAnswerError) as caught:
        read(client)

    assert why in caught.value.cause
    assert "pass default, 2026-01-01T00:00:00.000Z to" in caught.value.message
    assert len(server.seen) < 10


def test_given_a_cursor_that_repeats_when_read_then_it_ends(server: LoopServer, client: LoopClient) -> None:
    server.script = lambda seen: page(len(server.seen), next_link=link(server, "same"))

    stalls(server, client, "a cursor came a second time")


def test_given_cursors_that_alternate_when_read_then_it_ends(server: LoopServer, client: LoopClient) -> None:
    server.script = lambda seen: page(len(server.seen), next_link=link(server, f"c{len(server.seen) % 2}"))

    stalls(server, client, "a cursor came a second time")


def test_given_empty_pages_without_end_when_read_then_it_ends(server: LoopServer, client: LoopClient) -> None:
    server.script = lambda seen: page(next_link=link(server, f"c{len(server.seen)}"))

    stalls(server, client, "without a new return")


def test_given_the_same_rows_page_after_page_when_read_then_it_ends(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = lambda seen: page(1, 2, next_link=link(server, f"c{len(server.seen)}"))

    stalls(server, client, "without a new return")


def test_given_a_server_that_ignores_every_cursor_when_read_then_it_ends(
    server: LoopServer, client: LoopClient
) -> None:
    script = ListServer([row(number, number, number) for number in range(2_000)], base_url=server.base_url)
    server.script = lambda seen: script(replace(seen, params=seen.params | {"cursor": ""}))

    stalls(server, client, "a cursor came a second time")


def test_given_an_empty_page_in_between_when_read_then_it_goes_on(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [page(1, next_link=link(server, "a")), page(next_link=link(server, "b")), page(2)]

    assert ids(read(client)) == {"1", "2"}


@pytest.mark.parametrize("count", [1, 749])
def test_given_a_bare_array_that_is_not_full_when_read_then_it_is_the_only_page(
    server: LoopServer, client: LoopClient, count: int
) -> None:
    server.script = [Reply([row(number, 0, 0) for number in range(count)])]

    assert [len(page.rows) for page in read(client)] == [count]


def test_given_a_full_bare_array_when_read_then_it_is_refused(server: LoopServer, client: LoopClient) -> None:
    server.script = [Reply([row(number, 0, 0) for number in range(750)])]

    with pytest.raises(UnexpectedAnswerError, match="bare array of 750 rows"):
        read(client)


def test_given_422_when_read_then_the_window_is_refused_in_loops_words(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [Reply({"message": "The dates are too far apart.", "errors": {}}, status=422)]

    with pytest.raises(WindowRefusedError, match=r"The dates are too far apart\.") as caught:
        read(client, state="review")

    assert "pass review, 2026-01-01T00:00:00.000Z to" in caught.value.message
    assert len(server.seen) == 1
