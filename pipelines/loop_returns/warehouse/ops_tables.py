"""The tables of `ops`: the requests for actions, and the mirror of the action ledger.

`flagged_items` is written by the rules, by `loop-returns flag` and by people; a row typed by hand needs only
return, action, reason and requester. `exemptions` is the merchant's CSV file, put there before each build;
`accepted_breaks` is written by `loop-returns accept`.
The others are written by the mirror alone: the truth is in the ledger.
Shapes: actions.md, section 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from loop_returns.warehouse.place import Connection

SCHEMA = "ops"
_MONEY = "decimal(18, 4)"
_TIME = "timestamptz"


class OpsColumn(NamedTuple):
    """A column: its type in DuckDB's words, what it means, and what else is said where it is made."""

    type: str
    text: str
    extra: str = ""


class OpsTable(NamedTuple):
    """A table: what a row is, and its columns."""

    text: str
    columns: Mapping[str, OpsColumn]


def _text(text: str, extra: str = "") -> OpsColumn:
    return OpsColumn("varchar", text, extra)


TABLES: Mapping[str, OpsTable] = {
    "flagged_items": OpsTable(
        "One row per request to act on a return, of a rule or a person; only an approved plan is carried out",
        {
            "flagged_item_id": _text("Key; made if left out", "default cast(uuid() as varchar) primary key"),
            "return_id": _text("Return to act on", "not null"),
            "action": _text("process, flag or cancel", "not null"),
            "reason": _text("Why, in words; goes to the return as a note", "not null"),
            "rule_id": _text("Rule that asked; null: a person"),
            "requested_by": _text("Who asked", "not null"),
            "requested_at": OpsColumn(_TIME, "When it was asked, UTC", "not null default now()"),
            "amount": OpsColumn(_MONEY, "Money that the action moves"),
            "currency": _text("Currency of the amount"),
            "expected_state": _text("State of the return when it was asked"),
            "expected_outcome": _text("Outcome of the return when it was asked"),
            "evidence": OpsColumn("json", "Facts that the rule stands on"),
            "evidence_hash": _text("Names the facts: other facts, another hash"),
            "valid_until": OpsColumn(_TIME, "Not to be done after this, UTC; null: no end"),
            "status": _text(
                "open, cleared (the facts vanished), withdrawn or done", "not null default 'open'"
            ),
        },
    ),
    "actions": OpsTable(
        "One row per action in the ledger, mirrored after each command",
        {
            "action_key": _text("Idempotency key: one action of a kind per return"),
            "return_id": _text("Return acted on"),
            "action": _text("process, flag or cancel"),
            "state": _text("Where the action stands: APPROVED, INTENT, ACCEPTED, CONFIRMED, PARKED, ..."),
            "version": OpsColumn("bigint", "Changes so far"),
            "attempt": OpsColumn("bigint", "Intents so far"),
            "owner": _text("Run that claimed it last"),
            "intent_at": OpsColumn(_TIME, "When the last intent was written, UTC"),
            "amount": OpsColumn(_MONEY, "Money that the action moves"),
            "currency": _text("Currency of the amount"),
            "plan_digest": _text("Plan that it was approved in"),
            "flagged_item_id": _text("Request that it answers"),
            "http_status": OpsColumn("bigint", "Status of Loop's last answer"),
            "answer_code": _text("Loop's answer in one word or number"),
            "evidence": OpsColumn("json", "What was read back"),
            "updated_at": OpsColumn(_TIME, "Last change, UTC"),
        },
    ),
    "action_events": OpsTable(
        "One row per change of an action, append-only and hash-chained, mirrored from the ledger",
        {
            "seq": OpsColumn("bigint", "Place in the chain"),
            "at": OpsColumn(_TIME, "When, UTC"),
            "run_id": _text("Run that wrote it"),
            "actor": _text("Who: a person, or the engine"),
            "action_key": _text("Action that changed"),
            "from_state": _text("State before"),
            "to_state": _text("State after"),
            "reason": _text("Why"),
            "evidence": OpsColumn("json", "What was seen"),
            "prev_hash": _text("Hash of the event before"),
            "hash": _text("Hash of this event and the one before"),
        },
    ),
    "decisions": OpsTable(
        "One row per decision of a person about a request, mirrored from the ledger",
        {
            "flagged_item_id": _text("Request decided on"),
            "decision": _text("approve, reject or snooze"),
            "decided_by": _text("Who"),
            "decided_at": OpsColumn(_TIME, "When, UTC"),
            "evidence_hash": _text("Facts that were decided on"),
            "plan_digest": _text("Plan that was approved; null: a decision on the row alone"),
            "note": _text("What was said"),
            "until": OpsColumn(_TIME, "End of a snooze, UTC"),
        },
    ),
    "exemptions": OpsTable(
        "One row per line of the merchant's list of exemptions, read anew by each build",
        {
            "scope": _text("return, order, customer or sku"),
            "key": _text("Its id as staging has it; a customer is the HMAC of the e-mail"),
            "rule_id": _text("Rule that leaves it alone; *: every rule"),
            "until": OpsColumn("date", "Last day, UTC; null: no end"),
            "reason": _text("Why"),
            "who": _text("Who said so"),
        },
    ),
    "accepted_breaks": OpsTable(
        "One row per word of a person that a break is known and left, or no longer is; append-only",
        {
            "seq": OpsColumn("bigint", "Place in the table; of a break the last word counts", "not null"),
            "break_key": _text("Break, as marts.open_breaks names it", "not null"),
            "return_id": _text("Return that it is about; null for an orphan"),
            "reason": _text("Why, in words", "not null"),
            "said_by": _text("Who said so", "not null"),
            "said_at": OpsColumn(_TIME, "When, UTC", "not null"),
            "until": OpsColumn("date", "Last day, UTC; null: an acceptance is taken back"),
            "amount": OpsColumn(_MONEY, "Amount of the break then; another one ends it"),
            "currency": _text("Its currency"),
        },
    ),
}


def ensure(connection: Connection) -> None:
    """Make the tables that are not there yet; what is in them stays."""
    connection.execute(f"create schema if not exists {SCHEMA}")
    for table, (_, columns) in TABLES.items():
        typed = ", ".join(f'"{name}" {column.type} {column.extra}' for name, column in columns.items())
        connection.execute(f"create table if not exists {SCHEMA}.{table} ({typed})")
