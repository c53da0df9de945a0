"""`python -m loop_returns` and the command `loop-returns`: errors to words and exit codes."""

from __future__ import annotations

import sys
import traceback

from loop_returns.errors import LoopReturnsError

INTERRUPTED = 130


def main() -> None:
    """Run the command line; never a traceback for a foreseen failure, unless `-v` asks for it."""
    arguments = [word for word in sys.argv[1:] if word not in ("-v", "--verbose")]
    verbose = len(arguments) != len(sys.argv) - 1
    try:
        from loop_returns import cli

        code = cli.run(arguments)
    except LoopReturnsError as error:
        _show(error, verbose)
        code = error.exit_code
    except KeyboardInterrupt:
        print("interrupted: what was loaded stays; run again to go on", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        code = 1
    sys.exit(code)


def _show(error: LoopReturnsError, verbose: bool) -> None:
    if verbose:
        traceback.print_tb(error.__traceback__)
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
    from loop_returns import terminal

    terminal.say(str(error), sys.stderr)


if __name__ == "__main__":
    main()
