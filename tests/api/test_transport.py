"""One GET: where the key goes, what is tried again, for how long, and what is said in the end."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable

import pytest

from api.conftest import KEY
from api.loop_server import START, LoopServer, Reply, VirtualClock
from loop_returns.api.client import Answer, ClientSettings, LoopClient
from loop_returns.errors import (
    ApiRefusedError,
    ApiUnavailableError,
    KeyRefusedError,
    LoopReturnsError,
    UnexpectedAnswerError,
)

MakeClient = Callable[..., LoopClient]


OK = Reply([1, 2])


def get(client: LoopClient) -> Answer:
    return client.get("/webhooks", {"a": "b c"}, scope="Developer Tools")


def test_given_an_answer_when_got_then_body_json_time_and_cost_are_there(
    server: LoopServer, client: LoopClient
) -> None:
    server.script = [OK]

    answer = get(client)

    assert (answer.body, answer.json, answer.requests, answer.fetched_at) == (b"[1, 2]", [1, 2], 1, START)
    assert answer.json is answer.json
    assert client.requests_sent == 1
    assert client.api_version == "v1"


def test_the_key_goes_into_one_header_and_nowhere_else(server: LoopServer, client: LoopClient) -> None:
    server.script = [OK]

    get(client)

    seen = server.seen[0]
    assert {name for name, value in seen.headers.items() if KEY in value} == {"x-authorization"}
    assert seen.headers["user-agent"].startswith("loop-returns/")
    assert (seen.path, seen.params) == ("/api/v1/webhooks", {"a": "b c"})


def test_the_connection_is_kept(server: LoopServer, client: LoopClient) -> None:
    server.script = [
        OK,
        Reply(list(range(100_000))),
        Reply({"message": "No."}, status=404),
        Reply(status=503),
        OK,
    ]

    get(client)
    get(client)
    with pytest.raises(ApiRefusedError):
        get(client)
    get(client)

    assert len({seen.port for seen in server.seen}) == 1


def test_given_a_proxy_in_the_environment_when_asked_then_it_is_ignored(
    server: LoopServer, client: LoopClient, hostile_environment: None
) -> None:
    server.script = [OK]

    assert get(client).json == [1, 2]


def test_given_a_netrc_for_the_host_when_asked_then_no_authorization_is_added(
    server: LoopServer, client: LoopClient, hostile_environment: None
) -> None:
    server.script = [OK]

    get(client)

    assert "authorization" not in server.seen[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_given_a_redirect_when_asked_then_nobody_follows_it(
    server: LoopServer, other_server: LoopServer, client: LoopClient, status: int
) -> None:
    other_server.script = [OK]
    server.script = [Reply(status=status, headers={"Location": f"{other_server.origin}/x?token=abc"})]

    with pytest.raises(UnexpectedAnswerError, match=r"redirected /webhooks to 127\.0\.0\.1\n") as caught:
        get(client)

    assert "the key was not sent there" in str(caught.value)
    assert "abc" not in str(caught.value)
    assert (len(server.seen), len(other_server.seen)) == (1, 0)


@pytest.mark.parametrize(
    "location", ["", "/elsewhere", "http://[broken", "https://*:x/", f"https://{KEY}.example/"]
)
def test_given_an_odd_redirect_when_asked_then_it_is_refused_at_once(
    server: LoopServer, client: LoopClient, location: str
) -> None:
    server.script = [Reply(status=302, headers={"Location": location})]

    with pytest.raises(UnexpectedAnswerError) as caught:
        get(client)

    assert KEY.lower() not in str(caught.value).lower()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "first",
    [
        Reply(status=429),
        Reply({"message": "Server Error"}, status=500),
        Reply(status=502, raw=b"<html>Bad gateway</html>"),
        Reply(status=503),
        Reply(status=524),
        Reply(status=408),
        Reply(hangs_up=True),
        Reply([1, 2, 3], missing=10),
        Reply([1, 2, 3], missing=1, chunked=True),
        Reply(raw=b""),
        Reply(raw=b'{"returns": [{"id": "1"'),
        Reply(raw=b"<!doctype html><title>Maintenance</title>"),
        Reply(raw=b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_given_one_failure_when_asked_then_it_is_asked_again(
    server: LoopServer, client: LoopClient, clock: VirtualClock, first: Reply
) -> None:
    server.script = [first, OK]

    answer = get(client)

    assert (answer.json, answer.requests, client.requests_sent) == ([1, 2], 2, 2)
    assert len(server.seen) == 2
    assert 0.5 <= clock.time <= 1


def test_given_silence_when_the_read_time_out_is_over_then_it_is_asked_again(
    server: LoopServer, make_client: MakeClient
) -> None:
    server.script = [Reply([1], pause=0.3), OK]

    assert get(make_client(read_timeout=0.1)).json == [1, 2]


def test_given_a_body_that_stops_when_the_read_time_out_is_over_then_it_is_asked_again(
    server: LoopServer, make_client: MakeClient
) -> None:
    server.script = [Reply([1], drip=0.3), OK]

    assert get(make_client(read_timeout=0.1)).json == [1, 2]


def test_given_a_dripping_body_when_the_answer_takes_too_long_then_it_is_asked_again(
    server: LoopServer,
) -> None:
    server.script = [Reply(list(range(100)), drip=0.02), OK]
    settings = ClientSettings(KEY, server.base_url, answer_timeout=0.1, read_timeout=5)

    began = time.monotonic()
    with LoopClient(settings) as client:
        answer = get(client)

    assert (answer.json, answer.requests) == ([1, 2], 2)
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("chunked", [False, True])
def test_given_a_packed_body_when_read_then_it_is_unpacked(
    server: LoopServer, client: LoopClient, chunked: bool
) -> None:
    rows = list(range(50_000))
    packed = gzip.compress(json.dumps(rows).encode())
    server.script = [Reply(raw=packed, headers={"Content-Encoding": "gzip"}, chunked=chunked)]

    assert get(client).json == rows


@pytest.mark.parametrize(
    ("raw", "seen"),
    [(b"<html></html>", "HTML"), (b"", "empty"), (b" \n", "empty"), (b'{"returns": [', "not complete JSON")],
)
def test_given_no_json_three_times_when_asked_then_it_is_an_unexpected_answer(
    server: LoopServer, client: LoopClient, raw: bytes, seen: str
) -> None:
    server.script = [Reply(raw=raw)]

    with pytest.raises(UnexpectedAnswerError) as caught:
        get(client)

    assert seen in caught.value.cause
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({"errors": "Unauthorized."}, status=401), KeyRefusedError),
        (Reply(raw=b"<html>", status=403), KeyRefusedError),
        (Reply({"message": "Bad."}, status=400), ApiRefusedError),
        (Reply(raw=b"<html>", status=404), ApiRefusedError),
        (Reply({"message": "Bad."}, status=422), ApiRefusedError),
    ],
)
def test_given_a_refusal_when_asked_then_it_is_not_asked_again(
    server: LoopServer, client: LoopClient, reply: Reply, error: type[LoopReturnsError]
) -> None:
    server.script = [reply]

    with pytest.raises(error) as caught:
        get(client)

    assert len(server.seen) == 1
    assert error is not KeyRefusedError or "lacks the scope Developer Tools" in caught.value.hint


def test_given_a_server_that_repeats_the_key_and_a_mail_when_refused_then_no_message_holds_them(
    server: LoopServer, client: LoopClient
) -> None:
    for status in (400, 401, 404, 422):
        server.script = [Reply({"message": f"Key {KEY} of jane@shop.example is bad"}, status=status)]

        with pytest.raises(LoopReturnsError, match=r"Key \[key\] of \[e-mail\] is bad") as caught:
            get(client)

        assert KEY not in f"{caught.value} {caught.value!r} {caught.value.__context__!r}"


def test_given_the_servers_count_when_it_is_used_up_then_the_next_request_waits(
    server: LoopServer, client: LoopClient, clock: VirtualClock
) -> None:
    server.script = [Reply([], headers={"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0"})]

    get(client)
    get(client)

    assert clock.time == 60.5


def test_given_retries_when_they_are_sent_then_they_count_as_requests(
    server: LoopServer, make_client: MakeClient, clock: VirtualClock
) -> None:
    client = make_client(requests_per_minute=2)
    server.script = [Reply(status=500), Reply(status=500), OK]

    get(client)

    assert clock.time == 60.5


def test_given_a_certificate_nobody_signed_when_asked_then_it_ends_at_once(
    clock: VirtualClock, tls_port: int
) -> None:
    client = LoopClient(ClientSettings(KEY, f"https://localhost:{tls_port}/api/v1"), clock=clock)

    with pytest.raises(ApiUnavailableError, match="certificate cannot be verified"):
        get(client)

    assert clock.time == 0
