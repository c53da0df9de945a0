"""A receiver with one thing broken, which the tests must notice: `python mutants.py NAME serve ...`.

`ack_first` answers before the commit; `normal` commits without an fsync.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from loop_returns.webhooks import store, writer


def ack_first() -> None:
    def commit(self: writer.InboxWriter[Any], batch: Sequence[tuple[Any, Any]]) -> None:
        self._on_batch([ticket for _, ticket in batch], True)
        time.sleep(0.02)  # as long as a busy disk's fsync
        self._store.commit([each for each, _ in batch if each])

    writer.InboxWriter._commit = commit  # type: ignore[method-assign]


def normal() -> None:
    store.SYNCHRONOUS = "NORMAL"


if __name__ == "__main__":
    {"ack_first": ack_first, "normal": normal}[sys.argv.pop(1)]()
    from loop_returns.__main__ import main

    main()
