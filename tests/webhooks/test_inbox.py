"""The inbox: what is stored once, what re-arms, what a reader sees, what is purged."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loop_returns.errors import DatabaseLockedError, LoopReturnsError
from loop_returns.webhooks import inbox, writer
from loop_returns.webhooks.inbox import Delivery, InboxReader
from loop_returns.webhooks.payload import subject
from loop_returns.webhooks.store import Store
from loop_returns.webhooks.writer import InboxWriter

OPEN = b'{"topic":"return","trigger":"return.updated","id":"25001","state":"open"}'
REVIEW = b'{"topic":"return","trigger":"return.updated","id":"25001","state":"review"}'
LONG_AGO = datetime.now(UTC) - timedelta(days=31)


def delivery(body: bytes, subscription: str = "return-updated", at: datetime | None = None) -> Delivery:
    return Delivery(subscription, body, "{}", 0, "raw", inbox.stamp(at))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_given_a_retry_when_stored_then_there_is_one_event_that_came_twice(
    store: Store, tmp_path: Path
) -> None:
    store.commit([delivery(OPEN), delivery(OPEN)])
    store.commit([delivery(OPEN), delivery(OPEN, "return-created")])

    with InboxReader(tmp_path) as reader:
        events = list(reader.events(0))
        counts = {(each.subscription, each.name): each.value for each in reader.counters()}

    assert [(each.subscription, each.deliveries) for each in events] == [
        ("return-updated", 3),
        ("return-created", 1),
    ]
    assert events[0].body == OPEN
    assert events[0].last_seen_at is not None
    assert (events[0].topic, events[0].trigger, events[0].return_id) == ("return", "return.updated", "25001")
    assert counts == {
        ("return-created", "accepted"): 1,
        ("return-updated", "accepted"): 1,
        ("return-updated", "duplicate"): 2,
    }


def test_given_open_review_open_in_the_same_bytes_when_stored_then_the_return_is_dirty_each_time(
    store: Store, tmp_path: Path
) -> None:
    marks = set()
    for body in (OPEN, REVIEW, OPEN):
        store.commit([delivery(body)])
        with InboxReader(tmp_path) as reader:
            (mark,) = reader.dirty()
        marks.add((mark.seq_high, mark.bumps))

    assert marks == {(1, 1), (2, 2), (2, 3)}


@pytest.mark.parametrize(
    ("body", "return_id", "reason"),
    [
        (b'{"id":25001,"topic":"label"}', "25001", None),
        (b'{"topic":"giftcard","id":9,"return_id":25001}', "25001", None),
        (b'{"topic":"giftcard","id":9}', None, "names no return"),
        (b'{"topic":"return.processing","return_id":25001,"message":null}', "25001", None),
        (b'{"topic":"return","id":true}', None, "names no return"),
        (b'{"topic":"return","id":"1; drop table inbox"}', None, "names no return"),
        (b'{"topic":"return","id":' + b"9" * 40 + b"}", None, "names no return"),
        (b'{"topic":{"a":1},"id":"\xd9\xa1"}', None, "names no return"),
        (b"[1]", None, "not an object"),
        (b"", None, "not JSON"),
        (b"\xff\xfe", None, "not JSON"),
        (b"[" * 100_000, None, "not JSON"),
    ],
)
def test_what_a_body_is_about(body: bytes, return_id: str | None, reason: str | None) -> None:
    assert subject(body).return_id == return_id
    assert subject(body).parse_error == reason


def test_given_a_body_that_cannot_be_read_when_stored_then_it_is_kept_with_the_reason(
    store: Store, tmp_path: Path
) -> None:
    store.commit([delivery(b"\x00\xff<html>")])

    with InboxReader(tmp_path) as reader:
        (event,) = reader.events(0)
        assert reader.dirty() == []

    assert (event.body, event.parse_error) == (b"\x00\xff<html>", "not JSON")


def test_a_reader_goes_on_from_its_watermark_while_the_writer_writes(store: Store, tmp_path: Path) -> None:
    bodies = [b'{"id":"%d"}' % number for number in range(1_200)]
    store.commit([delivery(body) for body in bodies])

    with InboxReader(tmp_path) as reader:
        first = reader.events(0, up_to=1_000)
        seen = [next(first).body]
        store.commit([delivery(OPEN)])
        store.checkpoint()
        seen += [event.body for event in first]
        rest = [event.body for event in reader.events(1_000)]

    assert seen == bodies[:1_000]
    assert rest == [*bodies[1_000:], OPEN]


def test_a_reader_sees_what_a_killed_receiver_left(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom loop_returns.webhooks.store import Store\n"
        "from loop_returns.webhooks.inbox import Delivery, stamp\n"
        "Store(Path(sys.argv[1])).commit([Delivery('s', b'{}', '{}', 0, 'raw', stamp())])\nos._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)

    with InboxReader(tmp_path) as reader:
        assert [event.body for event in reader.events(0)] == [b"{}"]


def test_given_no_inbox_when_read_then_the_error_says_who_makes_it(tmp_path: Path) -> None:
    with pytest.raises(LoopReturnsError, match="cannot be read") as caught:
        InboxReader(tmp_path)

    assert "loop-returns serve" in caught.value.hint
    assert not inbox.exists(tmp_path)


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = Store(data)
    store.commit([delivery(OPEN)])

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in data.glob("inbox.sqlite*")}
    assert modes == {"inbox.sqlite": 0o600, "inbox.sqlite-wal": 0o600, "inbox.sqlite-shm": 0o600}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    store.close()


def test_given_a_receiver_at_work_when_a_second_starts_then_it_is_refused(
    store: Store, tmp_path: Path
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom loop_returns.webhooks.store import Store\n"
        "Store(Path(sys.argv[1]))"
    )
    second = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True
    )

    assert DatabaseLockedError.__name__ in second.stderr
    assert "another receiver is at work" in second.stderr


def test_only_drained_events_of_over_30_days_are_purged_and_their_bytes_with_them(
    store: Store, tmp_path: Path
) -> None:
    marker = b"zebra-avenue"
    old = b'{"id":"1","address":"' + marker + b'"}'
    store.commit([delivery(old, at=LONG_AGO), delivery(b'{"id":"2"}', at=LONG_AGO), delivery(OPEN)])
    store.commit([delivery(b'{"id":"3"}', at=LONG_AGO)])

    store.purge()
    with InboxReader(tmp_path) as reader:
        assert len(list(reader.events(0))) == 4
        inbox.mark_drained(tmp_path, reader.inbox_id, 3)
    store.purge()
    with InboxReader(tmp_path) as reader:
        left = [(event.seq, event.return_id) for event in reader.events(0)]
        dirty = [mark.return_id for mark in reader.dirty()]
    store.checkpoint()

    assert left == [(3, "25001"), (4, "3")]
    assert dirty == ["25001", "3"]
    assert marker not in (tmp_path / inbox.FILE_NAME).read_bytes()


def test_given_a_purged_return_when_it_is_delivered_again_then_its_mark_is_another_one(
    store: Store, tmp_path: Path
) -> None:
    def mark() -> tuple[int, int]:
        with InboxReader(tmp_path) as reader:
            (found,) = reader.dirty()
            return found.seq_high, found.bumps

    store.commit([delivery(OPEN, at=LONG_AGO)])
    before = mark()
    inbox.mark_drained(tmp_path, store.inbox_id, 1)
    store.purge()
    store.commit([delivery(OPEN)])

    assert before == (1, 1)
    assert mark() == (2, 1)


@pytest.mark.parametrize("text", ["", "nonsense", "other 99", "{id} x", "{id} -5"])
def test_a_drained_file_that_is_not_ours_purges_nothing(store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / inbox.DRAINED_NAME).write_text(text.format(id=store.inbox_id))

    assert inbox.drained(tmp_path, store.inbox_id) == 0


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], tuple[InboxWriter[int], list[tuple[int, bool]]]]]:
    """A running writer, and what its tickets were told."""
    running: list[InboxWriter[int]] = []

    def start() -> tuple[InboxWriter[int], list[tuple[int, bool]]]:
        told: list[tuple[int, bool]] = []

        def on_batch(tickets: Sequence[int], is_durable: bool) -> None:
            told.extend((ticket, is_durable) for ticket in tickets)

        one = InboxWriter[int](tmp_path, on_batch, lambda reason: told.append((-1, False)))
        running.append(one)
        return one, told

    yield start
    for one in running:
        one.close()


Started = Callable[[], tuple[InboxWriter[int], list[tuple[int, bool]]]]


def test_what_is_offered_is_told_durable_once_and_is_there(started: Started, tmp_path: Path) -> None:
    one, told = started()
    bodies = {number: b'{"id":"%d"}' % number for number in range(400)}
    threads = [
        threading.Thread(target=lambda part=part: [one.offer(delivery(bodies[n]), n) for n in part])
        for part in (range(200), range(200, 400))
    ]

    one.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.count("return-updated", "refused_signature")
    one.close()

    assert sorted(told) == [(number, True) for number in range(400)]
    with InboxReader(tmp_path) as reader:
        assert sorted(event.body for event in reader.events(0)) == sorted(bodies.values())
        assert {each.name: each.value for each in reader.counters()} == {
            "accepted": 400,
            "refused_signature": 1,
        }


def test_given_a_full_queue_when_offered_then_the_ticket_stays_with_the_caller(started: Started) -> None:
    one, told = started()

    taken = [one.offer(delivery(OPEN), number) for number in range(writer.QUEUE_LIMIT + 5)]

    assert taken == [True] * writer.QUEUE_LIMIT + [False] * 5
    one.start()
    one.close()
    assert len(told) == writer.QUEUE_LIMIT


def test_given_someone_who_locks_the_file_when_offered_then_it_fails_and_works_again_later(
    started: Started, tmp_path: Path
) -> None:
    one, told = started()
    one.start()
    other = sqlite3.connect(tmp_path / inbox.FILE_NAME, isolation_level=None)
    other.execute("begin immediate")

    one.offer(delivery(OPEN), 1)
    while not told:
        threading.Event().wait(0.05)
    other.execute("rollback")
    other.close()
    one.offer(delivery(OPEN), 2)
    one.close()

    assert told == [(1, False), (2, True)]
