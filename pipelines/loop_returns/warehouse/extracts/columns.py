"""What a column of an extract can be: its type, how a value of it is written, whose it is.

tables.py declares the extracts with these; templates, checks, tables and comments follow from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["id", "text", "currency", "amount", "signed_amount", "time", "day", "count", "flag"]
Personal = Literal["no", "email", "text"]

SCHEMA = "ext"
TYPES: Mapping[Kind, str] = {
    "id": "varchar",
    "text": "varchar",
    "currency": "varchar",
    "amount": "decimal(18, 4)",
    "signed_amount": "decimal(18, 4)",
    "time": "timestamptz",
    "day": "date",
    "count": "bigint",
    "flag": "boolean",
}
"""Kind -> DuckDB type."""
WANTED: Mapping[Kind, str] = {
    "id": "an id",
    "text": "text",
    "currency": "a currency code such as USD",
    "amount": "an amount such as 12.50, zero or more, at most 4 decimals",
    "signed_amount": "an amount such as -12.50, at most 4 decimals",
    "time": "a time such as 2026-01-31T09:30:00Z, or without a zone if `timezone` is set",
    "day": "a day such as 2026-01-31",
    "count": "a whole number, zero or more",
    "flag": "true or false",
}
"""Kind -> how a value must be written, for people."""


class Column(NamedTuple):
    """A column that is wanted.

    Attributes:
        kind: What its values are.
        text: What it means.
        is_required: Without it, or with an empty value in it, nothing can be matched.
        personal: `email` is hashed, `text` is left out, unless the policy keeps it. Such a column is optional
            text, which takes anything: no value of it is ever refused, and so shown.
    """

    kind: Kind
    text: str
    is_required: bool = False
    personal: Personal = "no"


class Derived(NamedTuple):
    """A column read out of others before those that are personal are left out.

    Attributes:
        kind: What its values are.
        text: What it means.
        sql: DuckDB expression over the columns of the row, all of them text.
    """

    kind: Kind
    text: str
    sql: str


@dataclass(frozen=True, slots=True)
class Extract:
    """A table of another system.

    Attributes:
        text: What a row is.
        key: Columns that together name a row; empty values are equal to each other.
        newest: The time by which its freshness is told.
        columns: Name -> column, as the template lists them.
        derived: Name -> column that is read out of the others.
    """

    text: str
    key: tuple[str, ...]
    newest: str
    columns: Mapping[str, Column]
    derived: Mapping[str, Derived] = field(default_factory=dict)

    def stored(self) -> dict[str, tuple[str, str]]:
        """Column -> (DuckDB type, meaning) of its table in `ext`, in order."""
        own = {name: (TYPES[column.kind], column.text) for name, column in self.columns.items()}
        read = {name: (TYPES[column.kind], column.text) for name, column in self.derived.items()}
        return {**own, **read, **PLACE}


PLACE: Mapping[str, tuple[str, str]] = {
    "read_from": ("varchar", "File or table that the row was read from"),
    "read_row": ("bigint", "Row in it, from 1, the header not counted"),
}

ORDER_ID = Column("id", "Shopify's id of the order", True)
CURRENCY = Column("currency", "Currency of the amounts, ISO 4217", True)
LOOP_RETURN_ID = Column("id", "Loop's id of the return, the RMA number")
SKU = Column("text", "Stock-keeping unit")
