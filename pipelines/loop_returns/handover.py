"""The hand-over: what changed in the tables goes to third parties, at the end of a run or by hand.

a look at staging -> Outbox.fill -> Forwarder.run, for each [forward.NAME] of loop.toml

`run` and `forward` look at the published file: what is handed over is what people see. `run --webhooks-only`,
which publishes nothing, looks at staging as it would be built now (warehouse.peek).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from loop_returns import settings as settings_of
from loop_returns.errors import DatabaseLockedError, LoopReturnsError, UsageError
from loop_returns.webhooks import endpoints, forward, record
from loop_returns.webhooks.endpoints import Endpoint
from loop_returns.webhooks.forward import Forwarder
from loop_returns.webhooks.outbox import Outbox
from loop_returns.webhooks.outbox_tables import Fresh, Known

ENDED = {"closed": "closed", "cancelled": "cancelled"}
CHUNK_ROWS = 500
MODELS = ("staging.stg_returns", "staging.stg_return_lines")
"""What a look must hold."""
Figures = dict[str, Any]
Look = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection | None]]
"""Opens a look at staging; None: there is none now, and what is new waits for the next run."""

_LINES = ", ".join(f"{name} := l.{name}" for name in record.LINE)
_ROWS = f"""
with lines as (
    select l.return_id, list(struct_pack({_LINES}) order by l.line_no) as lines
    from staging.stg_return_lines l group by all
)
select {", ".join(f"r.{name}" for name in record.HEADER)}, coalesce(lines.lines, []) as lines,
    strftime(r.fetched_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') as fetched_at
from staging.stg_returns r left join lines on lines.return_id = r.return_id
where r.fetched_at >= $since order by r.updated_at, r.return_id
"""


def is_wanted(merchant: Mapping[str, Any]) -> bool:
    """Whether a forward is configured."""
    return bool(endpoints.named(merchant))


def check(merchant: Mapping[str, Any]) -> None:
    """Read the forwards, if there are any, so that a run need not fail at its end; errors as `forwards`."""
    if is_wanted(merchant):
        forwards(merchant)


def forwards(merchant: Mapping[str, Any], name: str | None = None) -> list[Endpoint]:
    """The endpoints of loop.toml, or the one that is named.

    Raises:
        UsageError: There is none, or one cannot be.
        KeyRefusedError: The secret of one is not set.
    """
    found = endpoints.read(merchant, settings_of.forward_secret)
    if name is not None:
        found = [each for each in found if each.name == name]
    if not found:
        raise UsageError(
            f"there is no [forward.{name or 'NAME'}] in loop.toml", hint="docs/forward.md has one"
        )
    return found


@contextmanager
def published(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A look at the published file.

    Raises:
        LoopReturnsError: Nothing is published yet.
    """
    if not file.exists():
        raise LoopReturnsError("nothing is published yet", hint="run `loop-returns run` first")
    with duckdb.connect(str(file), read_only=True) as database:
        yield database


def hand_over(look: Look, data: Path, merchant: Mapping[str, Any]) -> Figures:
    """Fill the outbox from a look at staging, close it, and send what is due.

    Raises:
        LoopReturnsError: There is nothing to look at yet, or the outbox cannot be used.
        DatabaseLockedError: Another one is sending, or writes what is looked at.
    """
    found = forwards(merchant)
    with forward.sender(data), opened(data) as outbox:
        with look() as database:
            if database is not None:
                for each in found:
                    fill(outbox, each, database, datetime.now(UTC))
        return {each.name: _sent(outbox, each) for each in found}


def _sent(outbox: Outbox, endpoint: Endpoint) -> Figures:
    sent = Forwarder(outbox, endpoint).run()
    return {
        "sent": sent.sent,
        "to_be_tried_again": sent.failed,
        "stopped": sent.stopped or None,
        **told(outbox, endpoint.name),
    }


def after_run(note: Callable[[str], None], look: Look, merchant: Mapping[str, Any]) -> Figures:
    """Hand over at the end of a run, if a forward is configured; a trouble is said and tried next time.

    Raises:
        UsageError: A `[forward.NAME]` cannot be; the run itself is done and published.
    """
    if not is_wanted(merchant):
        return {}
    try:
        figures = hand_over(look, settings_of.paths().data, merchant)
    except DatabaseLockedError as error:
        note(error.message)
        return {}
    note(text(figures))
    return figures


def opened(data: Path) -> Any:  # noqa: ANN401 - a context manager around an Outbox
    """The outbox, closed at the end."""
    from contextlib import closing

    return closing(Outbox(data))


def told(outbox: Outbox, name: str) -> Figures:
    """What the outbox says of one endpoint."""
    counts = outbox.counts(name)
    return {
        "states": counts,
        "hindrance": outbox.hindrance(name, datetime.now(UTC)),
        "stuck": [
            {
                "idempotency_key": each.idempotency_key,
                "state": each.state,
                "attempts": each.attempt,
                "answer": each.answer,
            }
            for each in outbox.stuck(name)
        ],
    }


def fill(outbox: Outbox, endpoint: Endpoint, database: duckdb.DuckDBPyConnection, now: datetime) -> int:
    """Take what changed since the last time into the outbox.

    Returns:
        How many deliveries are new.
    """
    since = outbox.watermark(endpoint.name)
    known = outbox.known(endpoint.name)
    highest = since or "1970-01-01T00:00:00.000000Z"
    fresh: list[Fresh] = []
    for row in _rows(database, highest):
        highest = max(highest, row["fetched_at"])
        if found := version(endpoint, row, known.get(row["return_id"]), is_first=since is None):
            fresh.append(found)
    return outbox.fill(endpoint.name, endpoint.url, highest, fresh, now)


def _rows(database: duckdb.DuckDBPyConnection, since: str) -> Iterator[Figures]:
    database.execute("set timezone = 'UTC'")
    cursor = database.execute(_ROWS, {"since": since})
    names = [each[0] for each in cursor.description or ()]
    while rows := cursor.fetchmany(CHUNK_ROWS):
        for row in rows:
            yield dict(zip(names, row, strict=True))


def version(endpoint: Endpoint, row: Figures, known: Known | None, *, is_first: bool) -> Fresh | None:
    """The next version of a return; None when it is as it was.

    Args:
        endpoint: For whom.
        row: As `record.body` takes it.
        known: What the outbox has of it.
        is_first: The outbox sees the returns for the first time: what lies before `start` is only known.
    """
    digest = record.digest(row)
    if known and known.digest == digest:
        return None
    changed_at: datetime = row["updated_at"] or row["created_at"] or datetime.now(UTC)
    number = max(known.version + 1 if known else 1, int(changed_at.timestamp()))
    kind = _kind(row["state"], known)
    is_past = is_first and (endpoint.start is None or changed_at < endpoint.start)
    key = f"rma:{endpoint.shop}:{row['return_id']}:{kind}:{number}"
    own = {"shop": endpoint.shop, "kind": kind, "version": number}
    body = None
    if kind in endpoint.kinds and not is_past:
        body = record.body(dict(endpoint.record), dict(endpoint.line), row, own)
    skips = kind == "cancelled" and endpoint.cancelled_before_sent == "one"
    return Fresh(row["return_id"], Known(number, digest, row["state"]), key, kind, changed_at, body, skips)


def _kind(state: str | None, known: Known | None) -> str:
    """`closed` and `cancelled` when it just became so; `created` for the first version, else `updated`."""
    if state in ENDED and (known is None or known.state != state):
        return ENDED[state]
    return "updated" if known else "created"


def replay(
    data: Path,
    endpoint: Endpoint,
    start: datetime | None,
    end: datetime | None,
    return_id: str | None,
) -> Figures:
    """Send the latest delivery of each chosen return again; of an unsafe endpoint only what was refused."""
    states = ("DEAD",) if endpoint.is_unsafe else ("DEAD", "SENT")
    with forward.sender(data), opened(data) as outbox:
        armed = outbox.replay(endpoint.name, states, datetime.now(UTC), start, end, return_id)
        sent = Forwarder(outbox, endpoint).run()
        return {"replayed": armed, "sent": sent.sent, **told(outbox, endpoint.name)}


def resolve(data: Path, name: str, key: str, *, arrived: bool) -> None:
    """Take a person's verdict on a parked delivery.

    Raises:
        UsageError: No such delivery is parked.
    """
    with forward.sender(data), opened(data) as outbox:
        if not outbox.resolve(name, key, "SENT" if arrived else "PENDING", datetime.now(UTC)):
            raise UsageError(f"no delivery {key[:80]!r} of this forward is parked")


def is_parked(figures: Mapping[str, Figures]) -> bool:
    """Whether a person has to look."""
    return any(each["states"]["PARKED"] for each in figures.values())


def text(figures: Mapping[str, Figures]) -> str:
    """The figures as lines."""
    lines: list[str] = []
    for name, each in figures.items():
        counts = each["states"]
        said = [f"{counts['SENT']:,} sent", f"{counts['PENDING']:,} to send"]
        said += [f"{counts[state]:,} {word}" for state, word in _WORDS.items() if counts[state]]
        said += [f"stopped: {reason}"] if (reason := each.get("stopped") or each["hindrance"]) else []
        lines.append(f"forward {name}: {', '.join(said)}")
        lines += [
            f"  {one['state']} {one['idempotency_key']} after {one['attempts']}: {one['answer']}"
            for one in each["stuck"][:20]
        ]
        more = len(each["stuck"]) - 20
        lines += [f"  and {more:,} more: --json shows all"] if more > 0 else []
    return "\n".join(lines)


_WORDS = {"DEAD": "dead", "PARKED": "PARKED: look there, then --arrived or --lost", "SKIPPED": "skipped"}
