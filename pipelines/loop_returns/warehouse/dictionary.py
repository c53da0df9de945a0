"""Comments on every table and column, and the same as a table: `marts.data_dictionary`.

headers of transforms/models, api/fields.py -> COMMENT ON, marts.data_dictionary
They are set after each build, since a table that is built anew has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import duckdb

from loop_returns.api.fields import TABLES, raw_columns
from loop_returns.warehouse import late_bound, ops_tables
from loop_returns.warehouse.extracts import columns as extract_columns
from loop_returns.warehouse.extracts import tables as extract_tables
from loop_returns.warehouse.place import Connection, in_own_words

SCHEMAS = (
    "loop_raw",
    "staging",
    "rules",
    "marts",
    ops_tables.SCHEMA,
    extract_columns.SCHEMA,
    late_bound.SCHEMA,
)
OWN = "marts.data_dictionary"
RAW_TABLES = {
    "returns": "One row per return, current version, as Loop sent it",
    "return_history": "One row per distinct observed version of a return",
    "pull_windows": "One row per run, endpoint, pass and window: what was asked for and whether it was read",
    "webhook_events": "One row per distinct webhook delivery of a subscription, as received",
    "webhook_counters": "One row per day, subscription and thing that the receiver counts, refusals too",
    "return_details": "One row per return that was read by id, in the shape of the details endpoint",
    "advanced_shipping_notices": "One row per line of the shipping-notice report, as Loop sent it",
}
RAW_COLUMNS = {
    "return_id": "Loop's id of the return that the row belongs to",
    "list_idx": "Place in Loop's list, from 0",
    "is_removed": "Technical: never true on a visible row",
    "unknown_fields": "Fields that nobody knows, as a JSON object",
    "unfit_values": "Values that did not fit their column, as a JSON object of column and text",
    "fetched_at": "When the row was read from Loop, UTC",
    "api_version": "API version that gave the row",
    "_dlt_load_id": "Load that wrote the row",
    "dedup_key": "Names a delivery and its repetitions: digest of subscription and body",
    "inbox_id": "Inbox that it was received into",
    "seq": "Place in that inbox; rises",
    "subscription": "Name of the subscription: the last part of its URL",
    "topic": "Loop's topic: what the body looks like; null: not said",
    "trigger": "Loop's trigger: what happened; null: not said",
    "received_at": "When it came first, UTC",
    "last_seen_at": "When it came again, UTC; null: it did not",
    "deliveries": "How often it came",
    "body": "The body as JSON, without what is personal; null: not JSON",
    "body_sha256": "Digest of the body as received",
    "parse_error": "Why the body could not be read, or names no return",
    "secret_no": "Place of the secret that signed it in the list, from 0",
    "signature_variant": "raw: signed as received; escaped: as PHP would have written it",
    "drained_at": "When it was loaded from the inbox, UTC",
    "counter_key": "Names a counter: inbox, day, subscription and name",
    "day": "Day on which it happened, UTC",
    "name": "What was counted: accepted, duplicate, unparsable; refused_*, timed_out, unavailable",
    "value": "How often so far",
    "refunds": "What was paid back, as the details say: a JSON list of gateway, amount, currency",
    "labels": "Labels, as the details say: a JSON list",
    "is_known": "False: Loop knows no such return",
    "reason": "Why it was read: webhook (a delivery named it, and no poll showed it), refunds, labels",
    "status": "planned or complete",
    "pages": "Pages read",
    "rows": "Rows read",
    "requests": "Requests sent",
}
SHOWS_LOOPS_FIELDS = (*TABLES, "webhook_events", "return_details")
PERSONAL = {
    "email": "; an e-mail: an HMAC or null by the policy",
    "yes": "; personal: null unless the policy keeps it",
}


DLTS = "_dlt"
"""Names of the tables that dlt keeps for itself begin so: they are in no dictionary."""
Entry = tuple[str, str, str, str, str]
"""Schema, table, column, type, what it means."""
_TABLES = """
    select schema_name, table_name, comment from duckdb_tables() where database_name = current_catalog()
"""
_TABLES_OF_POSTGRES = """
    select n.nspname, c.relname, obj_description(c.oid, 'pg_class')
    from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
"""
_COLUMNS = f"""
    select schema_name, table_name, column_name, data_type, comment from duckdb_columns()
    where database_name = current_catalog() and schema_name in {SCHEMAS}
        and not starts_with(table_name, '{DLTS}')
    order by schema_name, table_name, column_index
"""
_COLUMNS_OF_POSTGRES = f"""
    select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        col_description(c.oid, a.attnum)
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p', 'v') and n.nspname in {SCHEMAS} and not starts_with(c.relname, '{DLTS}')
    order by n.nspname, c.relname, a.attnum
