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


class Checks:
    """The checks of one extract's columns.

    Args:
        extract: What its columns must be.
        connection: For DuckDB's verdicts; its own, with the time zone of times that say none.
        has_timezone: Whether such times may be.
    """

    def __init__(
        self, extract: Extract, connection: duckdb.DuckDBPyConnection, *, has_timezone: bool
    ) -> None:
        import pandera.pandas as pa

        self._connection = connection
        self._verdicts: pd.DataFrame | None = None
        asked = {
            name: fits(name, one.kind, has_timezone=has_timezone) for name, one in extract.columns.items()
        }
        self._asked = ", ".join(f"coalesce({condition}, true) as {name}" for name, condition in asked.items())
        self._schema = pa.DataFrameSchema(
            {
                name: pa.Column(
                    checks=pa.Check(self._verdict(name), error=WANTED[column.kind], ignore_na=True),
                    nullable=not column.is_required,
                )
                for name, column in extract.columns.items()
            }
        )

    def failures(self, frame: pd.DataFrame) -> Iterator[Failure]:
        """Every value that cannot be taken.

        Args:
            frame: Texts under our names, null where empty; its index counts from 0.
        """
        from pandera.errors import SchemaErrors

        self._verdicts = self._connection.from_df(frame).project(self._asked).df()
        try:
            self._schema.validate(frame, lazy=True)
        except SchemaErrors as error:
            for case in error.failure_cases.itertuples():
                is_empty = case.check == "not_nullable"
                value, expected = (None, EMPTY) if is_empty else (str(case.failure_case), str(case.check))
                yield Failure(int(case.index), str(case.column), value, expected)

    def _verdict(self, name: str) -> Callable[[pd.Series[str]], pd.Series[bool]]:
        def verdict(values: pd.Series[str]) -> pd.Series[bool]:
            assert self._verdicts is not None
            said: pd.Series[bool] = self._verdicts[name].loc[values.index]
            return said

        return verdict


def fits(name: str, kind: Kind, *, has_timezone: bool) -> str:
    """DuckDB's condition that a column's text is what its kind wants; null for no text."""
    condition = _FITS[kind]
    if kind == "time" and not has_timezone:
        condition += f" and regexp_matches(value, '{_ZONE}')"
    return condition.replace("value", name)
