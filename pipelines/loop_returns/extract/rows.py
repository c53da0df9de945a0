"""Objects of a page to the columns of their raw table, personal data already dealt with.

page of dicts -> transpose -> columns.convert per field -> Objects -> batch.

An object of the API becomes one row of its table. Nothing of it is lost: a field nobody knows goes into
the column `unknown_fields`, a value that does not fit its type into `unfit_values` under its column's name
(both JSON objects), the rest into the columns that `api.fields` names. No input makes the schema change.
Only rows with something of that kind are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from loop_returns.api import fields
from loop_returns.errors import UnexpectedAnswerError
from loop_returns.extract.columns import Values, convert
from loop_returns.extract.pii import PiiPolicy
from loop_returns.extract.values import as_json

Item = dict[str, Any]
Drift = dict[int, dict[str, object]]
CHILDREN = {spec.array: name for name, spec in fields.TABLES.items() if spec.array}


@dataclass(frozen=True, slots=True)
class _Leaf:
    column: str
    field: fields.Field


@dataclass(frozen=True, slots=True)
class _Level:
    """What is known of one kind of object: its plain fields, the objects in it, the arrays in it."""

    leaves: Mapping[str, _Leaf]
    nested: Mapping[str, _Level]
    arrays: frozenset[str]
    known: frozenset[str]


def _level(leaves: Mapping[str, _Leaf], nested: Mapping[str, _Level], arrays: frozenset[str]) -> _Level:
    return _Level(leaves, nested, arrays, arrays.union(leaves, nested))


def _plan(table: str) -> _Level:
    leaves: dict[str, _Leaf] = {}
    nested: dict[str, dict[str, _Leaf]] = {}
    for path, of in fields.TABLES[table].fields.items():
        outer, _, inner = path.partition(".")
        home = nested.setdefault(outer, {}) if inner else leaves
        home[inner or outer] = _Leaf(fields.column_name(path), of)
    inner_levels = {name: _level(inside, {}, frozenset()) for name, inside in nested.items()}
    return _level(leaves, inner_levels, frozenset(CHILDREN if table == "returns" else ()))


_PLANS = {table: _plan(table) for table in fields.TABLES}


@dataclass(slots=True)
class Elements:
    """One nested array of every object of a page, laid end to end.

    Attributes:
        items: The objects in the arrays; what is no object is among the owner's values that do not fit.
        counts: How many of them each owner has.
    """

    items: list[Item]
    counts: list[int]


@dataclass(slots=True)
class Objects:
    """Objects of one table as columns; a column that none of them fills is absent.

    Attributes:
        size: How many.
        columns: Column -> array.
        unknown: Position -> field that nobody knows -> its value.
        unfit: Position -> column -> a value that does not fit it.
        arrays: Nested array -> its elements.
    """

    size: int
    columns: dict[str, pa.Array] = field(default_factory=dict)
    unknown: Drift = field(default_factory=dict)
    unfit: Drift = field(default_factory=dict)
    arrays: dict[str, Elements] = field(default_factory=dict)


def read(table: str, items: Sequence[Item], policy: PiiPolicy) -> Objects:
    """Objects of the API as columns of `table`.

    Raises:
        UnexpectedAnswerError: A part of a root table's key is missing: the row could not be told from others.
    """
    found = Objects(len(items))
    _Reader(_PLANS[table], policy, found).read(items)
    if not fields.TABLES[table].array:
        _require_key(table, found)
    return found


def _require_key(table: str, found: Objects) -> None:
    key = fields.TABLES[table].primary_key
    for column in key:
        texts = found.columns.get(column)
        if found.size and (texts is None or texts.null_count or not pc.all(pc.not_equal(texts, "")).as_py()):
            names = " and ".join(key)
            raise UnexpectedAnswerError(
                f"Loop sent a row of {table} without {names}", hint="nothing was moved"
            )


def transpose(items: Sequence[Item], known: frozenset[str]) -> tuple[dict[str, Values], dict[int, list[str]]]:
    """Objects as values per known field, and the names nobody knows, by the position of who has them.

    >>> transpose([{"id": 1, "tea": "green"}, {"id": 2}], frozenset({"id", "state"}))
    ({'id': [1, 2]}, {0: ['tea']})
    """
    if not items:
        return {}, {}
    names = tuple(items[0])
    try:
        if len(set(map(len, items))) == 1:  # and each has the names of the first: all are of one shape
            values = _pick(items, names)
            new = [name for name in names if name not in known]
            unknown = dict.fromkeys(range(len(items)), new) if new else {}
            return {name: held for name, held in values.items() if name in known}, unknown
    except KeyError:
        pass
    return _transpose_mixed(items, known)


def _transpose_mixed(
    items: Sequence[Item], known: frozenset[str]
) -> tuple[dict[str, Values], dict[int, list[str]]]:
    shapes = list(map(tuple, items))
    kinds = set(shapes)
    new = {shape: names for shape in kinds if (names := [name for name in shape if name not in known])}
    unknown = {at: new[shape] for at, shape in enumerate(shapes) if shape in new} if new else {}
    common = known.intersection(*kinds)
    sometimes = known.intersection(chain.from_iterable(kinds)) - common
    rare: dict[str, Values] = {name: [item.get(name) for item in items] for name in sometimes}
    return _pick(items, tuple(common)) | rare, unknown


def _pick(items: Sequence[Item], names: tuple[str, ...]) -> dict[str, Values]:
    """The values of fields that all objects have; raises KeyError where one has not."""
    if len(names) < 2:
        return {name: [item[name] for item in items] for name in names}
    return dict(zip(names, zip(*map(itemgetter(*names), items), strict=True), strict=True))


class _Reader:
    """Reads the objects of one table, and the objects inside of them."""

    def __init__(self, plan: _Level, policy: PiiPolicy, found: Objects) -> None:
        self.plan = plan
        self.policy = policy
        self.found = found

    def read(self, items: Sequence[Item]) -> None:
        self._level(self.plan, items)
        for name in self.plan.arrays:
            self.found.arrays.setdefault(name, Elements([], [0] * len(items)))
        for column, drift in (("unknown_fields", self.found.unknown), ("unfit_values", self.found.unfit)):
            if drift:
                _sort(drift, items, self.plan)
                texts = [as_json(drift[at]) if at in drift else None for at in range(len(items))]
                self.found.columns[column] = pa.array(texts, pa.string())

    def _level(self, level: _Level, items: Sequence[Item], prefix: str = "") -> None:
        values, unknown = transpose(items, level.known)
        for at, names in unknown.items():
            kept = self.found.unknown.setdefault(at, {})
            kept.update({prefix + name: self.policy.scrub_named(name, items[at][name]) for name in names})
        plain: dict[fields.FieldType, list[tuple[_Leaf, Values]]] = {}
        for name, held in values.items():
            if leaf := level.leaves.get(name):
                if leaf.field.type == "json":
                    self._json(leaf, held)
                elif not self.policy.leaves_out(leaf.field.personal):
                    plain.setdefault(leaf.field.type, []).append((leaf, held))
            elif inner := level.nested.get(name):
                self._open(name, inner, held)
            else:
                self._array(name, held)
        for type_, columns in plain.items():
            self._convert(type_, columns)

    def _convert(self, type_: fields.FieldType, columns: Sequence[tuple[_Leaf, Values]]) -> None:
        converted = convert(type_, [values for _, values in columns])
        for (leaf, values), (array, unfit) in zip(columns, converted, strict=True):
            self.found.columns[leaf.column] = self._shown(leaf.field.personal, array)
            if leaf.field.personal == "no" or self.policy.mode == "keep":
                for at in unfit:
                    value = self.policy.scrub(values[at])
                    self._set_aside(at, leaf.column, value if isinstance(value, str) else as_json(value))

    def _shown(self, personal: fields.Personal, array: pa.Array) -> pa.Array:
        if personal == "no" or self.policy.mode == "keep":
            return array
        distinct = array.dictionary_encode()
        shown = [self.policy.value(personal, text) for text in distinct.dictionary.to_pylist()]
        return pa.array(shown, pa.string()).take(distinct.indices)

    def _json(self, leaf: _Leaf, values: Values) -> None:
        if values.count(None) < len(values):
            texts = [None if value is None else as_json(self.policy.scrub(value)) for value in values]
            self.found.columns[leaf.column] = pa.array(texts, pa.string())

    def _open(self, name: str, level: _Level, values: Values) -> None:
        for at, value in enumerate(values):
            # PHP writes an empty object as an empty array.
            if value.__class__ is not dict and value is not None and value != []:
                self._set_aside(at, name, self.policy.scrub(value))
        self._level(level, [value if isinstance(value, dict) else {} for value in values], f"{name}.")

    def _array(self, name: str, values: Values) -> None:
        if set(map(type, values)) <= {list}:
            lists: list[list[Any]] = list(values)  # type: ignore[arg-type] # the line above has looked
            items = list(chain.from_iterable(lists))
            if set(map(type, items)) <= {dict}:
                self.found.arrays[name] = Elements(items, list(map(len, lists)))
                return
        self.found.arrays[name] = self._sifted(name, values)

    def _sifted(self, name: str, values: Values) -> Elements:
        elements = Elements([], [])
        for at, value in enumerate(values):
            objects = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
            strays = [one for one in value if not isinstance(one, dict)] if isinstance(value, list) else value
            if strays:
                self._set_aside(at, name, self.policy.scrub(strays))
            elements.items += objects
            elements.counts.append(len(objects))
        return elements

    def _set_aside(self, at: int, column: str, value: object) -> None:
        self.found.unfit.setdefault(at, {})[column] = value


def _sort(drift: Drift, items: Sequence[Item], plan: _Level) -> None:
    """Put what was found column by column into the order of the object that it came from."""
    for at, found in drift.items():
        if len(found) > 1:
            drift[at] = {name: found[name] for name in _names(items[at], plan) if name in found}


def _names(item: Item, plan: _Level) -> Iterator[str]:
    for name, value in item.items():
        yield name
        if name in plan.nested and isinstance(value, dict):
            for inner in value:
                yield f"{name}.{inner}"
                yield fields.column_name(f"{name}.{inner}")
