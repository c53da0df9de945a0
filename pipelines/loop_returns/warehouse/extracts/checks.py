"""Which values of an extract cannot be taken: a pandera schema made from its declaration.

Every value comes as text, cleaned. DuckDB says whether a text is what its column wants, since DuckDB will
cast it: what passes here cannot fail there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from loop_returns.warehouse.extracts.columns import WANTED, Extract, Kind

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

_ZONE = r"\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|z|UTC|[+-]\d\d(:?\d\d)?)$"
_FITS: dict[Kind, str] = {
    "id": r"not regexp_full_match(value, '(?i)\d+(\.\d+)?e\+?\d+')",  # what a spreadsheet makes of a long id
    "text": "true",
    "currency": "regexp_full_match(value, '[A-Z]{3}')",
    "amount": r"regexp_full_match(value, '\d{1,14}(\.\d{1,4}0*)?')",
    "signed_amount": r"regexp_full_match(value, '-?\d{1,14}(\.\d{1,4}0*)?')",
    "time": r"regexp_matches(value, '^\d{4}-\d\d-\d\d') and try_cast(value as timestamptz) is not null",
    "day": r"regexp_full_match(value, '\d{4}-\d\d-\d\d') and try_cast(value as date) is not null",
    "count": r"regexp_full_match(value, '\d{1,9}(\.0+)?')",
}
EMPTY = "a value: without one nothing can be matched"


class Failure(NamedTuple):
    """A value that keeps its row out: place of the row in the frame, column, value, what was expected."""

    place: int
    column: str
    value: str | None
    expected: str


def schema(
    extract: Extract, connection: duckdb.DuckDBPyConnection, *, has_timezone: bool
) -> pa.DataFrameSchema:
    """The checks of an extract's columns, all of them text, null where empty."""
    import pandera.pandas as pa

    columns = {}
    for name, column in extract.columns.items():
        fits = _fits(connection, column.kind, has_timezone=has_timezone)
        check = pa.Check(fits, error=WANTED[column.kind], ignore_na=True)
        checks = [] if column.kind == "text" else [check]
        columns[name] = pa.Column(checks=checks, nullable=not column.is_required)
    return pa.DataFrameSchema(columns)


def failures(checks: pa.DataFrameSchema, frame: pd.DataFrame) -> Iterator[Failure]:
    """Every value of the frame that cannot be taken; its index counts from 0."""
    from pandera.errors import SchemaErrors

    try:
        checks.validate(frame, lazy=True)
    except SchemaErrors as error:
        for case in error.failure_cases.itertuples():
            is_empty = case.check == "not_nullable"
            yield Failure(
                int(case.index), str(case.column), None if is_empty else str(case.failure_case),
                EMPTY if is_empty else str(case.check),
            )  # fmt: skip


def _fits(
    connection: duckdb.DuckDBPyConnection, kind: Kind, *, has_timezone: bool
) -> Callable[[pd.Series[str]], pd.Series[bool]]:
    condition = _FITS[kind]
    if kind == "time" and not has_timezone:
        condition += f" and regexp_matches(value, '{_ZONE}')"

    def fits(values: pd.Series[str]) -> pd.Series[bool]:
        import pandas as pd

        offered = pd.DataFrame({"value": values.to_numpy()})
        connection.register("offered", offered)
        try:
            said = connection.execute(f"select coalesce({condition}, false) as fits from offered")
            return pd.Series(said.fetchnumpy()["fits"], index=values.index)
        finally:
            connection.unregister("offered")

    return fits
