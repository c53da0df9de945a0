"""Pages of a large shop, as bytes on disk: what the benchmarks load, and what the floor reads.

    python -m benchmarks.data unique FILE                    one of each, a line each
    python -m benchmarks.data pages UNIQUE COUNT FILE        a shop of so many, in pages
    python -m benchmarks.data changed UNIQUE COUNT EVERY FILE

    simulator.render -> returns of 4 to 5 kB -> copies with ids of their own -> pages of 750 -> one file

The file has one page a line, each `{"returns":[...]}`, so that DuckDB's `read_json` can read it as it is.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from loop_returns.simulator.render import Rows
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.world import build_world

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = 700
PAGE = 750
SIZE = range(3_900, 5_200)
UNIQUE = 20_000
_IDS = (b'"id":"', b'"line_item_id":"', b'"exchange_id":"', b'"order_id":"', b'"order_name":"#')


def unique_returns(count: int) -> list[bytes]:
    """So many returns of a simulated shop, each of a size in `SIZE`, as JSON."""
    world = build_world(seed=1, returns=count * 5, days=DAYS, end=END)
    rows = Rows(Switches())
    found = (body for body in map(rows.of, world.returns) if len(body) in SIZE)
    return list(itertools.islice(found, count))


def copies(returns: list[bytes], count: int) -> Iterator[bytes]:
    """So many returns: the given ones again and again, each time with ids of their own."""
    for number in itertools.count(100):
        for body in returns[: max(0, count - (number - 100) * len(returns))]:
            renamed = body
            for name in _IDS:
                renamed = renamed.replace(name, b"%s%d" % (name, number))
            yield renamed
        if count <= (number - 99) * len(returns):
            return


def write_pages(returns: Iterator[bytes], file: Path) -> None:
    """Write pages of 750, one a line."""
    with file.open("wb") as out:
        while lot := list(itertools.islice(returns, PAGE)):
            out.write(b'{"returns":[' + b",".join(lot) + b"]}\n")


def changed(returns: list[bytes], count: int, every: int) -> Iterator[bytes]:
    """Each `every`-th of `count` returns with another state and a later `updated_at`."""
    for body in itertools.islice(copies(returns, count), 0, None, every):
        at = body.index(b'"updated_at":"') + 14
        yield (body[:at] + b"2026-11-20T11:00:00" + body[at + 19 :]).replace(b'"total":"', b'"total":"1', 1)


def main(what: str, *words: str) -> None:
    """Write one of the files; in a process of its own, since a child's peak begins with its parent's."""
    if what == "unique":
        Path(words[0]).write_bytes(b"\n".join(unique_returns(UNIQUE)))
        return
    unique, file = Path(words[0]).read_bytes().split(b"\n"), Path(words[-1])
    counts = map(int, words[1:-1])
    write_pages((copies if what == "pages" else changed)(unique, *counts), file)


if __name__ == "__main__":
    main(*sys.argv[1:])
