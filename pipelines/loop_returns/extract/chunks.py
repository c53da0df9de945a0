"""Rows of the raw tables as they gather in a batch: Arrow chunks, and which row of a key counts.

Batch -> Chunks.add per page -> Chunks.table. Every row carries the number of the row of the root table that
it came with, so that one which turns out to be an older version is left out with all that came with it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from loop_returns.api.fields import Column
from loop_returns.extract.columns import ARROW

Columns = Mapping[str, pa.Array]
_NUMBER = "number_of_root_row"


class Newest:
    """Numbers the rows of a root table, and knows which of those with one key counts.

    Attributes:
        size: How many rows were numbered.
        older: Numbers of the rows that do not count.
    """

    def __init__(self) -> None:
        self.size = 0
        self.older: list[int] = []
        self._held: dict[Hashable, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def keys(self) -> Iterable[Any]:
        """The keys held."""
        return self._held.keys()

    def take(self, keys: Iterable[Hashable], ranks: Iterable[int]) -> list[bool]:
        """Number further rows; of one key the highest rank counts, of equals the last.

        Returns:
            For each row whether it counts at this moment.
        """
        taken = []
        for number, (key, rank) in enumerate(zip(keys, ranks, strict=True), self.size):
            held = self._held.get(key)
            is_newer = held is None or rank >= held[0]
            if held is not None:
                self.older.append(held[1] if is_newer else number)
            if is_newer:
                self._held[key] = (rank, number)
            taken.append(is_newer)
        self.size += len(taken)
        return taken


class Chunks:
    """Rows of one table, page by page.

    Args:
        columns: The table's columns in order.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        held = [(name, ARROW[column.type]) for name, column in columns.items()]
        schema = pa.schema([*held, (_NUMBER, pa.int64())])
        self._chunks = [schema.empty_table()]

    def add(self, columns: Columns, numbers: pa.Array) -> None:
        """Take rows of a page; a column that they do not fill is absent.

        Args:
            columns: Column -> array.
            numbers: For each row, the number of the root row that it came with.
        """
        self._chunks.append(pa.table({**columns, _NUMBER: numbers}))

    def table(self, older: Sequence[int]) -> pa.Table:
        """All rows but those that came with the root rows of these numbers."""
        whole = pa.concat_tables(self._chunks, promote_options="default")
        if older:
            left_out = pc.is_in(whole[_NUMBER], pa.array(older, pa.int64()))
            whole = whole.filter(pc.invert(left_out))
        return whole.drop_columns([_NUMBER])
