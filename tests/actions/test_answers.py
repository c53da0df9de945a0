"""Every answer, whole or cut at any byte, leads to the state that the table names; nothing is sent twice."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Iterator

import pytest

from actions.raw_server import Behaviour, RawServer
from loop_returns.actions.answers import classify
from loop_returns.actions.send import Poster
from loop_returns.actions.states import State
from loop_returns.errors import UsageError

YES = [b"true", b'"true"', b" true\n"]
NO = [
    b"false",
    b'{"errors":{"code":"UNPROCESSABLE_RETURN","message":"Return is closed."}}',
    b'{"errors":{"message":"No return found with this ID."}}',
    b'{"errors":[{"message":"Forbidden."}]}',
    b'{"errors":"Unauthorized."}',
    b'{"error":{"message":"No."}}',
    b'{"message":"Return is cancelled and therefore cannot be processed."}',
    b'{"content":"Return is flagged and cannot be processed."}',
]
UNKNOWN = [
    b"",
    b"tr",
    b"null",
    b"1",
    b"[]",
    b"{}",
    b'{"success":true}',
    b'{"errors":[]}',
    b"<html>true</html>",
]
STATUSES = [200, 201, 202, 204, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 422, 429]
STATUSES += [500, 502, 503, 504, 520]
OF_STATUS = {401: "APPROVED", 403: "APPROVED", 404: "REJECTED", 422: "REJECTED", 429: "APPROVED"}
STOPPING = {301, 302, 303, 307, 308, 401, 403}


def answer(status: int, body: bytes, *headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Length: {len(body)}",
        "Location: http://127.0.0.1:9/",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def expected(status: int, body: bytes) -> str:
    if status != 200:
        return OF_STATUS.get(status, "IN_DOUBT")
    return "ACCEPTED" if body in YES else "REJECTED" if body in NO else "IN_DOUBT"


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def post(server: RawServer, behaviour: Behaviour, *, seconds: float = 5) -> tuple[str, bool]:
    """State and whether the run stops; asserts that one connection was made, no more."""
    server.behaviour, before = behaviour, len(server.requests)
    poster = Poster(server.base_url, "secret-key", answer_seconds=seconds)
    outcome = classify(poster.post("/warehouse/return/1/process", None, lambda: True))
    time.sleep(0.002)
    assert len(server.requests) - before <= 1
    return outcome.state.value, outcome.stops


def test_every_whole_answer(server: RawServer) -> None:
    cases = list(itertools.product(STATUSES, YES + NO + UNKNOWN))
    assert len(cases) >= 400

    found = {case: post(server, Behaviour(answer(*case))) for case in cases}

    assert found == {
        (status, body): (expected(status, b"" if status == 204 else body), status in STOPPING)
        for status, body in cases
    }


@pytest.mark.parametrize("then", ["close", "reset"])
def test_every_answer_that_is_cut_is_a_doubt(server: RawServer, then: str) -> None:
    for status, body in itertools.product(STATUSES, (YES[0], NO[1])):
        if status == 204:
            continue
        whole = answer(status, body)
        for cut in (0, 1, len(whole) - len(body) - 1, len(whole) - len(body), len(whole) - 1):
            state, _ = post(server, Behaviour(whole[:cut], then=then))  # type: ignore[arg-type] # one of the two

            assert state == "IN_DOUBT", (status, body, cut)


def test_a_request_that_is_cut_is_a_doubt(server: RawServer) -> None:
    for cut, then in itertools.product((0, 1, 40, 100), ("close", "reset")):
        assert post(server, Behaviour(read=cut, then=then)) == ("IN_DOUBT", False)  # type: ignore[arg-type] # as above


@pytest.mark.parametrize("got", [b"", b"HTTP/1.1 200 OK\r\n", answer(200, b"true")[:-1]])
def test_an_answer_that_hangs_is_a_doubt_in_time(server: RawServer, got: bytes) -> None:
    started = time.monotonic()

    assert post(server, Behaviour(got, then="hang"), seconds=0.3) == ("IN_DOUBT", False)
    assert time.monotonic() - started < 2


def test_an_answer_that_drips_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        poster = Poster(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "k", answer_seconds=0.4)
        import threading

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\nX-A: "):
                        connection.sendall(bytes([byte]))
                        time.sleep(0.05)
                except OSError:
                    pass

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()

        sent = poster.post("/x", None, lambda: True)

    assert classify(sent).state == State.IN_DOUBT
    assert time.monotonic() - started < 2


def test_no_connection_is_no_doubt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    sent = Poster(f"http://127.0.0.1:{port}/api/v1", "k").post("/x", None, lambda: True)

    assert (sent.began, classify(sent).state) == (False, State.APPROVED)


def test_a_server_that_speaks_no_tls_is_no_doubt(server: RawServer) -> None:
    server.behaviour, before = Behaviour(answer(400, b""), read=1), len(server.requests)

    sent = Poster(server.base_url.replace("http:", "https:"), "k").post("/x", None, lambda: True)

    assert (sent.began, classify(sent).state) == (False, State.APPROVED)
    assert server.requests[before:] == [b"\x16"]


def test_a_run_that_slept_sends_no_byte(server: RawServer) -> None:
    server.behaviour, before = Behaviour(answer(200, b"true")), len(server.requests)

    sent = Poster(server.base_url, "k").post("/x", None, lambda: False)

    assert (sent.began, classify(sent).state) == (False, State.APPROVED)
    time.sleep(0.05)
    assert server.requests[before:] in ([], [b""])


def test_what_is_sent(server: RawServer) -> None:
    server.behaviour = Behaviour(answer(200, b"true", "Retry-After: 7", "X-RateLimit-Remaining: 3"))

    sent = Poster(server.base_url, "secret-key").post(
        "/warehouse/return/1/note", {"content": "é"}, lambda: True
    )

    assert (sent.status, sent.body, sent.retry_after, sent.remaining) == (200, b"true", 7.0, 3)
    head, _, body = server.requests[-1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/warehouse/return/1/note HTTP/1.1\r\n")
    assert b"X-Authorization: secret-key" in head
    assert b"Connection: close" in head
    assert json.loads(body) == {"content": "é"}


def test_a_redirect_to_another_host_is_not_followed(server: RawServer) -> None:
    with RawServer() as other:
        target = f"Location: {other.base_url}/warehouse/return/1/process"
        server.behaviour = Behaviour(
            answer(307, b"").replace(b"Location: http://127.0.0.1:9/", target.encode())
        )

        sent = Poster(server.base_url, "k").post("/warehouse/return/1/process", None, lambda: True)

        assert classify(sent).stops
        assert other.requests == []


def test_the_key_is_in_no_text_and_goes_out_encrypted_only() -> None:
    assert "secret-key" not in repr(Poster("https://api.example", "secret-key"))
    with pytest.raises(UsageError, match="over TLS only"):
        Poster("http://api.example/v1", "secret-key")
