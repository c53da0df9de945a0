"""Each rule: the return that it must pick, the near misses that it must not, and the one that is exempt."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.transforms.rule_cases import (
    EXEMPT,
    EXEMPTIONS,
    PICKED,
    exempt,
    shop,
)
from tests.transforms.shop import NOW, query, raw

from loop_returns.errors import UsageError
from loop_returns.warehouse import rule_settings
from loop_returns.warehouse.mart_project import transforms_dir
from loop_returns.warehouse.marts import build
from loop_returns.warehouse.place import Place

RULES = transforms_dir() / "models" / "rules"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = raw(tmp_path_factory.mktemp("rules") / "shop.duckdb", shop())
    exempt(file, EXEMPTIONS)
    build(Place(file), as_of=NOW)
    return file


@pytest.mark.parametrize("rule_id", rule_settings.rule_ids())
def test_rule_picks_its_cases_and_no_other_return(built: Path, rule_id: str) -> None:
    found: dict[bool, set[str]] = {False: set(), True: set()}
    sql = f"select is_exempt, return_id from marts.flag_candidates where rule_id = '{rule_id}'"

    for is_exempt, return_id in query(built, sql):
        found[is_exempt].add(return_id)

    # Without exports of other systems the rules that need them pick nothing (tests/marts/test_elsewhere.py).
    assert found == {False: PICKED.get(rule_id, set()), True: EXEMPT.get(rule_id, set())}


def test_evidence_is_an_object_of_stable_facts(built: Path) -> None:
    sql = "select evidence, reason, mode, action, priority from marts.flag_candidates where return_id = "

    ((evidence, reason, mode, action, priority),) = query(built, sql + "'r02'")

    assert json.loads(evidence) == {"delivered_at": "2026-03-04T12:00:00Z", "units": 1}
    assert reason == "delivered 2026-03-04, still open, and due on delivery"
    assert (mode, action, priority) == ("shadow", "process", 33)
    assert query(built, "select max(length(reason)) <= 200 from marts.flag_candidates") == [(True,)]


def hashes(file: Path) -> dict[tuple[str, str], str]:
    sql = "select rule_id, return_id, evidence_hash from marts.flag_candidates"
    return {(rule, name): value for rule, name, value in query(file, sql)}


def test_given_another_day_when_built_then_only_other_facts_have_another_hash(
    built: Path, tmp_path: Path
) -> None:
    rows = shop()
    changed = {"r02": {"refund": "9.00"}, "r04": {"outcome": "credit"}, "r07": {"state": "closed"}}
    rows["returns"] = [row | changed.get(row["id"], {}) for row in rows["returns"]]
    file = raw(tmp_path / "later.duckdb", rows)

    build(Place(file), as_of=NOW + timedelta(hours=1))

    before, after = hashes(built), hashes(file)
    assert {key[1] for key in before if before[key] != after.get(key)} == {"r02", "r04", "r07"}
    assert len(set(before.values())) == len(before)


def test_given_modes_thresholds_and_policy_when_built_then_they_hold(tmp_path: Path) -> None:
    file = raw(tmp_path / "set.duckdb", shop())
    settings = {
        "rule": {
            "R04_bad_grade": {"mode": "off"},
            "R15_stalled": {"mode": "on", "min_days": 13},
            "R17_keep_item_waiting": {"max_amount": {"EUR": 50}},
        },
        "policy": {"processing_event": {"refund": "in_transit"}},
    }

    build(Place(file), as_of=NOW, settings=settings)

    stalled = {"r15", "r15-review", "r15-rolls", "r15-exempt"}
    found = set(query(file, "select rule_id[:3], return_id, mode from marts.flag_candidates"))
    assert {row for row in found if row[0] == "R15"} == {("R15", name, "on") for name in stalled}
    assert {row[0] for row in found} == {"R07", "R08", "R09", "R10", "R12", "R13", "R15", "R16"}
    assert query(file, "select count(*) from rules.r04_bad_grade") == [(5,)]


def test_a_version_names_the_thresholds_and_not_the_mode() -> None:
    def version(**values: Any) -> object:
        return rule_settings.variables({"rule": {"R15_stalled": values}}, RULES)["rule_r15_version"]

    assert version() == version(mode="on") == version(min_days=14)
    assert version() != version(min_days=15)


@pytest.mark.parametrize(
    "settings",
    [
        {"rule": {"R15_stalled": {"mode": "auto"}}},
        {"rule": {"R15_stalled": {"min_day": 3}}},
        {"rule": {"R15_stalled": {"min_days": -1}}},
        {"rule": {"R15_stalled": {"min_days": True}}},
        {"rule": {"R15_stalled": {"min_days": float("inf")}}},
        {"rule": {"R15_stalled": 3}},
        {"rule": {"R99_other": {"mode": "on"}}},
        {"rule": {"R08_high_value": {"min_amount": 500}}},
        {"rule": {"R08_high_value": {"min_amount": {"usd": 500}}}},
        {"rule": {"R08_high_value": {"min_amount": {"USD": "500"}}}},
        {"rule": "on"},
        {"rules": {"exemption": "x.csv"}},
        {"rules": {"exemptions": 3}},
        {"rules": {"blocking_checks": ["weather"]}},
        {"rules": {"blocking_checks": "freshness"}},
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"loop\.toml"):
        rule_settings.variables(settings, RULES)