"""


@dataclass(frozen=True, slots=True)
class Described:
    """A table and what its columns mean."""

    text: str
    columns: Mapping[str, str] = field(default_factory=dict)


def describe(connection: Connection, built: Mapping[str, Described]) -> dict[str, int]:
    """Set the comments and write the dictionary.

    Args:
        connection: Its database is described.
        built: The models that were built just now; the others keep the comments that they have.

    Returns:
        Rows per table of `staging` and `marts`.
    """
    found = columns(connection)
    texts = {**beside(built), **built, OWN: _own()}
    present = {f"{schema}.{table}" for schema, table, *_ in found}
    before = _before(connection) if OWN in present else []
    said = {(schema, table, column): text for schema, table, column, _, text in before}
    texts |= _views(texts, said)
    entries, comments = [], list(_on_tables(connection, texts))
    for schema, table, column, type_, comment in found:
        name = f"{schema}.{table}"
        text = texts[name].columns.get(column, "") if name in texts else ""
        if text and text != comment:
            comments.append(f'comment on column {name}."{column}" is {_quoted(text)}')
        if name != OWN:
            entries.append((schema, table, column, type_, text or said.get((schema, table, column), "")))
    written = [] if sorted(entries) == sorted(before) else list(_written(texts[OWN], entries))
    in_own_words(connection, ";\n".join(["begin", *comments, *written, "commit"]))  # not one commit a comment
    counted = sorted(name for name in present | {OWN} if name.startswith(("staging.", "marts.")))
    counts = " union all ".join(f"select '{name}', count(*) from {name}" for name in counted)
    return {name: int(rows) for name, rows in in_own_words(connection, counts).fetchall()}


def columns(connection: Connection) -> list[tuple[str, str, str, str, str | None]]:
    """Schema, table, name, type and comment of each column, in order: of what is described here."""
    query = _COLUMNS if isinstance(connection, duckdb.DuckDBPyConnection) else _COLUMNS_OF_POSTGRES
    return in_own_words(connection, query).fetchall()


def tables(connection: Connection) -> list[tuple[str, str, str | None]]:
    """Schema, name and comment of each table."""
    query = _TABLES if isinstance(connection, duckdb.DuckDBPyConnection) else _TABLES_OF_POSTGRES
    return in_own_words(connection, query).fetchall()


def beside(models: Mapping[str, Described]) -> dict[str, Described]:
    """The tables that no model makes: `loop_raw`, `ops`, `ext`."""
    return {**dict(_raw(models)), **dict(_ops()), **dict(_ext())}


def _views(texts: Mapping[str, Described], said: Mapping[tuple[str, str, str], str]) -> dict[str, Described]:
    """The views of `compat`: a column means what that of its table in `staging` does."""
    made = {}
    for view, table in late_bound.VIEWS.items():
        before = {column: text for (*name, column), text in said.items() if name == ["staging", table]}
        now = texts[f"staging.{table}"].columns if f"staging.{table}" in texts else {}
        made[f"{late_bound.SCHEMA}.{view}"] = Described("", {**before, **now, **late_bound.RENAMED})
    return made


def _before(connection: Connection) -> list[Entry]:
    """What the dictionary said so far: the text of a table that was not built again."""
    return connection.execute(f"select * from {OWN}").fetchall()


def _on_tables(connection: Connection, texts: Mapping[str, Described]) -> Iterator[str]:
    """A table that was made anew has no comment; the others keep theirs."""
    for schema, table, comment in tables(connection):
        described = texts.get(f"{schema}.{table}")
        if described and described.text != comment:
            yield f"comment on table {schema}.{table} is {_quoted(described.text)}"


def _written(own: Described, entries: list[Entry]) -> Iterator[str]:
    """The dictionary itself."""
    types = ", ".join(f'"{column}" text' for column in own.columns)
    yield f"create table if not exists {OWN} ({types})"
    yield f"delete from {OWN}"
    if entries:
        rows = ",\n".join("(" + ", ".join(map(_quoted, entry)) + ")" for entry in entries)
        yield f"insert into {OWN} values {rows}"
    yield f"comment on table {OWN} is {_quoted(own.text)}"
    for column, text in own.columns.items():
        yield f'comment on column {OWN}."{column}" is {_quoted(text)}'


def _own() -> Described:
    return Described(
        "One row per column of this database: what it means",
        {
            "table_schema": "Schema",
            "table_name": "Table",
            "column_name": "Column",
            "data_type": "Type in this database",
            "description": "What it means",
        },
    )


def _raw(models: Mapping[str, Described]) -> Iterator[tuple[str, Described]]:
    """Short texts for the raw tables: from the known fields, or what staging says of the same column."""
    for table, columns in raw_columns().items():
        parent = TABLES[table].array if table in TABLES else ""
        text = RAW_TABLES.get(table, f"One row per element of a return's {parent}, as Loop sent it")
        texts = {}
        for name, column in columns.items():
            same = models.get(f"staging.stg_{table}")
            known = f"Loop's {name.replace('__', '.')}" if table in SHOWS_LOOPS_FIELDS else ""
            meaning = RAW_COLUMNS.get(name) or known or (same.columns.get(name, "") if same else "")
            texts[name] = meaning + PERSONAL.get(column.personal, "")
        texts["_dlt_load_id"] = RAW_COLUMNS["_dlt_load_id"]
        yield f"loop_raw.{table}", Described(text, texts)


def _ops() -> Iterator[tuple[str, Described]]:
    for table, (text, columns) in ops_tables.TABLES.items():
        yield f"{ops_tables.SCHEMA}.{table}", Described(text, {name: c.text for name, c in columns.items()})


def _ext() -> Iterator[tuple[str, Described]]:
    for table, (text, stored) in extract_tables.tables().items():
        described = Described(text, {name: meaning for name, (_, meaning) in stored.items()})
        yield f"{extract_columns.SCHEMA}.{table}", described


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
