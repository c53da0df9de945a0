"""What the receiver answers, keeps, refuses and never says."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.webhooks.serving import SERVE, Served, ask, body_of, deliver, get, request, serving, sign, stored

BODY = b'{"topic":"return","trigger":"return.updated","id":"25001","total":"63.30"}'


def test_given_a_signed_delivery_when_answered_200_then_it_is_stored_as_it_came(served: Served) -> None:
    body = b'{"topic":"return","id":"25001",\n  "url":"https:\\/\\/shop.example", "name":"\xc3\xa9"}'

    assert ask(served.port, request(body))[0] == 200
    assert ask(served.port, request(body))[0] == 200

    assert served.rows("select subscription, return_id, body, deliveries, secret_no from inbox") == [
        ("return-updated", "25001", body, 2, 0)
    ]
    ((headers,),) = served.rows("select headers from inbox")
    assert json.loads(str(headers)) == {"content-type": "application/json"}


def test_given_a_signed_body_that_cannot_be_read_when_delivered_then_it_is_stored_and_answered_200(
    served: Served,
) -> None:
    for body in (b"<html>", b"", b"\xff\x00", b"[1,2]"):
        assert ask(served.port, request(body))[0] == 200

    assert served.rows("select body, parse_error from inbox order by seq") == [
        (b"<html>", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\x00", "not JSON"),
        (b"[1,2]", "not an object"),
    ]


def test_what_is_refused_leaves_only_a_count(served: Served) -> None:
    big = b"x" * ((1 << 20) + 1)
    duplicated = request(BODY).replace(b"X-Loop", f"X-Loop-Signature: {sign(BODY)}\r\nX-Loop".encode(), 1)
    chunked = request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\n"
    long_head = request(BODY).replace(b"Host", b"X-Long: " + b"a" * 17_000 + b"\r\nHost", 1)

    answers = {
        "wrong": ask(served.port, request(BODY, header=sign(BODY, "another"))),
        "missing": ask(served.port, request(BODY).replace(b"X-Loop-Signature", b"X-Other")),
        "two": ask(served.port, duplicated),
        "big": ask(served.port, request(big)),
        "unknown": ask(served.port, request(BODY, subscription="nope")),
        "get": get(served.port, "/hooks/loop/return-updated"),
        "chunked": ask(served.port, chunked),
        "head": ask(served.port, long_head),
        "noise": ask(served.port, b"\x16\x03\x01\x02\x00\r\n\r\n"),
    }

    assert {name: answer[0] for name, answer in answers.items()} == {
        "wrong": 401,
        "missing": 401,
        "two": 401,
        "big": 413,
        "unknown": 404,
        "get": 405,
        "chunked": 400,
        "head": 400,
        "noise": 400,
    }
    assert answers["wrong"][2] == b""
    served.stop()
    assert served.rows() == []
    assert served.rows("select subscription, name, value from counters order by name") == [
        ("", "refused_path", 1),
        ("return-updated", "refused_signature", 3),
        ("return-updated", "refused_size", 1),
    ]


def test_a_body_of_the_largest_size_is_taken(served: Served) -> None:
    body = b'{"id":"1","x":"' + b"x" * ((1 << 20) - 17) + b'"}'

    assert len(body) == 1 << 20
    assert ask(served.port, request(body))[0] == 200


def test_given_two_secrets_when_rotating_then_both_are_good_and_a_retired_one_is_not(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, secrets='["old", "new"]') as running:
        both = [ask(running.port, request(BODY, header=sign(BODY, secret)))[0] for secret in ("old", "new")]
        running.stop()
    with serving(tmp_path, secrets='["new"]') as running:
        after = [ask(running.port, request(BODY, header=sign(BODY, secret)))[0] for secret in ("old", "new")]

    assert (both, after) == ([200, 200], [401, 200])


def test_the_answers_name_no_server_and_there_are_no_other_routes(shared: Served) -> None:
    for path in ("/", "/docs", "/openapi.json", "/redoc", "/hooks/loop/", "/hooks/loop/return-updated/"):
        status, headers, _ = get(shared.port, path)
        assert status == 404, path
        assert "server" not in headers
        assert "location" not in headers
    assert set(ask(shared.port, request(BODY))[1]) == {"date", "content-length"}


def test_healthz_readyz_and_metrics_tell_how_it_is(shared: Served) -> None:
    ask(shared.port, request(BODY))

    assert get(shared.port, "/healthz")[::2] == (200, b"ok")
    assert get(shared.port, "/readyz")[::2] == (200, b"ok")
    told = get(shared.port, "/metrics")[2].decode()
    assert re.search(
        r'^loop_returns_webhooks_total\{subscription="return-updated",result="stored"\} \d+$', told, re.M
    )
    assert re.search(r'^loop_returns_webhooks_signed_total\{secret="0"\} [1-9]\d*$', told, re.M)
    stored_at = re.search(r"^loop_returns_inbox_last_stored_timestamp_seconds ([\d.]+)$", told, re.M)
    assert stored_at
    assert abs(float(stored_at[1]) - time.time()) < 600
    assert get(shared.port, "/metrics", "X-Forwarded-For: 203.0.113.9")[0] == 404


def test_metrics_can_have_a_port_of_their_own(tmp_path: Path) -> None:
    with serving(tmp_path, "--metrics-port", "0") as running:
        assert running.process.stdout is not None
        lines = [running.process.stdout.readline() for _ in range(3)]
        port = int(lines[-1].rpartition(":")[2].partition("/")[0])

        assert get(running.port, "/metrics")[0] == 404
        assert b"commits_total" in get(port, "/metrics")[2]
        assert ask(port, request(BODY))[0] == 404


def test_given_a_locked_inbox_when_delivered_then_503_says_when_to_come_again(
    served: Served,
) -> None:
    other = sqlite3.connect(served.data / "inbox.sqlite", isolation_level=None)
    other.execute("begin immediate")

    status, headers, _ = ask(served.port, request(BODY))
    other.execute("rollback")
    other.close()

    assert (status, headers["retry-after"]) == (503, "30")
    assert ask(served.port, request(BODY))[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_given_a_signal_when_stopped_then_the_exit_is_0_and_all_is_in_one_file(
    served: Served, number: signal.Signals
) -> None:
    told = deliver(served.port, [body_of(n) for n in range(50)])

    assert served.stop(number) == 0
    assert not (served.data / "inbox.sqlite-wal").exists()
    assert sorted(served.rows()) == sorted((body,) for body in told.acked)
    assert len(told.acked) == 50


def test_the_subscriptions_are_those_of_loop_toml(tmp_path: Path) -> None:
    (tmp_path / "loop.toml").write_text('[webhooks]\nsubscriptions = ["label-updated-x7"]\n')
    with serving(tmp_path) as running:
        assert ask(running.port, request(BODY, subscription="label-updated-x7"))[0] == 200
        assert ask(running.port, request(BODY))[0] == 404


@pytest.mark.parametrize(
    ("secrets", "toml", "code", "words"),
    [
        ("", "", 4, "no webhook secret is set"),
        ('["", " "]', "", 4, "no webhook secret is set"),
        ("[broken", "", 2, "is not a JSON list"),
        ("s", '[webhooks]\nsubscriptions = "x"\n', 2, "must be a list of names"),
        ("s", "[webhooks]\nsubscription = []\n", 2, "webhooks.subscription in loop.toml is no setting"),
        ("s", "[webhooks]\ndiagnose_signature = 1\n", 2, "must be true or false"),
        ("s", "webhooks = 1\n", 2, "is not a table"),
        ("s", '[webhooks]\nsubscriptions = ["a/b"]\n', 2, "must be a list of names"),
    ],
)
def test_what_cannot_be_served_is_said(
    tmp_path: Path, secrets: str, toml: str, code: int, words: str
) -> None:
    (tmp_path / "loop.toml").write_text(toml)
    env = os.environ | {"SOURCES__LOOP_RETURNS__WEBHOOK_SECRETS": secrets}
    ended = subprocess.run([*SERVE, "--port", "0"], cwd=tmp_path, env=env, capture_output=True, text=True)

    assert ended.returncode == code
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_secrets_file_is_read_without_dlt(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        '[sources.loop_returns]\nwebhook_secrets = ["invented-secret"]\n'
    )
    with serving(tmp_path, secrets="") as running:
        assert ask(running.port, request(BODY))[0] == 200


def test_serving_imports_neither_dlt_nor_duckdb_nor_sqlmesh(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom loop_returns import cli\ncli.run(sys.argv[1:])\n"
        "print([m for m in ('dlt', 'duckdb', 'sqlmesh', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    with serving(tmp_path, command=(sys.executable, "-c", code, "serve")) as running:
        assert ask(running.port, request(BODY))[0] == 200
        running.process.terminate()
        assert running.process.stdout is not None
        lines = running.process.stdout.read().splitlines()

    assert lines[-1] == "[]"


def test_a_second_receiver_is_refused_with_5(served: Served) -> None:
    env = os.environ | {"SOURCES__LOOP_RETURNS__WEBHOOK_SECRETS": "s"}
    words = [*SERVE, "--port", "0", "--data-dir", str(served.data)]
    ended = subprocess.run(words, env=env, capture_output=True, text=True)

    assert ended.returncode == 5
    assert "another receiver is at work" in ended.stderr


def personal(rng: random.Random) -> Iterator[tuple[str, str]]:
    for field in ("name", "email", "phone", "address1", "status_page_url"):
        yield field, "".join(rng.choices(string.ascii_lowercase, k=9))


def test_no_value_of_a_body_is_in_the_log_or_the_metrics(served: Served) -> None:
    rng = random.Random(5)
    bodies = [dict(personal(rng)) | {"id": str(25_000 + n)} for n in range(300)]
    raw = [json.dumps(body).encode() for body in bodies]

    deliver(served.port, raw)
    for body in raw[:100]:
        ask(served.port, request(body, header="bm90aGluZw=="))
        ask(served.port, request(body)[:-5] + b"\x00zz}}")
    told = get(served.port, "/metrics")[2].decode() + served.log.read_text()

    assert "refused: bad signature" in told
    assert [v for body in bodies for v in body.values() if len(v) > 4 and v in told] == []


HEADERS = st.one_of(
    st.none(),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=200),
    st.binary(max_size=32).map(lambda raw: sign(raw, "another")),
    st.sampled_from(["", " ", "=" * 44, "A" * 44, sign(b"other"), "é" * 20, "x" * 5000]),
)


@pytest.mark.parametrize("examples", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_hostile_signatures_are_only_ever_refused(shared: Served, examples: int) -> None:
    seen: dict[int, int] = {}

    @hypothesis_settings(
        max_examples=examples, database=None, suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(st.one_of(st.binary(max_size=400), st.just(BODY)), st.lists(HEADERS, max_size=2), st.booleans())
    def hostile(body: bytes, headers: list[str | None], is_big: bool) -> None:
        sent = body + b"x" * (1 << 20) if is_big and not body else body
        raw = request(sent, header="-").replace(b"X-Loop-Signature: -\r\n", b"", 1)
        lines = "".join(f"X-Loop-Signature: {header}\r\n" for header in headers if header is not None)
        status = ask(shared.port, raw.replace(b"\r\n", b"\r\n" + lines.encode("latin-1"), 1))[0]
        seen[status] = seen.get(status, 0) + 1
        assert status in (400, 401, 413)

    before = stored(shared.data, "select count(*), max(seq) from inbox")
    hostile()

    print(f"{examples} hostile requests: {seen}")
    assert seen[401] > examples / 2
    assert stored(shared.data, "select count(*), max(seq) from inbox") == before
    assert get(shared.port, "/healthz")[0] == 200
