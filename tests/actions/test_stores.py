"""The database under a ledger: older files, rights in Postgres, credentials that stay secret."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from actions.ledgers import NOON, approved, entry, request
from actions.stores import Stores, in_file
from loop_returns.actions.postgres_store import PostgresStore, has_ledger
from loop_returns.actions.sql_ledger import MOVED, SqlLedger
from loop_returns.errors import LoopReturnsError, UsageError
from support.postgres import GUARDED, PASSWORD, Server, opened

DOCS = Path(__file__).parents[2] / "docs" / "actions.md"


def test_a_file_of_the_version_before_is_taken_on(tmp_path: Path) -> None:
    old = in_file(tmp_path / "ledger.sqlite")
    (action,) = approved(old, request())
    old.store.change("drop table printed")
    old.store.change("pragma user_version = 1")
    old.close()

    new = in_file(tmp_path / "ledger.sqlite")

    new.keep_plan("d1", "{}", NOON)
    assert (new.kept_plans("d1"), new.actions()) == (["{}"], [action])


def test_a_printed_plan_is_kept_for_a_month_and_found_by_its_first_digits(stores: Stores) -> None:
    ledger = stores.open()
    ledger.keep_plan("abc1", "one", NOON)
    ledger.keep_plan("abd2", "two", NOON)
    ledger.keep_plan("abc1", "one again", NOON + timedelta(days=29))

    assert (ledger.kept_plans("ab"), ledger.kept_plans("abc")) == (["one again", "two"], ["one again"])
    ledger.keep_plan("e", "three", NOON + timedelta(days=31))
    assert ledger.kept_plans("ab") == ["one again"]
    ledger.close()


@pytest.mark.parametrize("stores", ["postgres"], indirect=True)
def test_the_lease_is_held_by_one(stores: Stores) -> None:
    one, other = stores.open(), stores.open()

    with one.lease() as first, other.lease() as second:
        assert (first, second) == (True, False)
    with other.lease() as again:
        assert again
    one.close()
    other.close()


@pytest.mark.parametrize("stores", ["postgres"], indirect=True)
def test_a_ledger_on_another_server_or_timeline_sends_nothing_until_a_person_says_so(stores: Stores) -> None:
    ledger = stores.open()
    (action,) = approved(ledger, request())
    before, _, timeline = ledger.store.origin.partition("/")
    assert (before.isdigit(), timeline) == (True, "00000001")
    ledger.store.change("update control set value = ? where name = 'origin'", (f"{before}/00000000",))

    held = ledger.claim(action, entry(), lambda used: None)
    assert (held.action, held.held) == (None, MOVED)
    ledger.set_stop(None, entry("compared with the admin"))
    assert ledger.claim(action, entry(), lambda used: None).action is not None
    assert [event.to_state for event in ledger.events()] == ["APPROVED", "RUNNING", "INTENT"]
    ledger.close()


def test_the_rights_that_the_docs_give_are_enough_and_not_too_many(
    postgres_server: Server, postgres_database: str
) -> None:
    (grants,) = re.findall(r"```sql\n(-- the owner.*?)```", DOCS.read_text(), re.DOTALL)
    assert not has_ledger(postgres_database)
    PostgresStore(postgres_database).close()
    with opened(postgres_database) as cursor:
        cursor.execute("create role loop_actions login; create role analyst login")
        cursor.execute(grants)

    ledger = SqlLedger(PostgresStore(postgres_database.replace("//postgres@", "//loop_actions@")))
    (action,) = approved(ledger, request())
    ledger.keep_plan("d", "{}", NOON)
    ledger.keep_plan("d", "{}", NOON + timedelta(days=31))
    ledger.hold_off(NOON)
    assert ledger.store.origin
    assert ledger.claim(action, entry(), lambda used: None).action is not None
    assert len(list(ledger.events())) == 2
    for forbidden in (
        "update events set reason = 'x'",
        "delete from events",
        "truncate events",
        "drop trigger events_stay on events",
        "delete from actions",
        "update decisions set decided_by = 'x'",
        "update plans set settings = 'x'",
    ):
        with pytest.raises(LoopReturnsError, match="cannot be used"):
            ledger.store.change(forbidden)
    with opened(postgres_database.replace("//postgres@", "//analyst@")) as cursor:
        cursor.execute("select has_schema_privilege('ledger', 'usage')")
        assert cursor.fetchall() == [(False,)]
    ledger.close()


def test_no_message_has_the_password(postgres_server: Server) -> None:
    wrong = postgres_server.uri(user=GUARDED, password=PASSWORD + "x")
    unreadable = f"postgresql://ann:{PASSWORD}"
    said = []
    for dsn in (wrong, unreadable, "postgresql://ann:hunter2@127.0.0.1:9/x"):
        with pytest.raises(LoopReturnsError) as refused:
            PostgresStore(dsn)
        said.append(f"{refused.value.message} {refused.value.cause} {refused.value.hint}")
        assert refused.value.__cause__ is None or PASSWORD not in str(refused.value.__cause__)

    assert "the action ledger cannot be used" in said[0]
    with pytest.raises(UsageError):
        PostgresStore(unreadable)
    assert "password" in said[0]
    assert not any(secret in " ".join(said) for secret in (PASSWORD, "hunter2"))
