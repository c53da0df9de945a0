"""From a rule that is switched on to the record: picked, asked for, rejected or carried out, remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import END
from loop_returns.simulator.world import build_world
from support.errors import words_of

OpenShop = Callable[..., Any]
SETTINGS = """[rules]
exemptions = "lists/known.csv"

[rule.R04_bad_grade]
mode = "on"

[actions]
enabled = true
max_share_open = 1
"""
ITEMS = "select return_id, status from ops.flagged_items order by 1"
PICKS = "select return_id, exemption from marts.flag_candidates where rule_id = 'R04_bad_grade' order by 1"


def test_from_a_rule_to_the_record(open_shop: OpenShop) -> None:
    shop, simulator = open_shop(build_world(seed=7, returns=250, days=120, end=END))
    simulator.action_api_key = "acting-key"
    key = {"SOURCES__LOOP_RETURNS__ACTION_API_KEY": "acting-key"}
    released, exempt, *acted = sorted(simulator.world.planted["recon_receipt.bad_grade"])
    assert acted
    (shop.folder / "loop.toml").write_text(SETTINGS)
    (shop.folder / "lists").mkdir()
    known = shop.folder / "lists" / "known.csv"
    known.write_text(f"scope,key,rule_id,until,reason,who\nreturn,{exempt},*,,known,ops\n")

    shop.loop("run")
    assert shop.rows(PICKS, published=True) == [
        (released, None),
        (exempt, "known"),
        *((each, None) for each in acted),
    ]
    assert shop.rows(ITEMS, published=True) == [(each, "open") for each in [released, *acted]]

    shop.loop("reject", f"R04_bad_grade:{released}", "--reason", "seen, fine", "--by", "bob")
    plan = shop.json("plan")
    assert [row["return_id"] for row in plan["rows"]] == acted
    shop.loop("approve", plan["digest"], "--by", "bob")
    shop.loop("apply", plan["digest"], "--execute", **key)
    assert simulator.actions.effects == {(each, "flag"): 1 for each in acted}

    assert "0 open requests" in shop.loop("build").stdout
    assert shop.rows(ITEMS, published=True) == [(released, "withdrawn"), *((each, "done") for each in acted)]
    outcomes = shop.rows("select return_id, match_class, rule_id from marts.action_outcome", published=True)
    assert sorted(outcomes) == [(each, "confirmed", "R04_bad_grade") for each in acted]
    scores = "select sum(decided), sum(approved), sum(confirmed), max(reject_notes) from marts.rule_scorecard"
    assert shop.rows(scores, published=True) == [(1 + len(acted), len(acted), len(acted), "1 seen, fine")]

    known.unlink()
    said = words_of(shop.loop("build", exit_code=2).stderr)
    assert said["error"] == "the exemptions of the rules cannot be read from known.csv"
