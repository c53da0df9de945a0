"""Rows of the raw tables in the obvious way, value by value: what the columnar way must give, to the letter.

It shares `values` and the words of `pii` with the product, and nothing of how pages become columns.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from loop_returns.api import fields
from loop_returns.errors import UnexpectedAnswerError
from loop_returns.extract.columns import ARROW
from loop_returns.extract.pii import _NAME, _NAMED_THINGS, _VALUE, LEFT_OUT, PiiPolicy
from loop_returns.extract.values import CONVERT, UnfitError, as_json

Row = dict[str, Any]
CHILDREN = {spec.array: name for name, spec in fields.TABLES.items() if spec.array}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ObviousPolicy:
    """What becomes of personal values, without a short cut."""

    policy: PiiPolicy

    def value(self, personal: fields.Personal, value: object) -> object:
        policy = self.policy
        if personal == "no" or policy.mode == "keep":
            return value
        if personal == "email" and policy.mode == "hash" and policy.key and isinstance(value, str):
            plain = value.strip().lower()
            if plain in ("", "n/a"):
                return None
            return hmac.new(policy.key.encode(), plain.encode(), hashlib.sha256).hexdigest()
        return None

    def scrub(self, value: object, of: str = "") -> object:
        if self.policy.mode == "keep":
            return value
        if isinstance(value, Mapping):
            shown = {
                key for key in value if not _NAME.search(str(key)) or (key == "name" and of in _NAMED_THINGS)
            }
            return {key: self.scrub(inner, str(key)) for key, inner in value.items() if key in shown}
        if isinstance(value, list):
            return [self.scrub(inner, of) for inner in value]
        return LEFT_OUT if isinstance(value, str) and _VALUE.search(value) else value

    def scrub_named(self, name: str, value: object) -> object:
        hidden = self.policy.mode != "keep" and _NAME.search(name)
        return LEFT_OUT if hidden else self.scrub(value, name)


@dataclass(frozen=True)
class Leaf:
    column: str
    field: fields.Field


class Reader:
    """Types one object; collects what nobody knows and what does not fit."""

    def __init__(self, table: str, policy: ObviousPolicy) -> None:
        self.policy = policy
        self.leaves: dict[str, Leaf] = {}
        self.nested: dict[str, dict[str, Leaf]] = {}
        for path, field in fields.TABLES[table].fields.items():
            outer, _, inner = path.partition(".")
            home = self.nested.setdefault(outer, {}) if inner else self.leaves
            home[inner or outer] = Leaf(fields.column_name(path), field)
        self.children = CHILDREN if table == "returns" else {}
        self.row: Row = {}
        self.unknown: dict[str, object] = {}
        self.unfit: dict[str, object] = {}

    def read(self, item: Mapping[str, Any]) -> Row:
        for name, value in item.items():
            if leaf := self.leaves.get(name):
                self._keep(leaf, value)
            elif name in self.nested:
                self._open(name, value)
            elif name in self.children:
                self._check_array(name, value)
            else:
                self.unknown[name] = self.policy.scrub_named(name, value)
        self.row["unknown_fields"] = as_json(self.unknown) if self.unknown else None
        self.row["unfit_values"] = as_json(self.unfit) if self.unfit else None
        return self.row

    def _keep(self, leaf: Leaf, value: object) -> None:
        if value is None:
            return
        if leaf.field.type == "json":
            self.row[leaf.column] = as_json(self.policy.scrub(value))
            return
        try:
            typed = CONVERT[leaf.field.type](value)
        except UnfitError:
            self._set_aside(leaf, value)
        else:
            self.row[leaf.column] = self.policy.value(leaf.field.personal, typed)

    def _set_aside(self, leaf: Leaf, value: object) -> None:
        if leaf.field.personal == "no" or self.policy.policy.mode == "keep":
            value = self.policy.scrub(value)
            self.unfit[leaf.column] = value if isinstance(value, str) else as_json(value)

    def _check_array(self, name: str, value: object) -> None:
        strays = [one for one in value if not isinstance(one, Mapping)] if isinstance(value, list) else value
        if strays:
            self.unfit[name] = self.policy.scrub(strays)

    def _open(self, name: str, value: object) -> None:
        if value is None or value == []:
            return
        if not isinstance(value, Mapping):
            self.unfit[name] = self.policy.scrub(value)
            return
        for inner, inner_value in value.items():
            if leaf := self.nested[name].get(inner):
                self._keep(leaf, inner_value)
            else:
                self.unknown[f"{name}.{inner}"] = self.policy.scrub_named(inner, inner_value)


def typed_row(table: str, item: Mapping[str, Any], policy: PiiPolicy) -> Row:
    """One object of the API as one row of `table`; columns it does not fill are absent."""
    root = not fields.TABLES[table].array
    row = Reader(table, ObviousPolicy(policy)).read(item)
    if root and not all(row.get(column) for column in fields.TABLES[table].primary_key):
        names = " and ".join(fields.TABLES[table].primary_key)
        raise UnexpectedAnswerError(f"Loop sent a row of {table} without {names}", hint="nothing was moved")
    return row


def child_rows(item: Mapping[str, Any], return_id: str, policy: PiiPolicy) -> Iterator[tuple[str, Row]]:
    """The nested arrays of a return as `(table, row)`; an empty one gives one row marked `is_removed`."""
    for array, table in CHILDREN.items():
        elements = item.get(array)
        present = [one for one in elements if isinstance(one, Mapping)] if isinstance(elements, list) else []
        for index, element in enumerate(present):
            yield table, typed_row(table, element, policy) | {"return_id": return_id, "list_idx": index}
        if not present:
            yield table, {"return_id": return_id, "list_idx": 0, "is_removed": True}


def history_row(row: Row, observed_at: datetime) -> Row:
    facts = {name: row.get(name) for name in fields.HISTORY_FIELDS}
    text = "\x1f".join(plain(value) for value in facts.values())
    key = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return {"return_id": row["id"], "version_key": key, **facts, "observed_at": observed_at, "source": "list"}


def plain(value: object) -> str:
    if isinstance(value, datetime):
        since = value - EPOCH
        return str((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
    if isinstance(value, Decimal):
        return f"{value or Decimal(0):.4f}"
    return "" if value is None else str(value)


class OracleBatch:
    """What `Batch` promises, with every row kept as a dict."""

    def __init__(self, policy: PiiPolicy, api_version: str) -> None:
        self._policy = policy
        self._origin: Row = {"api_version": api_version}
        self._returns: dict[str, tuple[Row, list[tuple[str, Row]]]] = {}
        self._history: dict[tuple[str, str], Row] = {}
        self._notices: dict[tuple[str, str], Row] = {}
        self.unknown: Counter[str] = Counter()
        self.unfit: Counter[str] = Counter()

    @property
    def rows(self) -> int:
        return len(self._returns) + len(self._notices)

    def add_returns(self, items: Iterable[Mapping[str, Any]], fetched_at: datetime) -> None:
        for item in items:
            row = typed_row("returns", item, self._policy) | self._origin | {"fetched_at": fetched_at}
            version = history_row(row, fetched_at)
            self._history.setdefault((row["id"], version["version_key"]), version)
            held = self._returns.get(row["id"])
            if held is None or updated(row) >= updated(held[0]):
                children = list(child_rows(item, row["id"], self._policy))
                self._returns[row["id"]] = (row, children)
                self._note("returns", row)
                for table, child in children:
                    self._note(table, child)

    def add_notices(self, items: Iterable[Mapping[str, Any]], fetched_at: datetime) -> None:
        for item in items:
            row = typed_row("advanced_shipping_notices", item, self._policy)
            key = (row["id"], row["return_line_item_id"])
            self._notices[key] = row | self._origin | {"fetched_at": fetched_at}
            self._note("advanced_shipping_notices", row)

    def _note(self, table: str, row: Row) -> None:
        for column, seen in (("unknown_fields", self.unknown), ("unfit_values", self.unfit)):
            if row.get(column):
                seen.update(f"{table}.{name}" for name in orjson.loads(row[column]))

    def tables(self) -> dict[str, pa.Table]:
        rows: dict[str, list[Row]] = {name: [] for name in (*fields.TABLES, "return_history")}
        for row, children in self._returns.values():
            rows["returns"].append(row)
            for table, child in children:
                rows[table].append(child)
        rows["advanced_shipping_notices"] = list(self._notices.values())
        rows["return_history"] = list(self._history.values())
        columns = fields.raw_columns()
        return {name: arrow(columns[name], held) for name, held in rows.items()}


def updated(row: Row) -> datetime:
    return row.get("updated_at") or NEVER


def arrow(columns: Mapping[str, fields.Column], rows: list[Row]) -> pa.Table:
    return pa.table(
        {
            name: pa.array([row.get(name) for row in rows], ARROW[column.type])
            for name, column in columns.items()
        }
    )
