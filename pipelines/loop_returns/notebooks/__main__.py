"""`python -m loop_returns.notebooks`: serve the notebooks, or export them with their outputs."""

from __future__ import annotations

import argparse
import sys

from loop_returns.errors import LoopReturnsError
from loop_returns.notebooks.serve import serve


def main() -> int:
    """Run; errors are said as those of `loop-returns` are."""
    parser = argparse.ArgumentParser(prog="python -m loop_returns.notebooks", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    given = parser.parse_args()
    try:
        serve(given.port)
    except LoopReturnsError as error:
        print(f"error: {error.message}\ncause: {error.cause}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
