"""What one load carries: typed rows of every table, each return once, as Arrow tables.

typed pages -> Batch -> source.loop_returns -> dlt. Two versions of one return may come in one batch (a page
boundary, two passes, a row that moved while it was read): the newer one wins, whole, so that a child of an
older version never stands beside a newer return.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, repeat

import pyarrow as pa

from loop_returns.api import fields
from loop_returns.extract.chunks import Chunks, Newest
from loop_returns.extract.columns import ARROW
from loop_returns.extract.history import history_columns
from loop_returns.extract.rows import CHILDREN, Objects
from loop_returns.extract.typed import TypedPage

__all__ = ["ARROW", "Batch"]

_RETURNS, _NOTICES, _HISTORY = "returns", "advanced_shipping_notices", "return_history"
_NEVER = -62_135_596_800_000_000
"""The rank of a return without `updated_at`: the first microsecond that Python knows."""


class Batch:
    """Rows of any number of pages, ready to be loaded together.

    Attributes:
        unknown: How often a field that nobody knows was met, per `table.field`.
        unfit: How often a value did not fit its type, per `table.column`.
    """

    def __init__(self, api_version: str) -> None:
        self._api_version = api_version
        columns = fields.raw_columns()
        self._chunks = {name: Chunks(columns[name]) for name in (*fields.TABLES, _HISTORY)}
        self._returns, self._notices, self._versions = Newest(), Newest(), Newest()
        self.unknown: Counter[str] = Counter()
        self.unfit: Counter[str] = Counter()

    @property
    def rows(self) -> int:
        """Returns and shipping notices held."""
        return len(self._returns) + len(self._notices)

    @property
    def ids(self) -> set[str]:
        """Ids of the returns and of the shipping notices held."""
        return {*self._returns.keys, *(key[0] for key in self._notices.keys)}

    def add(self, page: TypedPage) -> None:
        """Take one page."""
        if page.rows.size:
            (self._add_returns if page.table == _RETURNS else self._add_notices)(page)

    def _add_returns(self, page: TypedPage) -> None:
        rows = page.rows
        numbers = _numbers(self._returns, rows)
        taken = self._returns.take(rows.columns["id"].to_pylist(), _ranks(rows))
        self._add_root(page, numbers)
        self._note(_RETURNS, rows, taken)
        for array, elements in page.elements.items():
            owners = _owners(page.counts[array])
            self._add_elements(array, page, owners, numbers)
            self._note(CHILDREN[array], elements, [taken[owner] for owner in owners])
        self._add_versions(page)

    def _add_notices(self, page: TypedPage) -> None:
        rows = page.rows
        key = [rows.columns[name].to_pylist() for name in fields.TABLES[_NOTICES].primary_key]
        numbers = _numbers(self._notices, rows)
        taken = self._notices.take(zip(*key, strict=True), [0] * rows.size)
        self._add_root(page, numbers)
        self._note(_NOTICES, rows, taken)

    def tables(self) -> dict[str, pa.Table]:
        """One Arrow table per raw table, all columns of `api.fields` in order, empty ones included."""
        older = {_NOTICES: self._notices.older, _HISTORY: self._versions.older}
        return {name: held.table(older.get(name, self._returns.older)) for name, held in self._chunks.items()}

    def _add_root(self, page: TypedPage, numbers: pa.Array) -> None:
        size = page.rows.size
        origin = {
            "fetched_at": pa.repeat(pa.scalar(page.fetched_at, ARROW["timestamp"]), size),
            "api_version": pa.repeat(self._api_version, size),
        }
        self._chunks[page.table].add(page.rows.columns | origin, numbers)

    def _add_elements(self, array: str, page: TypedPage, owners: Sequence[int], numbers: pa.Array) -> None:
        """Take one nested array of a page's returns; an empty one gives one row marked `is_removed`.

        The marked row makes the merge delete what an earlier version had there; it is not stored.
        """
        held, counts, ids = self._chunks[CHILDREN[array]], page.counts[array], page.rows.columns["id"]
        at = pa.array(owners, pa.int64())
        places = pa.array(chain.from_iterable(map(range, counts)), pa.int64())
        columns = page.elements[array].columns | {"return_id": ids.take(at), "list_idx": places}
        held.add(columns, numbers.take(at))
        empty = pa.array([owner for owner, count in enumerate(counts) if not count], pa.int64())
        marked = {
            "return_id": ids.take(empty),
            "list_idx": pa.repeat(0, len(empty)),
            "is_removed": pa.repeat(True, len(empty)),
        }
        held.add(marked, numbers.take(empty))

    def _add_versions(self, page: TypedPage) -> None:
        columns = history_columns(page.rows.columns, page.fetched_at)
        numbers = _numbers(self._versions, page.rows)
        key = zip(columns["return_id"].to_pylist(), columns["version_key"].to_pylist(), strict=True)
        first_counts = range(-self._versions.size, -self._versions.size - page.rows.size, -1)
        self._versions.take(key, first_counts)
        self._chunks[_HISTORY].add(columns, numbers)

    def _note(self, table: str, found: Objects, taken: Sequence[bool]) -> None:
        for drift, seen in ((found.unknown, self.unknown), (found.unfit, self.unfit)):
            for at, names in drift.items():
                if taken[at]:
                    seen.update(f"{table}.{name}" for name in names)


def _numbers(root: Newest, page: Objects) -> pa.Array:
    return pa.array(range(root.size, root.size + page.size), pa.int64())


def _owners(counts: Sequence[int]) -> list[int]:
    """For each element its owner's position.

    >>> _owners([2, 0, 1])
    [0, 0, 2]
    """
    return list(chain.from_iterable(map(repeat, range(len(counts)), counts)))


def _ranks(page: Objects) -> list[int]:
    updated = page.columns.get("updated_at")
    if updated is None:
        return [_NEVER] * page.size
    ranks: list[int] = updated.cast(pa.int64()).fill_null(_NEVER).to_pylist()
    return ranks
