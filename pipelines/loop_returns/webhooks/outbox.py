"""The outbox: one SQLite file of what is to be handed over, and of what became of it.

returns -> Outbox.fill (one transaction) -> PENDING -> SENT | DEAD | PARKED | SKIPPED

PENDING  is to be sent, now or at `next_try_at`      SENT     the other side said 2xx
INTENT   (unsafe) may have been sent                 PARKED   (unsafe) nobody can know: a person must look
DEAD     not taken for a day, or refused             SKIPPED  cancelled before it was sent, by the settings

A rollback journal with `synchronous=FULL`, as the ledger of the actions has it. Back the file up: without it
every forward begins anew from the present, and sends nothing of the past (`start`, docs/forward.md).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from loop_returns.errors import LoopReturnsError
from loop_returns.webhooks.inbox import stamp
from loop_returns.webhooks.outbox_tables import (
    FILE_NAME,
    FIRST,
    KEPT,
    SCHEMA,
    STATES,
    VERSION,
    Delivery,
    Fresh,
    Known,
)


class Outbox:
    """The file, opened; any thread may call, one at a time is served.

    Raises:
        LoopReturnsError: It cannot be opened, or another version of this program wrote it.
    """

    def __init__(self, data: Path) -> None:
        self._file = data / FILE_NAME
        self._lock = threading.RLock()
        with self._failures():
            data.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
            self.database = sqlite3.connect(
                self._file, timeout=30, isolation_level=None, check_same_thread=False
            )
            self.database.row_factory = sqlite3.Row
            self.database.execute("pragma journal_mode = truncate")
            self.database.execute("pragma synchronous = full")
            (version,) = self.database.execute("pragma user_version").fetchone()
            if version == 0:
                self.database.executescript(f"begin; {SCHEMA} pragma user_version = {VERSION}; commit;")
            elif version != VERSION:
                raise LoopReturnsError("the outbox was written by another version of loop-returns")

    def close(self) -> None:
        """Give the file back."""
        self.database.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise LoopReturnsError(
                "the outbox of the forwards cannot be used",
                cause=f"{FILE_NAME}: {error}",
                hint="free the disk, or give this user the right to write there; nothing is lost",
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on the disk when it ends well."""
        with self._lock, self._failures():
            self.database.execute("begin immediate")
            try:
                yield self.database
                self.database.execute("commit")
            except BaseException:
                if self.database.in_transaction:
                    self.database.execute("rollback")
                raise

    def _all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._lock, self._failures():
            return self.database.execute(sql, values).fetchall()

    def watermark(self, endpoint: str) -> str | None:
        """`fetched_at` up to which returns were looked at; None: never."""
        found = self._all("select watermark from endpoints where endpoint = ?", endpoint)
        return found[0]["watermark"] if found else None

    def known(self, endpoint: str) -> dict[str, Known]:
        """Version of each return that was looked at."""
        rows = self._all(
            "select return_id, version, digest, state from versions where endpoint = ?", endpoint
        )
        return {row["return_id"]: Known(row["version"], row["digest"], row["state"]) for row in rows}

    def fill(self, endpoint: str, url: str, watermark: str, fresh: Iterable[Fresh], now: datetime) -> int:
        """Take new versions in, all or none; another url than before turns the endpoint on again.

        Returns:
            How many are to be sent.
        """
        with self.transaction() as database:
            database.execute(
                "insert into endpoints (endpoint, url, watermark) values (?, ?, ?) on conflict do update set"
                " watermark = excluded.watermark, url = excluded.url,"
                " disabled_at = case when url = excluded.url then disabled_at end",
                (endpoint, url, watermark),
            )
            taken = sum(self._take(database, endpoint, each, now) for each in fresh)
            database.execute(
                "delete from deliveries where endpoint = ? and state in ('SENT', 'SKIPPED') and ended_at < ?",
                (endpoint, stamp(now - KEPT)),
            )
        return taken

    def _take(self, database: sqlite3.Connection, endpoint: str, each: Fresh, now: datetime) -> int:
        database.execute(
            "insert or replace into versions values (?, ?, ?, ?, ?)",
            (endpoint, each.return_id, each.known.version, each.known.digest, each.known.state),
        )
        if each.skips_unsent:
            database.execute(
                "update deliveries set state = 'SKIPPED', ended_at = ? where endpoint = ? and return_id = ?"
                " and state = 'PENDING' and attempt = 0",
                (stamp(now), endpoint, each.return_id),
            )
        if each.body is None:
            return 0
        return database.execute(
            "insert or ignore into deliveries (endpoint, idempotency_key, return_id, kind, version, state,"
            " next_try_at, changed_at, body, created_at) values (?, ?, ?, ?, ?, 'PENDING', ?, ?, ?, ?)",
            (
                *(endpoint, each.key, each.return_id, each.kind, each.known.version),
                *(stamp(now), stamp(each.changed_at), each.body, stamp(now)),
            ),
        ).rowcount

    def heads(self, endpoint: str, now: datetime, limit: int) -> list[Delivery]:
        """What may be sent now: of each return the first that is not settled."""
        sql = f"select d.* {FIRST} and d.next_try_at <= ? order by d.seq limit ?"
        return [Delivery(**dict(row)) for row in self._all(sql, endpoint, stamp(now), limit)]

    def next_try(self, endpoint: str) -> str | None:
        """When the next one is due that waits for no other."""
        found: str | None = self._all(f"select min(d.next_try_at) as at {FIRST}", endpoint)[0]["at"]
        return found

    def begin(self, each: Delivery, now: datetime) -> None:
        """Write down that it may be sent from now on; on the disk when this returns."""
        with self.transaction() as database:
            won = database.execute(
                "update deliveries set state = 'INTENT', first_try_at = coalesce(first_try_at, ?)"
                " where seq = ? and state = 'PENDING'",
                (stamp(now), each.seq),
            ).rowcount
        if won != 1:
            raise LoopReturnsError("the outbox was changed by another program")

    def end(self, each: Delivery, state: str, answer: str, now: datetime, next_try: datetime | None) -> None:
        """Write down what became of a try; `next_try` for PENDING alone."""
        with self.transaction() as database:
            database.execute(
                "update deliveries set state = ?, answer = ?, attempt = attempt + 1, next_try_at = ?,"
                " first_try_at = coalesce(first_try_at, ?), ended_at = ? where seq = ?",
                (
                    *(state, answer, stamp(next_try or now), stamp(now)),
                    *(None if next_try else stamp(now), each.seq),
                ),
            )

    def park_intents(self, endpoint: str, now: datetime) -> int:
        """An intent that a process left behind when it died: nobody knows what became of it."""
        with self.transaction() as database:
            return database.execute(
                "update deliveries set state = 'PARKED', answer = 'interrupted', ended_at = ?"
                " where endpoint = ? and state = 'INTENT'",
                (stamp(now), endpoint),
            ).rowcount

    def disable(self, endpoint: str, now: datetime) -> None:
        """The other side is gone (410)."""
        with self.transaction() as database:
            database.execute(
                "update endpoints set disabled_at = ? where endpoint = ?", (stamp(now), endpoint)
            )

    def pause(self, endpoint: str, until: datetime) -> None:
        """The other side asked to wait (429, 503)."""
        with self.transaction() as database:
            database.execute(
                "update endpoints set paused_until = ? where endpoint = ?", (stamp(until), endpoint)
            )

    def hindrance(self, endpoint: str, now: datetime) -> str | None:
        """Why nothing may be sent now: `disabled`, `paused`, or None."""
        for row in self._all("select * from endpoints where endpoint = ?", endpoint):
            if row["disabled_at"]:
                return "disabled"
            if row["paused_until"] and row["paused_until"] > stamp(now):
                return "paused"
        return None

    def paused_until(self, endpoint: str) -> str | None:
        """Until when the other side asked to wait."""
        found = self._all("select paused_until from endpoints where endpoint = ?", endpoint)
        return found[0]["paused_until"] if found else None

    def counts(self, endpoint: str) -> dict[str, int]:
        """How many deliveries are in each state; every state is there."""
        rows = self._all(
            "select state, count(*) as n from deliveries where endpoint = ? group by state", endpoint
        )
        return dict.fromkeys(STATES, 0) | {row["state"]: row["n"] for row in rows}

    def stuck(self, endpoint: str) -> list[Delivery]:
        """What is dead or parked, oldest first."""
        rows = self._all(
            "select * from deliveries where endpoint = ? and state in ('DEAD', 'PARKED') order by seq",
            endpoint,
        )
        return [Delivery(**dict(row)) for row in rows]

    def replay(
        self,
        endpoint: str,
        states: Sequence[str],
        now: datetime,
        start: datetime | None = None,
        end: datetime | None = None,
        return_id: str | None = None,
    ) -> int:
        """Let the latest delivery of each chosen return be sent again, if it is in one of `states`.

        Args:
            endpoint: Turned on again if a 410 had turned it off.
            states: In which the latest one may be.
            now: When it is due.
            start: Returns changed from here on.
            end: Up to here, exclusive.
            return_id: This one only.
        """
        marks = ", ".join("?" * len(states))
        with self.transaction() as database:
            database.execute(
                "update endpoints set disabled_at = null, paused_until = null where endpoint = ?", (endpoint,)
            )
            return database.execute(
                "update deliveries set state = 'PENDING', attempt = 0, first_try_at = null, next_try_at = ?,"
                f" ended_at = null where endpoint = ? and state in ({marks})"
                " and changed_at >= ? and changed_at < ? and (? is null or return_id = ?)"
                " and version = (select max(e.version) from deliveries e where"
                " e.endpoint = deliveries.endpoint and e.return_id = deliveries.return_id)",
                (
                    *(stamp(now), endpoint, *states),
                    *(stamp(start) if start else "", stamp(end) if end else "9999", return_id, return_id),
                ),
            ).rowcount

    def resolve(self, endpoint: str, key: str, state: str, now: datetime) -> int:
        """A person's verdict on a parked delivery: SENT, or PENDING: it never arrived."""
        with self.transaction() as database:
            return database.execute(
                "update deliveries set state = ?, answer = 'a person looked', next_try_at = ?, attempt = 0,"
                " first_try_at = null, ended_at = ?"
                " where endpoint = ? and idempotency_key = ? and state = 'PARKED'",
                (state, stamp(now), stamp(now) if state == "SENT" else None, endpoint, key),
            ).rowcount
