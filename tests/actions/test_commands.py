"""The action commands as a person types them: words, exit codes, JSON; one shop, from plan to the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb

from conftest import END
from loop_returns.settings import Paths
from loop_returns.warehouse import workfile
from support.errors import words_of

OpenShop = Callable[..., Any]
ON = """[actions]
enabled = true
max_share_open = 1
"""


def ask(shop: Any, *rows: tuple[str, str, str]) -> None:
    with duckdb.connect(str(shop.work_file)) as database:
        database.executemany(
            "insert into ops.flagged_items(return_id, action, reason, requested_by, requested_at)"
            f" values (?, ?, ?, 'ann', timestamptz '{END.isoformat()}')",
            rows,
        )
    workfile.publish(Paths(shop.data))


def test_from_plan_to_the_record(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    simulator.action_api_key = "acting-key"
    key = {"SOURCES__LOOP_RETURNS__ACTION_API_KEY": "acting-key"}
    (shop.folder / "loop.toml").write_text(ON)
    shop.plan()
    shop.loop("run")
    one, two = (row[0] for row in shop.rows("select id from loop_raw.returns where state = 'open' limit 2"))
    ask(shop, (one, "flag", "box was empty"))

    planned = shop.loop("plan")
    digest = shop.json("plan")["digest"]
    assert f"  ! flag     RMA {one}  box was empty  (ann)" in planned.stdout
    assert f"Digest: {digest}" in planned.stdout
    assert "nothing was sent" in planned.stdout.lower()

    said = words_of(shop.loop("apply", digest, "--execute", exit_code=8, **key).stderr)
    assert said["error"] == "this plan is not approved"
    assert "Approved: 1 of 1 row." in shop.loop("approve", digest[:12], "--by", "bob").stdout
    assert "A rehearsal: nothing was sent." in shop.loop("apply", digest[:12]).stdout
    said = words_of(shop.loop("apply", digest[:12], "--execute", exit_code=4).stderr)
    assert said["error"] == "no action key is set"
    assert [seen for seen in simulator.seen if seen.method == "POST"] == []

    applied = shop.loop("apply", digest[:12], "--execute", **key)
    assert "Applied: 1 CONFIRMED" in applied.stdout
    assert "acting-key" not in applied.stdout + applied.stderr
    assert simulator.actions.effects == {(one, "flag"): 1}
    assert shop.rows("select return_id, state from ops.actions", published=True) == [(one, "CONFIRMED")]
    assert [each["state"] for each in shop.json("actions")["actions"]] == ["CONFIRMED"]
    assert shop.json("actions", "verify-audit")["events"] == 4
    assert shop.json("status")["pending_actions"] == 0
    assert "Nothing to do" in shop.loop("plan").stdout

    ask(shop, (two, "process", "received"), ("x", "flag", "typed wrong"))
    assert "bad row" in shop.loop("plan", exit_code=9).stdout
    shop.loop("actions", "stop", "--reason", "fire", "--by", "eve")
    assert "kill switch is on: fire" in shop.loop("actions").stdout
    assert "kill switch" in shop.json("plan", exit_code=9)["blocked"]
    shop.loop("run")
    assert shop.rows("select state from loop_raw.returns where id = ?".replace("?", f"'{one}'")) == [
        ("review",)
    ]


def test_what_cannot_be_typed(open_shop: OpenShop) -> None:
    shop, _ = open_shop()

    assert shop.json("plan")["rows"] == []
    assert "No action yet." in shop.loop("actions").stdout
    assert "say what became of it" in shop.loop("resolve", "abcdef", "--reason", "x", exit_code=2).stderr
    assert "no digest" in shop.loop("approve", "../../etc", exit_code=2).stderr
    (shop.folder / "loop.toml").write_text("[actions]\nmax_per_rnu = 3\n")
    assert "actions.max_per_rnu" in shop.loop("plan", exit_code=2).stderr
