"""The table `return_history`: which version of a return a row of the list shows.

columns of `returns` -> history_columns -> batch. The key of a version is a digest of what is observed of it,
taken from the typed columns: amounts with four decimals, times as microseconds, so that a version has one key
however the API writes it, in any process.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc

from loop_returns.api import fields
from loop_returns.extract.columns import ARROW

_PARTS_END = "\x1f"


def history_columns(returns: Mapping[str, pa.Array], observed_at: datetime) -> dict[str, pa.Array]:
    """The versions that rows of `returns` show, one row each.

    Args:
        returns: Column -> array, as `rows.read` makes them; `id` at least.
        observed_at: When the page was fetched.
    """
    size = len(returns["id"])
    facts = {name: returns[name] for name in fields.HISTORY_FIELDS if name in returns}
    return {
        "return_id": returns["id"],
        "version_key": _version_keys(facts, size),
        **facts,
        "observed_at": pa.repeat(pa.scalar(observed_at, ARROW["timestamp"]), size),
        "source": pa.repeat("list", size),
    }


def _version_keys(facts: Mapping[str, pa.Array], size: int) -> pa.Array:
    nothing = pa.repeat("", size)
    parts = [_plain(facts[name]) if name in facts else nothing for name in fields.HISTORY_FIELDS]
    joined = pc.binary_join_element_wise(*parts, _PARTS_END, null_handling="replace", null_replacement="")
    texts = joined.cast(pa.binary()).to_pylist()
    return pa.array([blake2b(text, digest_size=16).hexdigest() for text in texts], pa.string())


def _plain(array: pa.Array) -> pa.Array:
    """Typed values as text, one text per value; nothing for null."""
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    return array.cast(pa.string())
