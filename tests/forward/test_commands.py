"""`run`, `forward` and `replay` as processes, from a simulated shop to an ERP."""

from __future__ import annotations

from collections.abc import Callable

from tests.forward.erp import SECRET, Erp, Faults

from conftest import END, Shop
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.world import build_world

CONFIG = '[forward.erp]\nurl = "{url}/rma"\nallow_private = true\nstart = "2020-01-01"\nmode = "{mode}"\n'


def test_given_a_shop_when_run_then_every_return_is_one_record_of_the_erp(
    open_shop: Callable[..., tuple[Shop, Simulator]], erp: Erp
) -> None:
    shop, simulator = open_shop(build_world(seed=7, returns=30, days=60, end=END))
    (shop.folder / "loop.toml").write_text(CONFIG.format(url=erp.url, mode="upsert"))
    assert "forward.erp" in shop.loop("run", exit_code=4).stderr
    assert not shop.data.exists(), "a missing secret is said before anything is read"
    shop.env["SOURCES__LOOP_RETURNS__FORWARD_SECRETS__ERP"] = SECRET
    shop.plan()

    ran = shop.json("run")

    (count,) = shop.rows("select count(*) from staging.stg_returns")
    assert ran["forwards"]["erp"]["states"]["SENT"] == len(erp.records) == count[0]
    published = shop.published.read_bytes()
    simulator.world.advance(4)

    soon = shop.json("run", "--webhooks-only", LOOP_RETURNS_AS_OF=simulator.world.end.isoformat())
    again = shop.json("forward")

    changed = {str(each.id): each.state for each in simulator.world.returns if each.updated_at > END}
    assert soon["forwards"]["erp"]["sent"] >= len(changed) > 0
    assert {name: erp.records[name]["state"] for name in changed} == changed
    assert shop.rows("select count(*) from loop_raw.returns") == [(len(erp.records),)] != [count]
    assert shop.rows("select count(*) from staging.stg_returns") == [count], "a look leaves nothing behind"
    assert shop.published.read_bytes() == published
    assert again["forwards"]["erp"]["sent"] == 0
    assert set(erp.bookings.values()) == {1}
    (lines,) = shop.rows("select count(*) from loop_raw.returns__line_items")
    assert sum(len(each["lines"]) for each in erp.records.values()) == lines[0]
    one = next(iter(erp.records))
    assert shop.json("replay", "--forward", "erp", "--return", one)["forwards"]["erp"]["replayed"] == 1
    assert (shop.data / "outbox.sqlite").stat().st_mode & 0o777 == 0o600

    erp.faults = Faults(dropped=1.0)
    (shop.folder / "loop.toml").write_text(
        CONFIG.format(url=erp.url, mode="unsafe").replace("forward.erp", "forward.old_one")
    )
    shop.env["SOURCES__LOOP_RETURNS__FORWARD_SECRETS__OLD_ONE"] = SECRET
    parked = shop.json("forward", exit_code=7)["forwards"]["old_one"]
    assert parked["states"]["PARKED"] > 0
    key = parked["stuck"][0]["idempotency_key"]
    shown = shop.loop("forward", "--name", "old_one", "--arrived", key, exit_code=7).stdout
    assert "PARKED" in shown
    assert key not in shown
