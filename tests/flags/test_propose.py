"""What becomes of the rules' requests over histories of picks, decisions and actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop_returns.flags import Proposed, propose_in
from loop_returns.warehouse import ops_tables
from loop_returns.warehouse.place import Connection, Place

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
ITEM = "R04_bad_grade:1"
WITHDRAW = "update ops.flagged_items set status = 'withdrawn'"
HAND = ("hand", "1", "flag", "box was empty", "ana", "open")


class Pick(NamedTuple):
    """A row of marts.flag_candidates; its facts are one letter."""

    facts: str = "a"
    return_id: str = "1"
    mode: str = "on"
    is_exempt: bool = False
    action: str = "flag"
    rule_id: str = "R04_bad_grade"


Opened = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture(params=["duckdb", "postgres"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Opens empty tables of either destination, as often as it is called."""
    dsn = "" if request.param == "duckdb" else request.getfixturevalue("postgres_database")
    return lambda: opened_at(Place(Path(":memory:"), dsn))


@contextmanager
def opened_at(place: Place) -> Iterator[Connection]:
    with place.opened() as database:
        for schema in ("ops", "marts"):
            database.execute(f"drop schema if exists {schema} cascade")
        ops_tables.ensure(database)
        database.execute("""
            create schema marts;
            create table marts.data_quality (check_id text, result text);
            create table marts.flag_candidates (rule_id text, return_id text, mode text, action text,
                reason text, amount_at_stake decimal(18, 4), currency text, evidence text, evidence_hash text,
                expect_state text, expect_outcome text, is_exempt boolean);
        """)
        database.execute(
            "insert into ops.flagged_items"
            " (flagged_item_id, return_id, action, reason, requested_by, requested_at)"
            " values ('hand', '1', 'flag', 'box was empty', 'ana', ?)",
            [START],
        )
        yield database


def pick(database: Connection, *picks: Pick) -> None:
    database.execute("delete from marts.flag_candidates")
    for one in picks:
        database.execute(
            "insert into marts.flag_candidates values (?, ?, ?, ?, ?, 10, 'USD', ?, ?, 'open', 'refund', ?)",
            [
                one.rule_id,
                one.return_id,
                one.mode,
                one.action,
                f"because {one.facts}",
                f'{{"facts": "{one.facts}"}}',
                hash_of(one),
                one.is_exempt,
            ],
        )


def hash_of(one: Pick) -> str:
    return f"{one.rule_id}/{one.return_id}/{one.facts}"


def decide(database: Connection, decision: str, evidence_hash: str, at: datetime) -> None:
    database.execute(
        "insert into ops.decisions (flagged_item_id, decision, decided_by, decided_at, evidence_hash)"
        " values (?, ?, 'ben', ?, ?)",
        [ITEM, decision, at, evidence_hash],
    )


def table(database: Connection) -> list[tuple[Any, ...]]:
    return database.execute("select * from ops.flagged_items order by flagged_item_id").fetchall()


def item(database: Connection) -> tuple[Any, ...] | None:
    sql = "select status, evidence_hash, requested_at, reason, evidence ->> '$.facts' from ops.flagged_items"
    return database.execute(f"{sql} where flagged_item_id = '{ITEM}'").fetchone()


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def test_a_new_pick_becomes_a_request_with_its_facts(opened: Opened) -> None:
    with opened() as database:
        pick(database, Pick())

        assert propose_in(database, at(1)) == Proposed(new=1)

        assert database.execute(
            "select flagged_item_id, return_id, action, reason, rule_id, requested_by, amount, currency,"
            " expected_state, expected_outcome, evidence, evidence_hash, valid_until, status"
            " from ops.flagged_items where rule_id is not null"
        ).fetchall() == [
            (
                ITEM, "1", "flag", "because a", "R04_bad_grade", "rule R04_bad_grade", 10, "USD", "open",
                "refund", '{"facts": "a"}', "R04_bad_grade/1/a", None, "open",
            )
        ]  # fmt: skip


@pytest.mark.parametrize(
    "one", [Pick(mode="shadow"), Pick(is_exempt=True), Pick(action="none")], ids=["shadow", "exempt", "task"]
)
def test_what_is_in_shadow_exempt_or_a_task_is_never_requested(one: Pick, opened: Opened) -> None:
    with opened() as database:
        pick(database, one)

        assert propose_in(database, at(1)) == Proposed()
        assert item(database) is None


def test_given_a_blocking_check_when_proposed_then_nothing_changes(opened: Opened) -> None:
    with opened() as database:
        pick(database, Pick())
        database.execute("insert into marts.data_quality values ('freshness', 'block')")

        assert propose_in(database, at(1), ["coverage_hole", "freshness"]) == Proposed(blocked=("freshness",))
        assert item(database) is None
        assert propose_in(database, at(1), ["coverage_hole"]) == Proposed(new=1)


def test_given_a_rule_switched_off_when_proposed_then_its_request_is_cleared(opened: Opened) -> None:
    with opened() as database:
        pick(database, Pick())
        propose_in(database, at(1))
        pick(database, Pick(mode="shadow"))

        assert propose_in(database, at(2)) == Proposed(cleared=1)


