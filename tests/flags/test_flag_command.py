"""`loop-returns flag`, as a person types it: one, many, wrong ones, hostile ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import END, KEY, Shop
from loop_returns.errors import UsageError
from loop_returns.hand_flags import LONGEST_REASON, ask
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.world import build_world
from support.errors import words_of

OpenShop = Callable[..., Any]
ROW = "return_id, action, reason, requested_by, requested_at, amount, currency"
ROW += ", expected_state, expected_outcome"
RULED = "select return_id, rule_id, requested_at from ops.flagged_items where rule_id is not null order by 1"
EMPTY = "select count(*) from ops.flagged_items where rule_id is null"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with one rule switched on; each test takes returns of its own."""
    with ExitStack() as stack:
        world = build_world(seed=7, returns=150, days=90, end=END)
        simulator = stack.enter_context(Simulator(world, api_key=KEY))
        made = Shop(tmp_path_factory.mktemp("flags"), simulator.base_url)
        made.env["LOOP_RETURNS_USER"] = "ana"
        (made.folder / "loop.toml").write_text('[rule.R04_bad_grade]\nmode = "on"\n')
        said = made.loop("run").stdout
        bad = sorted(world.planted["recon_receipt.bad_grade"])
        assert bad
        count = len(bad)
        assert re.search(rf"picks in shadow, {count} of rules that are on; {count} open requests\n", said)
        assert made.rows(RULED, published=True) == [(return_id, "R04_bad_grade", END) for return_id in bad]
        yield made


def some_return(shop: Shop, place: int) -> tuple[Any, ...]:
    sql = "select return_id, state, outcome, currency, refund + gift_card + exchange_credit_total"
    return shop.rows(f"{sql} from staging.stg_returns where currency = 'USD' order by 1")[place]


def requests(shop: Shop, return_id: str, *, published: bool = True) -> list[tuple[Any, ...]]:
    where = f"where return_id = '{return_id}' and rule_id is null order by requested_at, reason"
    return shop.rows(f"select {ROW} from ops.flagged_items {where}", published=published)


def test_one_request_is_completed_from_the_tables_and_published(shop: Shop) -> None:
    return_id, state, outcome, currency, amount = some_return(shop, 0)

    said = shop.loop("flag", return_id, "--action", "flag", "--reason", " box  was\nempty ").stdout

    assert said == "1 requested\n"
    assert requests(shop, return_id) == [
        (return_id, "flag", "box was empty", "ana", END, amount, currency, state, outcome)
    ]


def test_what_is_said_goes_before_what_the_tables_say(shop: Shop) -> None:
    return_id = some_return(shop, 1)[0]
    flags = ("--by", "ben", "--amount", "12.50", "--currency", "USD", "--until", "2026-12-01")

    found = shop.json("flag", return_id, "--action", "process", "--reason", "agreed", *flags)

    (row,) = requests(shop, return_id)
    assert (row[1], row[3], str(row[5]), row[6]) == ("process", "ben", "12.5000", "USD")
    sql = (
        f"select valid_until::date::text from ops.flagged_items where flagged_item_id = '{found['added'][0]}'"
    )
    assert shop.rows(sql) == [("2026-12-01",)]


def test_of_a_file_each_bad_line_is_named_and_the_others_go_on(shop: Shop) -> None:
    first, second = (some_return(shop, place)[0] for place in (2, 3))
    file = shop.folder / "many.csv"
    file.write_text(
        "return_id,action,reason,by,amount,currency,until\n"
        f"{first},flag,seal broken,cleo,,,\n"
        f"{first},pay,x,,,,\n"
        "999999999999,flag,x,,,,\n"
        f"{second},flag,,,,,\n"
        f"{second},flag,x,,-1,USD,\n"
        f"{second},flag,x,,1,EUR,\n"
        f"{second},flag,x,,,,2020-01-01\n"
        f'"{second}","flag","a reason\nof two lines",,,,\n'
        f"{second},flag,x,,,,,more\n"
        f"{second},cancel,last\n"
    )

    done = shop.loop("flag", "--from-file", "many.csv", "--json", exit_code=2)

    found = json.loads(done.stdout)
    assert len(found["added"]) == 3
    assert [(one["line"], one["error"].split("'")[0].strip()) for one in found["refused"]] == [
        (3, "the action"),
        (4, "the return 999999999999 is not in the tables"),
        (5, "reason is empty"),
        (6, "the amount"),
        (7, f"the return {second} is in USD, not in EUR"),
        (8, "until has passed already"),
        (11, "it has more values than the first line has names"),
    ]
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        f"line {number}" for number in (3, 4, 5, 6, 7, 8, 11)
    ]
    assert [row[2:4] for row in requests(shop, first)] == [("seal broken", "cleo")]
    assert [row[1:4] for row in requests(shop, second)] == [
        ("flag", "a reason of two lines", "ana"),
        ("cancel", "last", "ana"),
    ]


