"""Instants that a user names: a run's one present, days typed by hand, and the spans that they may make.

LOOP_RETURNS_AS_OF -> now()      `--from`, `--to`, `start_date` -> parse_instant, check_start, check_end
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from loop_returns.errors import UsageError

OLDEST_START = timedelta(days=5 * 366)
DEFAULT_START = timedelta(days=2 * 365)


def now() -> datetime:
    """The run's one present: `LOOP_RETURNS_AS_OF` if it is set, else the clock; UTC, whole seconds."""
    fixed = os.environ.get("LOOP_RETURNS_AS_OF")
    if not fixed:
        return datetime.now(UTC).replace(microsecond=0)
    present = parse_instant(fixed, "LOOP_RETURNS_AS_OF").replace(microsecond=0)
    if present > datetime.now(UTC):
        raise UsageError("LOOP_RETURNS_AS_OF lies in the future", cause=f"{present:%Y-%m-%d %H:%M} UTC")
    return present


def parse_instant(text: str, name: str) -> datetime:
    """A date or date-time that a user typed, in UTC; one without a zone is UTC.

    Raises:
        UsageError: It is no date.

    >>> parse_instant("2026-01-31", "--from").isoformat()
    '2026-01-31T00:00:00+00:00'
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} is not a date",
            cause=f"{text[:40]!r} was given",
            hint="write it as 2026-01-31, or 2026-01-31T10:00 (UTC), or 2026-01-31T10:00+02:00",
        ) from None


def check_start(start: datetime, present: datetime, name: str = "start_date") -> None:
    """Refuse a start that lies in the future, or more than five years back.

    Raises:
        UsageError: It does.
    """
    if start >= present:
        raise UsageError(f"{name} lies in the future", cause=f"{start:%Y-%m-%d} is after {present:%Y-%m-%d}")
    if start < present - OLDEST_START:
        oldest = present - OLDEST_START
        raise UsageError(
            f"{name} lies more than five years back",
            cause=f"{start:%Y-%m-%d} was given",
            hint=f"the earliest day is {oldest:%Y-%m-%d}",
        )


def check_end(start: datetime, end: datetime, present: datetime) -> None:
    """Refuse an end before the start, or in the future: a window must not count as read before its time.

    Raises:
        UsageError: It does.
    """
    if end > present:
        raise UsageError(
            "--to lies in the future", cause=f"{end:%Y-%m-%d %H:%M} is after {present:%Y-%m-%d %H:%M} UTC"
        )
    if end <= start:
        raise UsageError(
            "the span ends before it begins", cause=f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        )
