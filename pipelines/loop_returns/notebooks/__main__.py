"""Serve the notebooks to this machine's browser, or export them with their outputs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loop_returns.errors import LoopReturnsError
from loop_returns.notebooks.catalogue import NOTEBOOKS
from loop_returns.notebooks.opening import published


def main() -> int:
    """Run; errors are said as those of `loop-returns` are."""
    given = _parser().parse_args()
    try:
        if given.command == "export":
            from loop_returns.notebooks.export import export

            for file in export(given.names or list(NOTEBOOKS), published(), given.to):
                print(file)
        else:
            from loop_returns.notebooks.serve import serve

            serve(given.port)
    except LoopReturnsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loop_returns.notebooks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="to a browser on this machine")
    serving.add_argument("--port", type=int, default=0, help="default: one that is free")
    exporting = commands.add_parser("export", help="NAME.html and NAME.ipynb, with outputs")
    exporting.add_argument("names", nargs="*", help="default: all; with filters: 'goods?carrier=UPS'")
    exporting.add_argument("--to", type=Path, default=Path("_data/notebooks"), help="folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
