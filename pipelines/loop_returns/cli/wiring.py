"""What every command shares: the app, its common flags, the job, how figures are printed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from loop_returns import settings as settings_of
from loop_returns import shops, terminal
from loop_returns.errors import UsageError
from loop_returns.instants import now, parse_instant
from loop_returns.terminal import Reporter

app = App(
    name="loop-returns",
    help="Pull Loop Returns completely, reconcile it, prove both.\n\n"
    "With --shop NAME a command works on [shops.NAME] of loop.toml; with -v an error shows its traceback.",
    help_formatter="plain",
    suppress_keyboard_interrupt=False,  # __main__ says what an interruption means
    help_format="plaintext",
    version_flags=["--version"],
)

From = Annotated[
    str | None, Parameter(name="--from", help="Read again from this day or instant, UTC: 2026-01-31.")
]
To = Annotated[str | None, Parameter(name="--to", help="Up to this instant, UTC, exclusive; default: now.")]
Json = Annotated[
    bool, Parameter(name="--json", negative=(), show_default=False, help="One JSON object on stdout.")
]


def run(arguments: Sequence[str]) -> int:
    """Run one command, on the shop that `--shop` names.

    Raises:
        UsageError: The arguments are not ones that the command knows.
        LoopReturnsError: The command failed.

    Returns:
        The exit code.
    """
    named, arguments = shop_named(arguments)
    if named is not None:
        os.environ[shops.VARIABLE] = named
    try:
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise UsageError(_said(error), hint=f"{_asked(arguments)} --help") from error
    return result if isinstance(result, int) else 0


def shop_named(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take `--shop NAME` out of the arguments, wherever it stands: it is every command's.

    Raises:
        UsageError: It has no name, or there are two.

    >>> shop_named(["run", "--shop", "eu", "--json"])
    ('eu', ['run', '--json'])
    """
    names, others, words = [], [], iter(arguments)
    for word in words:
        if word == "--shop":
            names.append(next(words, ""))
        elif word.startswith("--shop="):
            names.append(word.partition("=")[2])
        else:
            others.append(word)
    if len(names) > 1 or "" in names:
        raise UsageError("--shop takes the name of one shop", hint="--shop eu, for [shops.eu] of loop.toml")
    return (names[0] if names else None), others


def _said(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"nothing is known of {' '.join(map(repr, error.unused_tokens or ()))}"
    return str(error).partition(" Available commands:")[0].strip() or "the arguments are not understood"


def _asked(arguments: Sequence[str]) -> str:
    known = arguments and arguments[0] in app
    return f"loop-returns {arguments[0]}" if known else "loop-returns"


def show(figures: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print figures: one JSON object, or the text."""
    if as_json:
        print(terminal.as_json(figures))
    else:
        terminal.say(text)


@contextmanager
def job(*, need_key: bool = True, quiet: bool = False) -> Iterator[Any]:
    """A job with this installation's settings, and a reporter that is closed at the end."""
    from loop_returns.job import Job

    with Reporter(quiet=quiet) as reporter:
        yield Job(settings_of.read(need_key=need_key), settings_of.merchant(), now(), reporter)


def span(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """`--from` and `--to` as instants."""
    return (
        parse_instant(start, "--from") if start else None,
        parse_instant(end, "--to") if end else None,
    )
