"""Each fault on request, and that it is over afterwards."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import requests

from loop_returns.simulator.app import Fault, Request

from .conftest import LIST, Reader

WIDE = {"from": "2026-08-01", "to": "2026-11-20T12:00:00Z", "paginate": "true", "pageSize": "50"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, '{"error":{"code":"401","http_code":"GEN-UNAUTHORIZED","message":"Unauthorized."}}'),
        (404, '{"errors":{"code":"NOT_FOUND"}}'),
        (429, '{"message":"Too Many Attempts."}'),
        (500, '{"message":"Server Error"}'),
        (502, "<html><body>Error 502</body></html>"),
        (524, "<html><body>Error 524</body></html>"),
    ],
)
def test_a_status_answers_once_with_its_body(reader: Reader, status: int, body: str) -> None:
    reader.loop.fail_next = [status]

    first, second = reader.get(LIST), reader.get(LIST)

    assert (first.status_code, first.text) == (status, body)
    assert second.status_code == 200
    assert [request.status for request in reader.loop.seen] == [status, 200]


def test_a_200_with_an_error(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("error_200", message="Not today.")]

    answer = reader.get(LIST)

    assert answer.status_code == 200
    assert answer.json() == {"errors": {"message": "Not today."}}


def test_a_200_that_is_html(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("html")]

    answer = reader.get(LIST)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_half_a_body_is_cut_below_its_promised_length(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("half")]

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        reader.get(LIST)

    assert reader.get(LIST).status_code == 200


def test_a_reset_closes_without_an_answer(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("reset")]

    with pytest.raises(requests.exceptions.ConnectionError):
        reader.get(LIST)

    assert [request.status for request in reader.loop.seen] == [0]
    assert reader.get(LIST).status_code == 200


def test_a_slow_answer_comes_in_the_end(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("slow", seconds=0.2)]
    start = time.monotonic()

    assert reader.get(LIST).status_code == 200

    assert time.monotonic() - start >= 0.2


def test_latency_is_added_to_each_answer(reader: Reader) -> None:
    reader.loop.latency = 0.05
    start = time.monotonic()

    reader.get(LIST)
    reader.get(LIST)

    assert time.monotonic() - start >= 0.1


def test_a_repeated_cursor_leads_back_for_ever(reader: Reader) -> None:
    link = reader.get(LIST, **WIDE).json()["nextPageUrl"]
    reader.loop.fail_next = [Fault("repeat_cursor")]
    cursor = link.partition("cursor=")[2]

    links = []
    for _ in range(3):
        link = reader.follow(link).json()["nextPageUrl"]
        links.append(link.partition("cursor=")[2])

    assert links == [cursor, cursor, cursor]


def test_a_foreign_link_names_another_host(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("foreign_link")]

    link = reader.get(LIST, **WIDE).json()["nextPageUrl"]

    assert link.startswith("https://elsewhere.example/")


def test_an_envelope_without_returns(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("no_returns")]

    assert reader.get(LIST, **WIDE).json() == {"nextPageUrl": None, "previousPageUrl": None}


def test_an_empty_body(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("empty")]

    answer = reader.get(LIST)

    assert (answer.status_code, answer.content) == (200, b"")


def test_a_refused_window(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("refuse_422", message="The range is too wide.")]

    answer = reader.get(LIST)

    assert answer.status_code == 422
    assert answer.json() == {
        "message": "The range is too wide.",
        "errors": {"from": ["The range is too wide."]},
    }


def test_a_redirect_to_another_host(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("redirect", to="https://elsewhere.example/x")]

    answer = reader.get(LIST)

    assert (answer.status_code, answer.headers["location"]) == (302, "https://elsewhere.example/x")


def test_a_429_that_says_how_long(reader: Reader) -> None:
    reader.loop.fail_next = [Fault("retry_after", retry_after=7)]

    answer = reader.get(LIST)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_a_fault_may_depend_on_the_request(reader: Reader) -> None:
    def cancelled_only(request: Request) -> int | None:
        return 500 if request.query.get("state") == "cancelled" else None

    reader.loop.fail_when = cancelled_only

    assert reader.get(LIST, state="cancelled").status_code == 500
    assert reader.get(LIST, state="review").status_code == 200


def test_above_the_rate_limit_is_a_429(reader: Reader) -> None:
    reader.loop.switches = replace(reader.loop.switches, rate_limit=3)

    answers = [reader.get(LIST) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3"}
    assert "retry-after" not in answers[3].headers


@pytest.mark.parametrize(("how", "ends"), [("seconds", ("60", "61")), ("date", ("GMT",))])
def test_retry_after_comes_in_two_forms(reader: Reader, how: str, ends: tuple[str, ...]) -> None:
    reader.loop.switches = replace(reader.loop.switches, rate_limit=1, retry_after=how)
    reader.get(LIST)

    answer = reader.get(LIST)

    assert answer.status_code == 429
    assert answer.headers["retry-after"].endswith(ends)


def test_requests_are_remembered_without_the_key(reader: Reader) -> None:
    reader.get(LIST, state="open")

    request = reader.loop.seen[0]

    assert (request.method, request.path, request.query) == ("GET", LIST, {"state": "open"})
    assert "simulator-key" not in repr(request)
