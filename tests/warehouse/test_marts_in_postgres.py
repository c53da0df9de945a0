"""The marts, built in a real Postgres and published from it: DuckDB's, row for row and word for word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from tests.support import postgres
from tests.support.same import compared

from loop_returns.settings import Paths
from loop_returns.warehouse import marts, publishing
from loop_returns.warehouse.place import Place

if TYPE_CHECKING:
    from tests.support.postgres import Server
    from tests.support.whole_shop import WholeShop

LEDGER = {"marts.break_ledger", "marts.open_breaks"}
"""What a build adds to what the last one left: the shop was built twice, the warehouse once."""


@pytest.fixture(scope="module")
def published(
    whole_shop: WholeShop, postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A file that was published from Postgres, with the inputs of the whole shop."""
    paths = Paths(tmp_path_factory.mktemp("warehouse"))
    place = Place(paths.work_file, postgres_server.database())
    with (
        duckdb.connect(str(whole_shop.published), read_only=True) as database,
        postgres.opened(place.dsn) as cursor,
    ):
        database.execute("set timezone = 'UTC'")
        postgres.copy_inputs(database, cursor)
    ((as_of,),) = whole_shop.rows("select max(as_of) from marts.run_control")
    built = marts.build(place, as_of=as_of, work_dir=paths.work)
    assert built.planned
    return publishing.publish(place, paths)


def test_each_column_of_each_table_has_its_type_its_comment_and_its_rows(
    whole_shop: WholeShop, published: Path
) -> None:
    found = compared(whole_shop.published, published, LEDGER)

    assert found.columns == []
    assert found.comments == []
    assert found.different == {}
    assert found.rows > 20_000
