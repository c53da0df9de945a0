"""Power cuts, from what the kernel was really asked: strace writes down each write and each fsync.

record() -> strace log -> operations() -> Disk: after a cut a file holds all that was written before its last
fsync, and of what came later any sectors of 512 bytes.

As a program (`python power.py DATA ACKS EVENTS SYNCHRONOUS`) it is what is recorded: a writer of the inbox
that says in a file which events it was told are durable.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

SECTOR = 512
STRACE = shutil.which("strace")
FILES = ("inbox.sqlite", "inbox.sqlite-wal")
_CALL = re.compile(
    r"(?P<call>pwrite64|write|fdatasync|fsync|ftruncate)\(\d+<(?P<file>[^>]*)>"
    r'(?:, "(?P<data>[^"]*)"(?P<cut>\.\.\.)?, \d+)?(?:, (?P<number>\d+))?\)\s+= (?P<result>-?\d+)'
)


class Operation(NamedTuple):
    """One call as the kernel saw it; `file` is the last part of the path."""

    kind: Literal["write", "sync", "truncate", "ack"]
    file: str
    offset: int = 0
    data: bytes = b""


def record(folder: Path, events: int, synchronous: str) -> list[Operation]:
    """Run the writer under strace."""
    data, acks, log = folder / "data", folder / "acks", folder / "strace.log"
    data.mkdir(parents=True)
    watched = [word for name in FILES for word in ("-P", str(data / name))]
    calls = "trace=pwrite64,write,fdatasync,fsync,ftruncate"
    subprocess.run(
        [str(STRACE), "-f", "-y", "-xx", "-s", "200000", "-e", calls, "-e", "signal=none", "-o", str(log)]
        + [
            *watched,
            "-P",
            str(acks),
            sys.executable,
            __file__,
            str(data),
            str(acks),
            str(events),
            synchronous,
        ],
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return list(operations(log))


def operations(log: Path) -> Iterator[Operation]:
    """The log as operations, in the order in which the calls came back."""
    for line in _whole(log):
        found = _CALL.search(line)
        if not found or int(found["result"]) < 0:
            continue
        assert not found["cut"], "strace cut a write short"
        name = (
            bytes.fromhex(found["file"].replace("\\x", "")).decode()
            if "\\x" in found["file"]
            else found["file"]
        )
        file = Path(name).name
        data = bytes.fromhex((found["data"] or "").replace("\\x", ""))
        if found["call"] == "write":
            yield Operation("ack", file, data=data)
        elif found["call"] == "pwrite64":
            yield Operation("write", file, int(found["number"]), data)
        elif found["call"] == "ftruncate":
            yield Operation("truncate", file, int(found["number"]))
        else:
            yield Operation("sync", file)


def _bytes(text: str) -> bytes:
    r"""What `-xx` writes as `\x2f\x74`."""
    return bytes.fromhex(text.replace("\\x", ""))


def _whole(log: Path) -> Iterator[str]:
    """Lines, those that another thread interrupted put together where they ended."""
    begun: dict[str, str] = {}
    for line in log.read_text().splitlines():
        thread, _, text = line.partition(" ")
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>").rstrip()
        elif found := re.search(r"<\.\.\. \w+ resumed>(.*)", text):
            yield begun.pop(thread) + found[1]
        else:
            yield text


@dataclass
class Disk:
    """What survives: per file the bytes that are safe, and the calls since its last fsync."""

    safe: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[Operation]] = field(default_factory=dict)
    acked: set[int] = field(default_factory=set)

    def do(self, each: Operation) -> None:
        if each.kind == "ack":
            self.acked |= {int(number) for number in each.data.split()}
        elif each.kind == "sync":
            held = self.safe.setdefault(each.file, bytearray())
            for one in self.pending.pop(each.file, []):
                _apply(held, one)
        else:
            self.pending.setdefault(each.file, []).append(each)

    def cut(self, folder: Path, rng: random.Random) -> None:
        """Write the files as a power cut now may leave them."""
        keeps = rng.choice((0.0, 0.0, 0.5, 0.95, 1.0))
        for name in self.safe.keys() | self.pending.keys():
            held = bytearray(self.safe.get(name, b""))
            for one in self.pending.get(name, []):
                for part in _sectors(one):
                    if rng.random() < keeps:
                        _apply(held, part)
            (folder / name).write_bytes(held)


def _sectors(each: Operation) -> Iterator[Operation]:
    if each.kind == "truncate":
        yield each
        return
    place = 0
    while place < len(each.data):
        upto = min(len(each.data), place + SECTOR - (each.offset + place) % SECTOR)
        yield Operation("write", each.file, each.offset + place, each.data[place:upto])
        place = upto


def _apply(held: bytearray, each: Operation) -> None:
    if each.kind == "truncate":
        del held[each.offset :]
        held.extend(bytes(each.offset - len(held)))
        return
    held.extend(bytes(max(0, each.offset - len(held))))
    held[each.offset : each.offset + len(each.data)] = each.data


def write_inbox(data: Path, acks: Path, events: int, synchronous: str) -> None:
    """Store events in batches of chance, with a checkpoint every few dozen; note what is durable."""
    from tests.webhooks.serving import body_of

    from loop_returns.webhooks import store, writer
    from loop_returns.webhooks.inbox import Delivery, stamp

    store.SYNCHRONOUS = synchronous
    writer.CHECKPOINT_EVENTS = 40
    notes = os.open(acks, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    told = threading.Semaphore(0)

    def on_batch(tickets: Sequence[int], is_durable: bool) -> None:
        assert is_durable
        os.write(notes, "".join(f"{ticket} " for ticket in tickets).encode())
        told.release(len(tickets))

    one = writer.InboxWriter[int](data, on_batch, lambda reason: os._exit(3))
    one.start()
    rng, number = random.Random(events), 0
    while number < events:
        group = range(number, min(events, number + rng.choice((1, 1, 2, 7))))
        for number in group:
            one.offer(Delivery("return-updated", body_of(number, size=300), "{}", 0, "raw", stamp()), number)
        for _ in group:
            told.acquire()
        number += 1
    one.close()


if __name__ == "__main__":
    write_inbox(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
