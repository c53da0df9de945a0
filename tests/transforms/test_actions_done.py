"""What the ledger says was done, as marts: classes that add up, breaks, and the rules' scorecard."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.transforms.shop import NOW, WINDOWS, a_line, a_return, query, raw

from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.marts import build
from loop_returns.warehouse.place import Place

HOURS = timedelta(hours=1)
HISTORIES: dict[str, tuple[str, list[str], str]] = {
    "confirmed": ("process", ["APPROVED", "INTENT", "ACCEPTED", "CONFIRMED"], "closed"),
    "contradicted": ("cancel", ["APPROVED", "INTENT", "ACCEPTED", "CONFIRMED"], "open"),
    "conflict": ("process", ["APPROVED", "INTENT", "IN_DOUBT", "CONFLICT"], "cancelled"),
    "tried-again": (
        "process",
        ["APPROVED", "INTENT", "APPROVED", "INTENT", "ACCEPTED", "CONFIRMED"],
        "closed",
    ),
    "unconfirmed": ("process", ["APPROVED", "INTENT", "ACCEPTED"], "open"),
    "diverted": ("process", ["APPROVED", "INTENT", "ACCEPTED", "PARKED"], "review"),
    "unknown": ("process", ["APPROVED", "INTENT", "IN_DOUBT"], "open"),
    "parked": ("flag", ["APPROVED", "INTENT", "IN_DOUBT", "PARKED"], "open"),
    "refused": ("flag", ["APPROVED", "INTENT", "REJECTED"], "open"),
    "drift": ("process", ["APPROVED", "STALE"], "open"),
    "already": ("cancel", ["APPROVED", "ALREADY"], "cancelled"),
    "waiting": ("flag", ["APPROVED"], "open"),
    "expired": ("flag", ["PLANNED", "EXPIRED"], "open"),
}
EXPECTED = {
    ("confirmed", 1, "confirmed", None),
    ("contradicted", 1, "contradicted", 2),
    ("conflict", 1, "contradicted", 2),
    ("tried-again", 1, "not_sent", None),
    ("tried-again", 2, "confirmed", None),
    ("unconfirmed", 1, "unconfirmed", 3),
    ("diverted", 1, "diverted", 3),
    ("unknown", 1, "unknown", 3),
    ("parked", 1, "unknown", 3),
    ("refused", 1, "refused", None),
    ("drift", 0, "drift", None),
    ("already", 0, "drift", None),
    ("waiting", 0, "waiting", None),
    ("expired", 0, "expired", None),
}


def done(file: Path) -> None:
    """The ledger's mirror, hours before the present, and before the returns were read last."""
    with duckdb.connect(str(file)) as database:
        database.execute("set timezone = 'UTC'")
        ops_tables.ensure(database)
        seq = 0
        for key, (action, states, seen) in HISTORIES.items():
            evidence = f'{{"state": "{seen}"}}'
            item = f"R02_delivered_open_process:{key}"
            _insert(
                database,
                "flagged_items",
                flagged_item_id=item,
                return_id=key,
                action=action,
                reason="x",
                requested_by="rule",
                rule_id="R02_delivered_open_process",
                requested_at=NOW - 9 * HOURS,
                amount=10,
                currency="USD",
            )
            _insert(
                database,
                "decisions",
                flagged_item_id=item,
                decision="approve",
                decided_at=NOW - 8 * HOURS,
            )
            for state in states:
                seq += 1
                at = NOW - 5 * HOURS + seq * timedelta(seconds=1)
                _insert(
                    database,
                    "action_events",
                    seq=seq,
                    at=at,
                    action_key=key,
                    to_state=state,
                    evidence=evidence,
                )
            _insert(
                database,
                "actions",
                action_key=key,
                return_id=key,
                action=action,
                state=states[-1],
                flagged_item_id=item,
                amount=10,
                currency="USD",
                updated_at=at,
            )


def _insert(database: duckdb.DuckDBPyConnection, table: str, **values: Any) -> None:
    names, places = ", ".join(f'"{name}"' for name in values), ", ".join("?" * len(values))
    database.execute(f"insert into ops.{table} ({names}) values ({places})", [*values.values()])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    returns = [a_return(key, state=seen) for key, (_, _, seen) in HISTORIES.items()]
    lines = [a_line(key) for key in HISTORIES]
    rows = {"returns": returns, "returns__line_items": lines, "windows": WINDOWS}
    file = raw(tmp_path_factory.mktemp("done") / "shop.duckdb", rows)
    done(file)
    build(Place(file), as_of=NOW)
    return file


def test_each_attempt_gets_the_class_that_its_history_says(built: Path) -> None:
    found = query(built, "select action_key, attempt, match_class, severity from marts.action_outcome")

    assert set(found) == EXPECTED
    assert len(found) == len(EXPECTED)


def test_what_is_not_sure_or_wrong_is_a_break_and_all_of_it_adds_up(built: Path) -> None:
    breaks = query(built, "select return_id from marts.open_breaks where recon = 'action_outcome'")
    control = (
        "select sum(row_count), max(abs(residual_rows)), max(abs(residual_amount)) from marts.run_control"
    )

    assert {row[0] for row in breaks} == {key for key, _, _, severity in EXPECTED if severity}
    assert query(built, f"{control} where mart = 'action_outcome'") == [(len(EXPECTED), 0, 0)]


def test_the_scorecard_counts_each_request_once(built: Path) -> None:
    counts = "requested, decided, approved, confirmed, refused, contradicted, drifted, unsettled, amount"

    assert query(built, f"select rule_id, {counts}, minutes_to_decision from marts.rule_scorecard") == [
        ("R02_delivered_open_process", 13, 13, 13, 2, 1, 2, 2, 4, 130, 60)
    ]
