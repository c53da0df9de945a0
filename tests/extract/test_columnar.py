"""Pages become columns exactly as the obvious way has it, on any JSON, in every mode."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import ObviousPolicy, OracleBatch
from pages import PageBatch as Batch

from loop_returns.api.fields import TABLES, Field, FieldType
from loop_returns.errors import UnexpectedAnswerError
from loop_returns.extract.columns import ARROW, convert
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.values import CONVERT, UnfitError
from loop_returns.simulator.render import Rows
from loop_returns.simulator.switches import Switches
from loop_returns.simulator.world import build_world

AT = datetime(2026, 11, 20, tzinfo=UTC)
POLICIES = [PiiPolicy("keep"), PiiPolicy("hash", "a-key-of-the-tests"), PiiPolicy("hash"), PiiPolicy("drop")]
Item = dict[str, Any]

words = st.sampled_from(
    ["", " ", "N/A", " N/A ", "n/a", "null", "a@b.example", "https://x", "+1 555 123 4567", "é"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | words
)
names = st.text(max_size=8) | st.sampled_from(["name", "email", "note", "id", "total", "condition_category"])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)

moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)) | st.datetimes(
    datetime(2026, 1, 1), datetime(2026, 1, 3)
).map(lambda at: at.replace(minute=0, second=0, microsecond=0))
ENDINGS = ["", "Z", ".000Z", "+00:00", " +00:00", "+0530", "-05:30", "+14:00", "+14:60", "+23:59", "+24:00"]
ENDINGS += ["-99:59", "-00:00", ".1", ".123456Z", ".1234567Z", ".123456789", " ", "z", "\n"]
EDGES = [
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-05:00",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30 00:00:00",
]
EDGES += [
    "2026-01-01",
    "2026-01-01 00:00",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:59:60Z",
    "2024-02-29T00:00:00Z",
]
time_texts = (
    st.sampled_from(EDGES)
    | st.builds(
        lambda at, between, ending: at.isoformat(sep=between)[: 19 if at.microsecond == 0 else 26] + ending,
        moments,
        st.sampled_from("T "),
        st.sampled_from(ENDINGS),
    )
    | st.from_regex(r"\A[0-9]{4}-[0-3][0-9]-[0-3][0-9]T[0-2][0-9]:[0-9]{2}:[0-9]{2}(Z|\+00:00)?\Z")
)
php_times = st.fixed_dictionaries(
    {
        "date": moments.map(str) | time_texts | st.sampled_from([None, "", "N/A", 5, "2026-02-30 00:00:00"]),
        "timezone": st.sampled_from(["UTC", "Z", "+01:00", "America/New_York", "x", None]),
    },
    optional={"timezone_type": st.just(3)},
) | st.just({"date": "2026-01-01 00:00:00", "timezone": "UTC", "more": 1})
money = (
    st.decimals(-(10**15), 10**15, allow_nan=False, places=4).map(str)
    | st.decimals(-100, 100, allow_nan=False, places=2).map(str)
    | st.integers(-100, 10**16)
    | st.floats(-1e6, 1e6)
    | st.from_regex(r"\A ?-?[0-9]{1,15}(\.[0-9]{1,6}0{0,40})?(e3)? ?\Z")
    | st.sampled_from(
        ["-0.00", "1.", ".5", "+1", "1_000", "\uff11.\uff15", "1.50\n", "\u00a01.5", "NaN", "1.2" + "0" * 60]
    )
)
FITTING: dict[FieldType, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=5) | st.integers(0, 2**64 - 1) | words,
    "decimal": money | words,
    "timestamp": time_texts | php_times | words,
    "bool": st.booleans() | st.sampled_from([0, 1, 2, "true", " FALSE ", "0", "no", 1.0, "", "N/A"]),
    "json": anything,
}


def _mostly(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda dice: anything if dice == 0 else strategy)


def _level(of: dict[str, Field]) -> st.SearchStrategy[Item]:
    nested: dict[str, dict[str, Field]] = {}
    for path, field in of.items():
        outer, _, inner = path.partition(".")
        if inner:
            nested.setdefault(outer, {})[inner] = field
    plain = {name: _mostly(FITTING[field.type]) for name, field in of.items() if "." not in name}
    inside = {name: _mostly(_level(fields)) for name, fields in nested.items()}
    return st.builds(
        lambda known, extra: {**extra, **known},
        st.fixed_dictionaries({}, optional=plain | inside),
        st.just({}) | st.dictionaries(names, anything, max_size=2),
    )


def _objects(table: str) -> st.SearchStrategy[Item]:
    return _level(dict(TABLES[table].fields))


keys = st.sampled_from(["1", "2", 1, 2, "3"])
arrays = st.fixed_dictionaries(
    {},
    optional={
        spec.array: _mostly(st.lists(_mostly(_objects(name)), max_size=3))
        for name, spec in TABLES.items()
        if spec.array
    },
)
updates = st.fixed_dictionaries(
    {},
    optional={
        "updated_at": time_texts
        | st.sampled_from(
            ["2026-01-01 00:00:00", "2026-01-01T00:00:00Z", "N/A", None, "0001-01-01T00:00:00Z"]
        )
    },
)
returns = st.builds(
    lambda fields, children, updated, key: {**fields, **children, **updated, "id": key},
    _objects("returns"),
    arrays,
    updates,
    keys,
)
sparse_returns = st.builds(
    lambda some, key, updated: {**some, "id": key, **updated},
    st.dictionaries(
        st.sampled_from(
            sorted(
                {path.split(".")[0] for path in TABLES["returns"].fields}
                | {s.array for s in TABLES.values() if s.array}
            )
        ),
        anything,
        max_size=3,
    ),
    keys,
    updates,
)
notices = st.builds(
    lambda fields, key, line: {**fields, "id": key, "return_line_item_id": line},
    _objects("advanced_shipping_notices"),
    keys,
    keys,
)


def _rows(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


def _same(one: Batch, other: OracleBatch) -> None:
    assert (one.rows, one.unknown, one.unfit) == (other.rows, other.unknown, other.unfit)
    expected = other.tables()
    for name, table in one.tables().items():
        assert table.schema == expected[name].schema, name
        assert _rows(table) == _rows(expected[name]), name


def _both(policy: PiiPolicy, add: Callable[[Any], None]) -> tuple[Batch, OracleBatch]:
    pair = Batch(policy, "v1"), OracleBatch(policy, "v1")
    for one in pair:
        add(one)
    return pair


@settings(max_examples=150)
@given(st.sampled_from(POLICIES), st.lists(st.lists(returns | sparse_returns, max_size=4), max_size=3))
def test_any_pages_of_returns_become_the_rows_of_the_obvious_way(
    policy: PiiPolicy, pages: list[list[Item]]
) -> None:
    def add(batch: Any) -> None:
        for number, page in enumerate(pages):
            batch.add_returns(page, AT + timedelta(minutes=number))

    _same(*_both(policy, add))


@settings(max_examples=50)
@given(st.sampled_from(POLICIES), st.lists(st.lists(notices, max_size=4), max_size=3))
def test_any_shipping_notices_become_the_rows_of_the_obvious_way(
    policy: PiiPolicy, pages: list[list[Item]]
) -> None:
    def add(batch: Any) -> None:
        for number, page in enumerate(pages):
            batch.add_notices(page, AT + timedelta(minutes=number))

    _same(*_both(policy, add))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: f"{policy.mode}{'-key' * bool(policy.key)}")
@pytest.mark.parametrize(
    "switches", [Switches(), Switches(ids="number", times="z", condition="object"), Switches(times="naive")]
)
def test_the_simulators_pages_become_the_rows_of_the_obvious_way(
    policy: PiiPolicy, switches: Switches
) -> None:
    rows = Rows(switches)
    items = [rows.row(each) for each in build_world(returns=60, end=AT).returns]

    def add(batch: Any) -> None:
        for start in range(0, len(items), 25):
            batch.add_returns(items[start : start + 25], AT)

    _same(*_both(policy, add))


def _one_by_one(type_: FieldType, values: tuple[object, ...]) -> tuple[list[object], list[int]]:
    typed: list[object] = []
    strangers = []
    for at, value in enumerate(values):
        try:
            typed.append(None if value is None else CONVERT[type_](value))
        except UnfitError:
            typed.append(None)
            strangers.append(at)
    return typed, strangers


@pytest.mark.parametrize("type_", ["text", "decimal", "timestamp", "bool"])
def test_any_column_is_converted_as_its_values_are(type_: FieldType) -> None:
    @settings(max_examples=300)
    @given(st.lists(st.tuples(FITTING[type_], FITTING[type_] | anything), min_size=1, max_size=6))
    def holds(pairs: list[tuple[object, object]]) -> None:
        columns = list(zip(*pairs, strict=True))

        converted = convert(type_, columns)

        for values, (array, unfit) in zip(columns, converted, strict=True):
            typed, strangers = _one_by_one(type_, values)
            assert array.equals(pa.array(typed, ARROW[type_]))
            assert unfit == strangers

    holds()


@given(st.sampled_from(POLICIES), names, anything)
def test_short_cuts_hide_what_the_patterns_hide(policy: PiiPolicy, name: str, value: object) -> None:
    assert policy.scrub_named(name, value) == ObviousPolicy(policy).scrub_named(name, value)
    assert policy.scrub(value, name) == ObviousPolicy(policy).scrub(value, name)


@pytest.mark.parametrize("bad", [None, "", True, 1.5, [], {}])
@pytest.mark.parametrize("place", [0, 1])
def test_a_row_without_its_key_is_refused_in_the_same_words(bad: object, place: int) -> None:
    page = [{"id": "1", "return_line_item_id": "1"} for _ in range(2)]
    page[place] = {"id": bad, "return_line_item_id": 3}
    for add in ("add_returns", "add_notices"):
        said = []
        for batch in (Batch(POLICIES[0], "v1"), OracleBatch(POLICIES[0], "v1")):
            with pytest.raises(UnexpectedAnswerError) as caught:
                getattr(batch, add)(page, AT)
            said.append((str(caught.value), caught.value.hint))
        assert said[0] == said[1]


def test_a_refused_page_leaves_nothing_behind() -> None:
    batch = Batch(POLICIES[0], "v1")
    with pytest.raises(UnexpectedAnswerError):
        batch.add_returns([{"id": "1", "tea": 1}, {"state": "open"}], AT)

    assert (batch.rows, batch.unknown) == (0, {})
    assert batch.tables()["returns__labels"].num_rows == 0
