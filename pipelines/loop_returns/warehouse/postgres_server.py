"""What is asked of a Postgres server besides the tables: who writes this database, and what a user may do.

one writer -> locked() -> advisory lock, gone with its connection        check -> rights()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from loop_returns.warehouse.postgres import connected

_LOCK = 481_276_302
"""The advisory lock of whoever writes a database; any number would do."""
_TAKE = f"select pg_try_advisory_lock({_LOCK})"
_HOLDER = f"""
    select coalesce(nullif(held.application_name, ''), 'a program'), 'of ' || held.usename, 'PID ' || held.pid
    from pg_locks as lock inner join pg_stat_activity as held on held.pid = lock.pid
    where lock.locktype = 'advisory' and lock.granted and held.datname = current_database()
        and lock.classid = 0 and lock.objid = {_LOCK}
"""
SCHEMAS = ("loop_raw", "loop_raw_staging", "staging", "rules", "marts", "ops", "ext", "compat")
_SELF = "select current_user, current_database(), pg_database_size(current_database())"
_RIGHTS = """
    select wanted.name, case when held.nspname is null
        then has_database_privilege(current_database(), 'CREATE')
        else has_schema_privilege(held.oid, 'CREATE') end
    from (values {names}) as wanted(name) left join pg_namespace as held on held.nspname = wanted.name
    order by wanted.name
"""


@contextmanager
def locked(dsn: str) -> Iterator[Callable[[], str]]:
    """A connection that can take the one writer's lock of a database, and holds it until the end.

    Yields:
        A function that tries to take it: empty, then it is held; else who holds it.
    """
    with connected(dsn) as connection:

        def take() -> str:
            if (connection.execute(_TAKE).fetchone() or (False,))[0]:
                return ""
            found = connection.execute(_HOLDER).fetchone()
            return " ".join(str(part) for part in found or () if part) or "another process"

        yield take


class Rights(NamedTuple):
    """What a user may do in a database.

    Attributes:
        lacking: Schemas of this package that it can neither make nor fill.
    """

    user: str
    database: str
    megabytes: float
    lacking: list[str]


def rights(dsn: str) -> Rights:
    """Ask the server what this user may do; errors as `connected`."""
    with connected(dsn) as connection:
        names = ", ".join(f"('{schema}')" for schema in SCHEMAS)
        found = connection.execute(_RIGHTS.format(names=names)).fetchall()
        user, database, size = connection.execute(_SELF).fetchone() or ("", "", 0)
    return Rights(user, database, size / 1e6, [schema for schema, may in found if not may])
