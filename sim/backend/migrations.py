"""Brings an older store up to the tables of today, step by step, in one transaction.

`meta.schema` is the version; step n leads from n to n + 1. A step is never changed after it was
released: it speaks SQL, not today's table objects, wherever the past matters.
"""

from collections.abc import Callable

from sqlalchemy import Connection, select, update

from sim.backend.tables import SCHEMA, answers, claims, commands, gateways, meta, releases


def version(db: Connection) -> int:
    """Return the schema version of a store."""
    query = select(meta.c.value).where(meta.c.name == "schema")
    return int(db.execute(query).scalar_one())


def upgrade(db: Connection) -> None:
    """Take every step that is missing; a store that is newer than this version is left alone."""
    for number in range(version(db), SCHEMA):
        _STEPS[number](db)
        at = update(meta).where(meta.c.name == "schema")
        db.execute(at.values(value=number + 1))


def _commands_and_claims(db: Connection) -> None:
    for table in (claims, gateways, commands, answers):
        table.create(db)
    for statement in (
        "ALTER TABLE alarms ADD COLUMN cleared_at BIGINT",
        "ALTER TABLE streams ADD COLUMN newest BIGINT NOT NULL DEFAULT -1",
        "ALTER TABLE streams ADD COLUMN behind_since BIGINT",
        "CREATE INDEX ix_streams_behind_since ON streams (behind_since)",
        "UPDATE streams SET newest = coalesce((SELECT max(seq) FROM records WHERE"
        " records.dispenser = streams.dispenser AND records.epoch = streams.epoch), -1)",
        "INSERT INTO claims (dispenser, epoch, gateway, first, next, at)"
        " SELECT dispenser, epoch, claimed_gateway, 0, claimed_next, claimed_at FROM streams"
        " WHERE claimed_gateway IS NOT NULL",
        "ALTER TABLE streams DROP COLUMN claimed_gateway",
        "ALTER TABLE streams DROP COLUMN claimed_at",
    ):
        db.exec_driver_sql(statement)


def _releases(db: Connection) -> None:
    releases.create(db)


_STEPS: dict[int, Callable[[Connection], None]] = {1: _commands_and_claims, 2: _releases}