def test_given_a_release_that_was_taken_back_when_proposed_then_it_is_asked_again(opened: Opened) -> None:
    with opened() as database:
        pick(database, Pick())
        decide(database, "reject", hash_of(Pick()), at(0))
        assert propose_in(database, at(1)) == Proposed()
        decide(database, "approve", hash_of(Pick()), at(2))

        assert propose_in(database, at(3)) == Proposed(new=1)


@pytest.mark.parametrize("state", ["CONFIRMED", "ALREADY"])
def test_given_a_confirmed_action_when_proposed_then_the_request_is_done_until_the_facts_change(
    state: str, opened: Opened
) -> None:
    with opened() as database:
        pick(database, Pick())
        propose_in(database, at(1))
        database.execute(
            "insert into ops.actions (action_key, flagged_item_id, state, updated_at) values ('k', ?, ?, ?)",
            [ITEM, state, at(2)],
        )

        assert propose_in(database, at(3)) == Proposed(done=1)
        pick(database)
        assert propose_in(database, at(4)) == Proposed()
        pick(database, Pick("b"))
        assert propose_in(database, at(5)) == Proposed(changed=1)
        assert item(database) == ("open", "R04_bad_grade/1/b", at(5), "because b", "b")
        assert propose_in(database, at(6)) == Proposed()


def test_given_a_row_by_hand_in_the_name_of_a_rule_when_proposed_then_it_is_left_alone(
    opened: Opened,
) -> None:
    with opened() as database:
        database.execute(
            "insert into ops.flagged_items (return_id, action, reason, requested_by, rule_id)"
            " values ('9', 'flag', 'as R04 would', 'ana', 'R04_bad_grade')"
        )
        before = table(database)

        assert propose_in(database, at(1)) == Proposed()
        assert table(database) == before


def test_given_ten_thousand_picks_when_proposed_then_it_takes_seconds(opened: Opened) -> None:
    with opened() as database:
        database.execute(
            "insert into marts.flag_candidates"
            " select 'R04_bad_grade', n::text, 'on', 'flag', 'x', 10, 'USD', '{}',"
            " 'h' || n, 'open', 'refund', false from generate_series(1, 10000) as t(n)"
        )

        assert propose_in(database, at(1)).new == 10_000
        assert propose_in(database, at(2)) == Proposed()


FACTS = st.sampled_from([None, "a", "b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), FACTS, FACTS),
        st.tuples(st.just("reject"), st.just(None), st.just(None)),
        st.tuples(st.just("withdraw"), st.just(None), st.just(None)),
    ),
    max_size=12,
)


class Model:
    """What must be of one return's request, told in the plainest way."""

    def __init__(self, return_id: str) -> None:
        self.return_id = return_id
        self.row: dict[str, Any] | None = None
        self.released: set[str] = set()

    def run(self, facts: str | None, now: datetime) -> None:
        row, wanted = self.row, facts if facts not in self.released else None
        if row and row["status"] == "open" and row["facts"] in self.released:
            row["status"] = "withdrawn"
        if wanted is None:
            if row and row["status"] == "open":
                row["status"] = "cleared"
        elif row is None or row["facts"] != wanted or row["status"] == "cleared":
            self.row = {"status": "open", "facts": wanted, "asked": now}

    @property
    def expected(self) -> tuple[Any, ...] | None:
        if self.row is None:
            return None
        hashed = hash_of(Pick(self.row["facts"], self.return_id))
        return (self.row["status"], hashed, self.row["asked"])


def told(database: Connection, return_id: str) -> tuple[Any, ...] | None:
    return database.execute(
        "select status, evidence_hash, requested_at from ops.flagged_items where flagged_item_id = ?",
        [f"R04_bad_grade:{return_id}"],
    ).fetchone()


@settings(max_examples=40)
@given(STEPS)
def test_over_any_history_the_request_follows_the_facts_and_the_person(steps: list[tuple[Any, ...]]) -> None:
    """Picked, changed, vanished, back again, rejected, withdrawn; a neighbour must not matter."""
    first, second = Model("1"), Model("2")
    with opened_at(Place(Path(":memory:"))) as database:
        for hours, (kind, facts, others) in enumerate(steps):
            if kind == "run":
                picks = [(first, facts), (second, others)]
                pick(database, *(Pick(letter, model.return_id) for model, letter in picks if letter))
                propose_in(database, at(hours))
                for model, letter in picks:
                    model.run(letter, at(hours))
                once = table(database)
                assert propose_in(database, at(hours + 1)) == Proposed()
                assert table(database) == once
            elif first.row and kind == "reject":
                decide(database, "reject", hash_of(Pick(first.row["facts"])), at(hours))
                first.released.add(first.row["facts"])
            elif first.row and kind == "withdraw":
                database.execute(
                    f"update ops.flagged_items set status = 'withdrawn' where flagged_item_id = '{ITEM}'"
                )
                first.row["status"] = "withdrawn"

            assert told(database, "1") == first.expected
            assert told(database, "2") == second.expected
            (by_hand,) = [row for row in table(database) if row[0] == "hand"]
            assert (*by_hand[:4], by_hand[5], by_hand[-1]) == HAND
