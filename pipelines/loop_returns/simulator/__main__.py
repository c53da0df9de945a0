"""The simulator alone: `python -m loop_returns.simulator`, and what `loop-returns simulate` calls.

Prints one line, the base URL and the key, and serves until SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from loop_returns.simulator.app import Simulator
from loop_returns.simulator.elsewhere import files as elsewhere
from loop_returns.simulator.query import parse_date
from loop_returns.simulator.world import build_world


def serve(
    *,
    port: int = 0,
    seed: int = 7,
    returns: int = 400,
    days: int = 200,
    clean: bool = False,
    advance: float = 0.0,
    latency: float = 0.0,
    end: datetime | None = None,
    extracts: Path | None = None,
) -> None:
    """Serve a world until SIGINT or SIGTERM.

    Args:
        port: On 127.0.0.1; 0 takes a free one.
        seed: Of the world.
        returns: How many returns it begins with.
        days: Age of the oldest.
        clean: Plant no discrepancy.
        advance: Days that the shop lives on before the first request.
        latency: Seconds added to each answer.
        end: The shop's present before it lives on; by default such that it ends up at now.
        extracts: Folder for the exports of other systems, as they are before the first request; unless the
            shop is clean, returns are added that show each discrepancy with them, and each trap.
    """
    start = end or datetime.now(UTC) - timedelta(days=advance)
    world = build_world(seed=seed, returns=returns, days=days, end=start, clean=clean)
    if advance:
        world.advance(advance)
    if extracts and not clean:
        elsewhere.plant(world)
    if extracts:
        elsewhere.render(world).write(extracts)
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    with Simulator(world, port=port) as simulator:
        simulator.latency = latency
        sys.stdout.write(f"{simulator.base_url} {simulator.api_key}\n")
        sys.stdout.flush()
        stop.wait()


def _date(text: str) -> datetime:
    at = parse_date(text)
    if at is None:
        raise argparse.ArgumentTypeError(f"not a date: {text}")
    return at


def main(arguments: list[str] | None = None) -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m loop_returns.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--returns", type=int, default=400)
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--advance", type=float, default=0.0, metavar="DAYS")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--end", type=_date, default=None, metavar="ISO")
    parser.add_argument("--extracts", type=Path, default=None, metavar="DIR")
    serve(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
