"""How many open breaks are too many: `--fail-on 20`, `--fail-on 2:0`.

text -> Limit -> exceeded() -> BreaksAboveLimitError, exit code 3
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loop_returns.errors import UsageError

_WRITTEN = re.compile(r"(?:([1-4]):)?(\d{1,9})")
ANY = 4


@dataclass(frozen=True, slots=True)
class Limit:
    """Most open breaks of a severity or a worse one; severity 4 is all of them."""

    most: int
    severity: int = ANY

    def __str__(self) -> str:
        """In words."""
        return f"at most {self.most:,}{self.of}"

    @property
    def of(self) -> str:
        """Which breaks it counts, in words; empty: all of them."""
        worse = " or worse" if self.severity > 1 else ""
        return "" if self.severity == ANY else f" of severity {self.severity}{worse}"


def read(texts: Iterable[object], name: str = "--fail-on") -> list[Limit]:
    """Limits as people write them.

    Raises:
        UsageError: One is neither a number nor a severity, a colon and a number.

    >>> [str(limit) for limit in read(["20", "2:0", "1:0"])]
    ['at most 20', 'at most 0 of severity 2 or worse', 'at most 0 of severity 1']
    """
    return [_limit(str(text), name) for text in texts]


def _limit(text: str, name: str) -> Limit:
    found = _WRITTEN.fullmatch(text.strip())
    if not found:
        raise UsageError(
            f"{name} cannot be {text[:40]!r}",
            hint="a number of open breaks, or of those of a severity or worse: 20, or 2:0",
        )
    return Limit(int(found[2]), int(found[1]) if found[1] else ANY)


def exceeded(limits: Iterable[Limit], severities: Mapping[int, int]) -> list[str]:
    """What is above its limit, in words; empty when all hold.

    Args:
        limits: To be held.
        severities: Open breaks by severity, 1 the worst.

    >>> exceeded(read(["2", "1:0"]), {2: 3, 4: 1})
    ['4 breaks are open, at most 2 are allowed']
    """
    found = []
    for limit in limits:
        open_now = sum(count for severity, count in severities.items() if severity <= limit.severity)
        if open_now > limit.most:
            found.append(f"{open_now:,} breaks{limit.of} are open, at most {limit.most:,} are allowed")
    return found
