"""When the last report was made: `report.json` beside the published file.

{"as_of": present of the build that was reported last, "before": that of the report before it}

A report of the same build again compares with the one before, so that it says the same as the first time.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from loop_returns.instants import parse_instant

NAME = "report.json"


def since(published: Path, as_of: datetime) -> datetime | None:
    """The present of the last report of an earlier build; None: there was none.

    Args:
        published: The published file, which the record lies beside.
        as_of: The present of the build that is to be reported.
    """
    last, before = _read(published.with_name(NAME))
    return last if last is not None and last < as_of else before if last == as_of else None


def keep(published: Path, as_of: datetime) -> None:
    """Note that the build of `as_of` was reported."""
    file = published.with_name(NAME)
    before = since(published, as_of)
    said = {"as_of": as_of.isoformat(), "before": before.isoformat() if before else None}
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(said, indent=2) + "\n")
    temporary.replace(file)


def _read(file: Path) -> tuple[datetime | None, datetime | None]:
    """The two instants; what is not there or cannot be read counts as none."""
    try:
        said = json.loads(file.read_text())
        last, before = said["as_of"], said["before"]
        return parse_instant(last, NAME), parse_instant(before, NAME) if before else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, None