def test_a_file_that_is_given_again_asks_for_nothing_twice(shop: Shop) -> None:
    return_id = some_return(shop, 4)[0]
    file = shop.folder / "again.csv"
    file.write_text(f"return_id,action,reason\n{return_id},flag,torn\n{return_id},flag,torn\n")

    first = shop.loop("flag", "--from-file", "again.csv").stdout
    before = shop.published.stat().st_mtime_ns
    second = shop.loop("flag", "--from-file", "again.csv").stdout

    assert (first, second) == ("1 requested, 1 requested before\n", "0 requested, 2 requested before\n")
    assert shop.published.stat().st_mtime_ns == before
    assert len(requests(shop, return_id)) == 1


def test_hostile_text_is_only_text(shop: Shop) -> None:
    return_id = some_return(shop, 5)[0]
    hostile = "x'); drop table ops.flagged_items; --\x1b[2J \u202egpj.exe"

    shop.loop("flag", return_id, "--action", "flag", "--reason", hostile, "--by", "o'neil; select 1")

    ((*_, reason, by),) = [row[:4] for row in requests(shop, return_id)]
    assert reason == "x'); drop table ops.flagged_items; --[2J gpj.exe"
    assert by == "o'neil; select 1"


def test_a_row_that_is_inserted_by_hand_in_sql_is_a_request_like_any_other(shop: Shop) -> None:
    return_id, other = (some_return(shop, place)[0] for place in (6, 7))
    with duckdb.connect(str(shop.work_file)) as database:
        database.execute(
            "insert into ops.flagged_items (return_id, action, reason, requested_by)"
            f" values ('{return_id}', 'flag', 'typed', 'dan')"
        )
    before = requests(shop, return_id, published=False)

    shop.loop("flag", other, "--action", "flag", "--reason", "x")

    assert requests(shop, return_id) == before
    assert before[0][:4] == (return_id, "flag", "typed", "dan")


def test_a_request_that_cannot_be_is_refused_in_words(shop: Shop) -> None:
    before = shop.rows(EMPTY)

    said = words_of(shop.loop("flag", "1", "--action", "flag", "--reason", "x", exit_code=2).stderr)
    both = words_of(shop.loop("flag", "1", "--from-file", "x.csv", exit_code=2).stderr)
    none = words_of(shop.loop("flag", "--from-file", "none.csv", exit_code=2).stderr)

    assert said["error"] == "the return 1 is not in the tables"
    assert said["hint"] == "if it is new at Loop, `loop-returns run` reads it"
    assert both["error"] == "--from-file takes the requests from the file alone"
    assert none["error"] == "none.csv cannot be read"
    assert shop.rows(EMPTY) == before


def test_given_nothing_built_when_flagged_then_it_says_what_to_do(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "http://127.0.0.1:9/api/v1")

    said = words_of(shop.loop("flag", "1", "--action", "flag", "--reason", "x", exit_code=1).stderr)

    assert said == {"error": "nothing is built yet", "hint": "run `loop-returns run` first"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"return_id": ""}, "return_id is empty"),
        ({"return_id": "12a"}, "is not a number"),
        ({"return_id": "١٢"}, "is not a number"),
        ({"return_id": "9" * 19}, "is not a number"),
        ({"action": "FLAG"}, "is unknown"),
        ({"reason": "\x07\u200b"}, "reason is empty"),
        ({"reason": "x" * (LONGEST_REASON + 1)}, "longer than 200"),
        ({"by": "x" * 101}, "longer than 100"),
        ({"amount": "twelve"}, "no sum of money"),
        ({"amount": "NaN"}, "no sum of money"),
        ({"amount": "Infinity"}, "no sum of money"),
        ({"amount": "1e99"}, "no sum of money"),
        ({"amount": "0.00001"}, "no sum of money"),
        ({"currency": "usd"}, "not a code"),
        ({"until": "soon"}, "until is not a date"),
    ],
)
def test_words_that_cannot_be_are_refused(values: dict[str, str], said: str) -> None:
    plain = {"return_id": "1", "action": "flag", "reason": "x"}

    with pytest.raises(UsageError, match=said):
        ask(plain | values, "ana", END)


@pytest.mark.parametrize(
    "header",
    ["return_id,action", "return_id,action,reason,sum", "return_id,action,reason,reason", "\x00", ""],
)
def test_a_file_of_another_kind_is_refused_whole(tmp_path: Path, header: str) -> None:
    from loop_returns.hand_flags import read

    file = tmp_path / "odd.csv"
    file.write_text(f"{header}\n1,flag,x\n")

    with pytest.raises(UsageError, match=r"odd\.csv"):
        list(read(file, "ana", END))
