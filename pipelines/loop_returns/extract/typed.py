"""A page of the API as typed columns of its raw table and of the tables below it; stateless.

page of dicts -> typed_page -> Batch.add. Readers do this, each for its own pages; none of a page's objects is
kept, so that what waits to be loaded is Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.rows import CHILDREN, Item, Objects, read


@dataclass(frozen=True, slots=True)
class TypedPage:
    """Rows of one root table, with the elements of their nested arrays.

    Attributes:
        table: The root table.
        rows: Its rows.
        elements: Nested array -> its elements, laid end to end; `counts` says how many each row has.
        fetched_at: When the page was complete.
    """

    table: str
    rows: Objects
    elements: Mapping[str, Objects]
    counts: Mapping[str, Sequence[int]]
    fetched_at: datetime


def typed_page(table: str, items: Sequence[Item], policy: PiiPolicy, fetched_at: datetime) -> TypedPage:
    """Type a page of the Detailed Returns List (`returns`) or of the shipping notices.

    Raises:
        UnexpectedAnswerError: A row lacks a part of its key.
    """
    rows = read(table, items, policy)
    elements = {array: read(CHILDREN[array], each.items, policy) for array, each in rows.arrays.items()}
    counts = {array: each.counts for array, each in rows.arrays.items()}
    rows.arrays.clear()
    return TypedPage(table, rows, elements, counts, fetched_at)
