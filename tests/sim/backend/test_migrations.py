"""A store of an older version is brought up to date when a worker opens it, and keeps its all."""

import contextlib
import sqlite3

import pytest
from sqlalchemy import inspect

from sim.backend.store import StoreError, open_store
from tests.sim.backend.bench import Backend

# as version 1 made them
VERSION_1 = """
CREATE TABLE alarms (id INTEGER NOT NULL, at BIGINT NOT NULL, kind VARCHAR(24) NOT NULL, dispenser
 VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL, seq BIGINT, text VARCHAR(160) NOT NULL,
 PRIMARY KEY (id));
CREATE INDEX alarms_by_kind ON alarms (kind, dispenser, epoch, seq);
CREATE TABLE counters (name VARCHAR(48) NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (name));
CREATE TABLE forks (id INTEGER NOT NULL, dispenser VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL,
 seq BIGINT NOT NULL, raw BLOB NOT NULL, previous BLOB NOT NULL, gateway VARCHAR(32) NOT NULL,
 received_at BIGINT NOT NULL, PRIMARY KEY (id), UNIQUE (dispenser, epoch, seq, raw));
CREATE TABLE gaps (dispenser VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL, seq BIGINT NOT NULL,
 first BIGINT NOT NULL, last BIGINT NOT NULL, cause INTEGER NOT NULL,
 PRIMARY KEY (dispenser, epoch, seq));
CREATE TABLE meta (name VARCHAR(16) NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (name));
CREATE TABLE records (dispenser VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL, seq BIGINT NOT NULL,
 boot INTEGER NOT NULL, time BIGINT NOT NULL, stamp INTEGER NOT NULL, type INTEGER NOT NULL,
 data BLOB NOT NULL, raw BLOB NOT NULL, previous BLOB NOT NULL, gateway VARCHAR(32) NOT NULL,
 stored_at BIGINT NOT NULL, status VARCHAR(8) NOT NULL, PRIMARY KEY (dispenser, epoch, seq))
 WITHOUT ROWID;
CREATE TABLE refused (id INTEGER NOT NULL, dispenser VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL,
 seq BIGINT NOT NULL, raw BLOB NOT NULL, previous BLOB NOT NULL, reason VARCHAR(24) NOT NULL,
 gateway VARCHAR(32) NOT NULL, received_at BIGINT NOT NULL, named_at BIGINT, open BOOLEAN NOT NULL,
 stored BOOLEAN NOT NULL, PRIMARY KEY (id));
CREATE INDEX refused_by_key ON refused (dispenser, epoch, seq);
CREATE TABLE spans (dispenser VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL, first BIGINT NOT NULL,
 last BIGINT NOT NULL, PRIMARY KEY (dispenser, epoch, first));
CREATE TABLE streams (dispenser VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL, next BIGINT NOT NULL,
 tag BLOB NOT NULL, rev BIGINT NOT NULL, gateway VARCHAR(32) NOT NULL, claimed_next BIGINT,
 claimed_gateway VARCHAR(32), claimed_at BIGINT, PRIMARY KEY (dispenser, epoch));
INSERT INTO meta VALUES ('store', 77), ('schema', 1);
INSERT INTO alarms VALUES (1, 5, 'refused', 'x', 1, NULL, 'old');
"""


def columns(store):
    with store.reading() as db:
        found = inspect(db)
        return {
            table: {(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)}
            for table in found.get_table_names()
        }


@pytest.fixture
def old(tmp_path, dispenser):
    path = tmp_path / "store.db"
    record = dispenser.made[0]
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(VERSION_1)
        key = (dispenser.id, dispenser.epoch)
        body = (1, 7, 0x8000, 1, record.raw[14:-8], record.raw, record.previous, "gw-1", 9)
        db.execute(
            "INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?,?,'verified')", (*key, 0, *body)
        )
        db.execute("INSERT INTO spans VALUES (?, ?, 0, 0)", key)
        values = (*key, 1, record.tag, 3, "gw-1", 5, "gw-1", 8)
        db.execute("INSERT INTO streams VALUES (?,?,?,?,?,?,?,?,?)", values)
    return path


def test_an_older_store_gets_the_tables_of_a_new_one(old, tmp_path):
    upgraded, fresh = open_store(old), open_store(tmp_path / "fresh.db")
    assert columns(upgraded) == columns(fresh)
    upgraded.close()
    fresh.close()


def test_an_older_store_keeps_its_all_and_goes_on(old, dispenser):
    backend = Backend(old.parent, [dispenser])
    assert backend.store.id == 77
    (row,) = backend.store.streams()
    assert (row.next, row.rev, row.newest, row.claimed_next) == (1, 3, 0, 5)
    (claim,) = backend.store.claims()
    assert (claim.gateway, claim.next, claim.at) == ("gw-1", 5, 8)
    assert [alarm.text for alarm in backend.store.alarms()] == ["old"]
    mark = backend.give(dispenser, dispenser.run(4)).watermark
    assert (mark.next, mark.rev) == (5, 4)
    backend.restart()
    assert backend.seqs(dispenser) == [0, 1, 2, 3, 4]
    backend.store.close()


def test_a_reader_does_not_bring_it_up_to_date(old):
    with pytest.raises(StoreError, match=r"schema 1, .* backend run"):
        open_store(old, readonly=True)


def test_a_step_that_fails_leaves_the_old_one(old, monkeypatch):
    monkeypatch.setattr("sim.backend.migrations.claims", None)
    with pytest.raises(AttributeError):
        open_store(old)
    with contextlib.closing(sqlite3.connect(old)) as db:
        assert db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() == (1,)
        assert "cleared_at" not in str(db.execute("PRAGMA table_info(alarms)").fetchall())
