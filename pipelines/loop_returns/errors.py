"""Every error a user may meet, with its exit code.

    LoopReturnsError              1  something failed; the message says what, the hint what to do next
    ├── UsageError                2  a flag or a setting that cannot be
    ├── BreaksAboveLimitError     3  more breaks are open than a limit allows
    ├── KeyRefusedError           4  the API key is missing, wrong, or lacks a scope; or Postgres refuses one
    ├── DatabaseLockedError       5  another process holds the work file, or another host the database
    ├── AuditFailedError          6  a control total or an audit did not hold; nothing was published
    ├── ActionInDoubtError        7  an action is parked or in doubt: a person must look
    ├── GuardRefusedError         8  a guard kept something from being sent
    ├── ActionRefusedError        9  Loop refused an action, or a row or plan no longer stands
    └── ApiError                  1  Loop's API failed or answered what its documentation does not allow
        ├── ApiUnavailableError      no answer, 429 or 5xx until the patience ran out
        ├── WindowRefusedError       422: the window is refused; a smaller one may be accepted
        ├── ApiRefusedError          any other documented "no", whatever its status
        └── UnexpectedAnswerError    not JSON, not the documented shape, a stalled cursor, a foreign link

A message names the thing and never holds the key or a customer's data.
"""

from __future__ import annotations


class LoopReturnsError(Exception):
    """What went wrong, why, and what to do next.

    Args:
        message: One sentence: what failed, and which one.
        cause: What was seen that made it fail, if it is known.
        hint: What the reader can do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        """Three labelled lines, the empty ones left out."""
        parts = (("error", self.message), ("cause", self.cause), ("hint", self.hint))
        return "\n".join(f"{label}: {text}" for label, text in parts if text)


class UsageError(LoopReturnsError):
    """A flag or a setting that cannot be."""

    exit_code = 2


class BreaksAboveLimitError(LoopReturnsError):
    """More breaks are open than `--fail-on` allows; all else was done."""

    exit_code = 3


class KeyRefusedError(LoopReturnsError):
    """The API key is missing, wrong, or lacks a scope; or Postgres refuses user and password."""

    exit_code = 4


class DatabaseLockedError(LoopReturnsError):
    """Another process holds the work file or the run lock."""

    exit_code = 5


class AuditFailedError(LoopReturnsError):
    """A control total or an audit did not hold; the published file is as it was."""

    exit_code = 6


class ActionInDoubtError(LoopReturnsError):
    """Nobody can know whether an action worked: a person must look."""

    exit_code = 7


class GuardRefusedError(LoopReturnsError):
    """A guard of the actions kept something from being sent."""

    exit_code = 8


class ActionRefusedError(LoopReturnsError):
    """Loop refused an action, or a row or a plan no longer stands."""

    exit_code = 9


class ApiError(LoopReturnsError):
    """Loop's API failed, or answered what its documentation does not allow."""


class ApiUnavailableError(ApiError):
    """No answer, 429 or 5xx until the patience ran out."""


class WindowRefusedError(ApiError):
    """422 for a window; a smaller window may be accepted."""


class ApiRefusedError(ApiError):
    """A documented refusal, whatever its HTTP status."""


class UnexpectedAnswerError(ApiError):
    """Not JSON, not the documented shape, a stalled cursor, or a link to another host."""
