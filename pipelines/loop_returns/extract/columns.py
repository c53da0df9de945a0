"""Fields of many objects as Arrow columns: in C wherever the shape of a value leaves no doubt.

rows.read -> convert(type, fields) -> per field (array, positions of values that do not fit) -> rows.

The fast ways below only take what they read exactly as `values` does; the rest they leave null. A null that
neither the API nor one of its words for "missing" explains goes through `values`, one value at a time. So
drift costs time and nothing else: every value comes out as `values.CONVERT` has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from loop_returns.api.fields import FieldType
from loop_returns.extract.values import CONVERT, MISSING, UnfitError

Values = Sequence[object]

_TIME = pa.timestamp("us", "UTC")
ARROW: Mapping[FieldType, pa.DataType] = {
    "text": pa.string(),
    "decimal": pa.decimal128(18, 4),
    "timestamp": _TIME,
    "bool": pa.bool_(),
    "bigint": pa.int64(),
    "json": pa.string(),
}

_NO_TEXT = pa.scalar(None, pa.string())
_MONEY = r"^-?[0-9]{1,14}(?:\.[0-9]{1,4})?$"
_NAIVE = (
    r"^[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
)
_ZONED = _NAIVE + r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$"
_DAY_OF_ANY_MONTH = r"^.{8}(?:0[1-9]|1[0-9]|2[0-8])"
_PHP_TIME = frozenset({"date", "timezone", "timezone_type"})


def convert(type_: FieldType, columns: Sequence[Values]) -> list[tuple[pa.Array, list[int]]]:
    """Values of fields of one type as columns of it (any type but `json` and `bigint`).

    Args:
        type_: The type of all of them.
        columns: Per field what the JSON parser made; None also where an object lacks it. All of one length.

    Returns:
        Per field the column, and the positions of the values that do not fit, which are null in it.
    """
    arrays = zip(columns, _FAST[type_](columns), strict=True)
    return [_finished(type_, values, array) for values, array in arrays]


def _finished(type_: FieldType, values: Values, array: pa.Array) -> tuple[pa.Array, list[int]]:
    if not array.null_count or array.null_count == values.count(None):
        return array, []
    return _one_by_one(type_, values, array)


def _one_by_one(type_: FieldType, values: Values, array: pa.Array) -> tuple[pa.Array, list[int]]:
    known_nulls = (None, *MISSING) if type_ != "text" else (None,)
    nulls: list[int] = pc.indices_nonzero(array.is_null()).to_pylist()
    doubtful = [at for at in nulls if values[at] not in known_nulls]
    typed: list[object] = []
    unfit: list[int] = []
    for at in doubtful:
        try:
            typed.append(CONVERT[type_](values[at]))
        except UnfitError:
            typed.append(None)
            unfit.append(at)
    if len(unfit) == len(doubtful):
        return array, unfit
    chosen = set(doubtful)
    mask = pa.array([at in chosen for at in range(len(values))], pa.bool_())
    return pc.replace_with_mask(array, mask, pa.array(typed, ARROW[type_])), unfit


def _texts(values: Values, numbers: frozenset[type]) -> pa.Array:
    """Texts as they came, and the digits of the kinds of numbers that the column takes."""
    try:
        return pa.array(values, pa.string())
    except pa.ArrowTypeError:
        return pa.array(
            [
                value if value.__class__ is str else repr(value) if value.__class__ in numbers else None
                for value in values
            ],
            pa.string(),
        )


def _matches(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(texts, pattern)


def _all(sure: pa.Array) -> bool:
    return pc.all(sure).as_py() is not False


def _only(sure: pa.Array, texts: pa.Array) -> pa.Array:
    return texts if _all(sure) else pc.if_else(sure, texts, _NO_TEXT)


def _text_columns(columns: Sequence[Values]) -> list[pa.Array]:
    return [_texts(values, frozenset({int})) for values in columns]


def _bool_columns(columns: Sequence[Values]) -> list[pa.Array]:
    return [_truths(values) for values in columns]


def _truths(values: Values) -> pa.Array:
    try:
        return pa.array(values, pa.bool_())
    except pa.ArrowInvalid:
        return pa.array([value if value.__class__ is bool else None for value in values], pa.bool_())


def _decimal_columns(columns: Sequence[Values]) -> list[pa.Array]:
    return _at_once(_amounts, [_texts(values, frozenset({int, float})) for values in columns])


def _timestamp_columns(columns: Sequence[Values]) -> list[pa.Array]:
    return _at_once(_times, [_time_texts(values) for values in columns])


def _at_once(cast: Callable[[pa.Array], pa.Array], columns: list[pa.Array]) -> list[pa.Array]:
    """Columns of texts, cast as one: a call costs as much as some hundred values."""
    size = len(columns[0])
    whole = cast(pa.concat_arrays(columns))
    return [whole.slice(number * size, size) for number in range(len(columns))]


def _amounts(texts: pa.Array) -> pa.Array:
    return _only(_matches(texts, _MONEY), texts).cast(ARROW["decimal"])


def _time_texts(values: Values) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except pa.ArrowTypeError:
        return pa.array([value if value is None else _time_text(value) for value in values], pa.string())


def _time_text(value: object) -> object:
    """The text of a time: itself, or the `date` of a PHP time that is said to be UTC."""
    if value.__class__ is str:
        return value
    if isinstance(value, dict) and value.keys() <= _PHP_TIME and value.get("timezone") == "UTC":
        date = value.get("date")
        return date if isinstance(date, str) else None
    return None


def _times(texts: pa.Array) -> pa.Array:
    try:
        return _instants(texts)
    except pa.ArrowInvalid:  # some 30 February: only the days that every month has are beyond doubt
        return _instants(pc.if_else(_matches(texts, _DAY_OF_ANY_MONTH), texts, _NO_TEXT))


def _instants(texts: pa.Array) -> pa.Array:
    zoned = _matches(texts, _ZONED)
    if _all(zoned):
        return texts.cast(_TIME)
    naive = _matches(texts, _NAIVE + "$")
    marked = pc.if_else(naive, pc.binary_join_element_wise(texts, "Z", ""), texts)
    return _only(pc.or_(zoned, naive), marked).cast(_TIME)


_FAST: Mapping[FieldType, Callable[[Sequence[Values]], list[pa.Array]]] = {
    "text": _text_columns,
    "decimal": _decimal_columns,
    "timestamp": _timestamp_columns,
    "bool": _bool_columns,
}
