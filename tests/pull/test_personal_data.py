"""No personal value of the shop is in any file under the data directory, nor in anything printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop_returns.simulator.app import Fault, Simulator

OpenShop = Callable[..., Any]
# Long enough that compressed files do not hold one by chance.
MARKERS = (rb"pii-(?:[0-9]|comment)", rb"Pii(?:Name| Street)", rb"@shopper\.example", rb"\+1555pii")


def leaks(folder: Path) -> list[str]:
    return [
        f"{file.relative_to(folder)}: {marker.decode()}"
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        for marker in MARKERS
        if re.search(marker, file.read_bytes())
    ]


@pytest.mark.parametrize(
    "env",
    [{}, {"SOURCES__LOOP_RETURNS__PII_KEY": ""}, {"SOURCES__LOOP_RETURNS__PII": "drop"}],
    ids=["hash", "hash without a key", "drop"],
)
def test_nothing_personal_is_written(env: dict[str, str], open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    assert any("pii" in value for value in simulator.world.personal_values())

    shop.plan()
    result = shop.loop("run", "-v", **env)

    assert leaks(shop.folder) == []
    assert not any(value in result.stdout + result.stderr for value in simulator.world.personal_values())


def test_nothing_personal_is_left_by_a_run_that_died(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    process = shop.start("load")
    _wait_for(simulator, 10)
    process.kill()
    process.communicate()

    assert leaks(shop.folder) == []


def _wait_for(simulator: Simulator, requests: int) -> None:
    import time

    while len(simulator.seen) < requests:
        time.sleep(0.01)


def test_with_a_key_the_returns_of_one_person_can_be_joined(open_shop: OpenShop) -> None:
    shop, _ = open_shop()
    shop.loop("load")

    hashed = shop.rows(
        "select count(distinct customer), min(length(customer)), count(customer) from loop_raw.returns"
    )
    assert hashed[0][0] > 50
    assert hashed[0][1] == 64
    assert shop.rows("select count(*) from loop_raw.returns where label_url is not null") == [(0,)]


def test_keep_keeps_all_of_it(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()

    shop.loop("load", SOURCES__LOOP_RETURNS__PII="keep")

    kept = {customer for (customer,) in shop.rows("select customer from loop_raw.returns")}
    assert kept <= simulator.world.personal_values() | {None, "", "N/A"}
    assert len(kept) > 50


def test_an_error_of_the_api_that_quotes_a_customer_is_not_repeated(open_shop: OpenShop) -> None:
    shop, simulator = open_shop()
    simulator.fail_when = lambda _: Fault("error_200")

    error = shop.loop("load", "-v", exit_code=1).stderr

    assert not any(value in error for value in simulator.world.personal_values())
    assert "simulator-key" not in error
