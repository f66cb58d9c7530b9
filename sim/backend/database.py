"""The database under the store: SQLite in a file, or PostgreSQL for several workers side by side.

Opened only if COMMIT means "on disk": SQLite with synchronous=FULL, PostgreSQL with fsync and
synchronous_commit on. Everything that differs between the two is here.
"""

import secrets
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from sim.backend import migrations
from sim.backend.tables import SCHEMA, meta, metadata

_BUSY_MS = 250
_LARGEST_ID = 0xFFFFFFFF
# any number that nobody else locks in this database
_SCHEMA_LOCK = 0x646F7365
_CONNECT_WITHIN_S = 5
# a lock that is held so long belongs to a worker that hangs: let go, told, tried again
_LOCK_WITHIN = "5s"
_STATEMENT_WITHIN = "60s"


class StoreError(RuntimeError):
    """The database cannot be this store; one line, says which and why."""


class StoreGoneError(StoreError):
    """The store was deleted or replaced while in use: nothing more can be confirmed."""


def is_trouble(error: BaseException) -> bool:
    """Tell whether a database error may pass (locked, full, unreadable, away): worth a retry."""
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        return True
    return bool(getattr(error, "connection_invalidated", False))


def is_busy(error: BaseException) -> bool:
    """Tell whether another process holds the lock."""
    cause = getattr(error, "orig", None)
    if isinstance(cause, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return True
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def new_id(other_than: int = 0) -> int:
    """Return a random store id, not 0 and not the one given."""
    return 1 + (other_than + secrets.randbelow(_LARGEST_ID - 1)) % _LARGEST_ID


def is_file(where: Path | str) -> bool:
    """Tell whether a store is a file, not the URL of a server."""
    return isinstance(where, Path)


def name(where: Path | str) -> str:
    """Return how messages name a store: never with a password."""
    return str(where) if isinstance(where, Path) else make_url(where).render_as_string()


def connect(where: Path | str, *, readonly: bool) -> Engine:
    """Return an engine for the store, made anew or brought up to date unless `readonly`.

    Raises StoreError if it is something else, newer than this version, not durable, or cannot be
    opened; OperationalError if it is locked or its server does not answer.
    """
    engine = _sqlite(where, readonly) if isinstance(where, Path) else _postgresql(where, readonly)
    try:
        if not readonly:
            _prepare(engine)
        _check(engine, name(where))
        return engine
    except DatabaseError as error:
        engine.dispose()
        if is_busy(error) or (not is_file(where) and isinstance(error, OperationalError)):
            raise
        raise StoreError(f"store {name(where)}: {error.orig}") from error
    except BaseException:
        engine.dispose()
        raise


def _prepare(engine: Engine) -> None:
    with engine.execution_options(writing=True).begin() as db:
        if engine.dialect.name == "postgresql":
            # several workers may start at once
            db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
        if inspect(db).has_table(meta.name):
            migrations.upgrade(db)
            return
        metadata.create_all(db)
        born = {"store": new_id(), "schema": SCHEMA}
        rows = [{"name": key, "value": value} for key, value in born.items()]
        db.execute(insert(meta), rows)


def _check(engine: Engine, store: str) -> None:
    with engine.connect() as db:
        schema = migrations.version(db)
        loose = _not_durable(db)
    if schema > SCHEMA:
        raise StoreError(f"store {store}: schema {schema}, this version knows {SCHEMA}")
    if schema < SCHEMA:
        hint = "start `dosewire backend run` once to bring it up to date"
        raise StoreError(f"store {store}: schema {schema}, this version needs {SCHEMA}: {hint}")
    if loose:
        raise StoreError(
            f"store {store}: {loose} is off: COMMIT would not mean stored; turn it on"
        )


def _not_durable(db: Connection) -> str | None:
    if db.dialect.name != "postgresql":
        return None  # set by us with each connection
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        if db.exec_driver_sql(f"SHOW {setting}").scalar() == "off":
            return setting
    return None


# ---- SQLite -----------------------------------------------------------------------------------


def _sqlite(path: Path, readonly: bool) -> Engine:
    mode = "ro" if readonly else "rwc"
    url = f"sqlite:///{path.resolve().as_uri()}?mode={mode}&uri=true"
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000})
    event.listen(engine, "connect", _read_settings if readonly else _write_settings)
    event.listen(engine, "begin", _begin)
    return engine


def _write_settings(connection: Any, _: object) -> None:
    # the driver's own transactions begin too late: BEGIN IMMEDIATE is ours, see _begin
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _read_settings(connection: Any, _: object) -> None:
    connection.isolation_level = None


def _begin(db: Connection) -> None:
    # a lock taken only at the first write could be refused in mid-transaction
    writing = db.get_execution_options().get("writing")
    db.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


# ---- PostgreSQL -------------------------------------------------------------------------------


def _postgresql(where: str, readonly: bool) -> Engine:
    try:
        url = make_url(where)
    except ArgumentError as error:
        raise StoreError(f"store: {error}") from error
    if url.get_backend_name() != "postgresql":
        raise StoreError(f"store {url.render_as_string()}: neither a file nor postgresql://")
    options = f"-c lock_timeout={_LOCK_WITHIN} -c statement_timeout={_STATEMENT_WITHIN}"
    if "options" in url.query:
        options += f" {url.query['options']}"
    if readonly:
        options += " -c default_transaction_read_only=on"
    arguments = {"connect_timeout": _CONNECT_WITHIN_S, "options": options}
    return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments)
