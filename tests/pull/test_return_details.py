"""Returns read by id: those that a delivery named and the poll did not show, and those that are wanted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conftest import END, Shop
from loop_returns.errors import UsageError
from loop_returns.extract.return_details import Details, options
from loop_returns.simulator.app import Simulator
from loop_returns.simulator.world import PII_MARKERS, build_world
from loop_returns.webhooks import inbox
from loop_returns.webhooks.inbox import Delivery
from loop_returns.webhooks.store import Store

NAMED = "select return_id, is_known, reason from loop_raw.return_details where reason = 'webhook' order by 1"


def test_given_deliveries_of_old_returns_when_caught_up_then_they_are_read_by_id_once(
    open_shop: Callable[..., tuple[Shop, Simulator]],
) -> None:
    shop, simulator = open_shop(build_world(seed=7, returns=60, days=90, end=END))
    shop.loop("load")
    ((old,),) = shop.rows("select id from loop_raw.returns order by updated_at limit 1")
    store = Store(shop.data)
    for return_id in (old, "999999999", "not-a-number"):
        body = f'{{"topic":"return","trigger":"return.updated","id":"{return_id}"}}'.encode()
        store.commit([Delivery("return-updated", body, "{}", 0, "raw", inbox.stamp())])
    store.close()
    simulator.world.advance(0.1)
    later = simulator.world.end.isoformat()

    said = shop.loop("run", "--webhooks-only", LOOP_RETURNS_AS_OF=later)
    (shop.folder / "loop.toml").write_text('[details]\nwanted = ["refunds"]\nper_run = 3\n')
    again = shop.loop("run", "--webhooks-only", LOOP_RETURNS_AS_OF=later)

    assert "2 returns read by id" in said.stderr
    assert "loaded" in said.stdout
    assert shop.rows(NAMED) == [(old, True, "webhook"), ("999999999", False, "webhook")]
    assert "3 returns read by id" in again.stderr
    assert "left for the next run" in again.stderr
    refunds = (
        "select count(*), count(refunds), count(state) from loop_raw.return_details where reason = 'refunds'"
    )
    assert shop.rows(refunds) == [(3, 3, 3)]
    held = shop.work_file.read_bytes()
    assert [marker for marker in PII_MARKERS if marker.encode() in held] == []
    assert not shop.published.exists(), "nothing is built"


@pytest.mark.parametrize("table", [3, {"wanted": "refunds"}, {"wanted": ["all"]}, {"per_run": -1}, {"x": 1}])
def test_given_a_table_that_cannot_be_when_read_then_it_is_refused(table: object) -> None:
    with pytest.raises(UsageError):
        options({"details": table})


def test_given_no_table_when_read_then_only_what_deliveries_name_is_wanted() -> None:
    assert options({}) == Details()
