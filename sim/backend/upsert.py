"""Inserts that leave a row alone, or renew it, where there is one: the same on both databases."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_missing(db: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there; tells whether it was inserted."""
    statement = _insert(db, table).values(dict(row)).on_conflict_do_nothing()
    # the driver's row count is not kept for every table: what comes back was inserted
    return db.execute(statement.returning(*table.primary_key)).first() is not None


def replace(db: Connection, table: Table, row: Mapping[str, Any], renew: Sequence[str]) -> None:
    """Insert a row; if its primary key is there, renew the named columns of that one."""
    statement = _insert(db, table).values(dict(row))
    new = {name: statement.excluded[name] for name in renew}
    db.execute(statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=new))


def _insert(db: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    if db.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
