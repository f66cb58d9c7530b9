"""Looks into databases that may not be there yet, and the one fault that writes."""

import contextlib
import os
import shutil
import sqlite3

import pytest

from protocol import schema
from sim.inflight import Hop, InFlight, alter
from tests.sim.runs import EPOCH, Run
from tests.support.disks import fill, small_disk


def test_a_database_that_is_not_there_or_empty_holds_nothing(tmp_path):
    flight = InFlight(tmp_path)
    assert flight.of("11" * 8, 1) == Hop(0, 0, 0)
    (tmp_path / "gateway").mkdir()
    for name in ("gateway/spool.db", "store.db"):
        sqlite3.connect(tmp_path / name).close()
    assert flight.of("11" * 8, 1) == Hop(0, 0, 0)
    assert flight.unstored("11" * 8, 1) == []


def test_a_spoilt_database_holds_nothing_until_its_owner_finds_out(tmp_path):
    (tmp_path / "store.db").write_bytes(b"nothing of the kind" * 99)
    assert not InFlight(tmp_path).stored("11" * 8, 1, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_log_on_a_full_disk_is_read(tmp_path):
    with small_disk(tmp_path / "run", "2m") as folder:
        live, store = tmp_path / "live.db", folder / "store.db"
        with contextlib.closing(sqlite3.connect(live, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE records (dispenser, epoch, seq)")
            db.execute("INSERT INTO records VALUES ('d', 1, 7)")
            shutil.copy(live, store)  # as left by a process that was killed
            shutil.copy(f"{live}-wal", f"{store}-wal")
        fill(folder)
        assert InFlight(folder).stored("d", 1, 7)
        assert not InFlight(folder).stored("d", 1, 8)


def test_a_database_of_another_layout_is_told(tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.execute("CREATE TABLE records (something)")
    db.close()
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        InFlight(tmp_path).stored("11" * 8, 1, 0)


def test_what_the_store_lacks_is_named_and_only_that(tmp_path):
    run = Run(tmp_path).write()
    flight = InFlight(tmp_path)
    assert flight.unstored(run.d1.id, EPOCH) == []
    run.sql("DELETE FROM records WHERE dispenser = ? AND seq IN (3, 5)", run.d1.id)
    assert flight.unstored(run.d1.id, EPOCH) == [3, 5]
    assert flight.unstored(run.d2.id, EPOCH) == []
    assert flight.stored(run.d1.id, EPOCH, 4)
    assert not flight.stored(run.d1.id, EPOCH, 5)


def test_only_heartbeats_wait_for_company(tmp_path):
    run = Run(tmp_path).write()
    flight = InFlight(tmp_path)
    assert not flight.waits_for_company(run.d1.id, EPOCH)
    gone = "DELETE FROM records WHERE dispenser = ? AND seq = ?"
    beat = "UPDATE records SET raw = ? WHERE dispenser = ? AND seq = ?"
    ((raw,),) = run.sql("SELECT raw FROM records WHERE dispenser = ? AND seq = 5", run.d1.id)
    raw = raw[:12] + bytes([schema.RecordType.heartbeat]) + raw[13:]
    run.sql(beat, raw, run.d1.id, 5, file="gateway/spool.db")
    run.sql(gone, run.d1.id, 5)
    assert flight.waits_for_company(run.d1.id, EPOCH)
    run.sql(gone, run.d1.id, 3)
    assert not flight.waits_for_company(run.d1.id, EPOCH)


def test_altering_changes_one_bit_of_one_record(tmp_path):
    run = Run(tmp_path).write()
    query = "SELECT dispenser, seq, raw FROM records"
    before = run.sql(query, file="gateway/spool.db")
    alter(tmp_path, run.d2.id, EPOCH, 4)
    after = run.sql(query, file="gateway/spool.db")
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    ((old, new),) = changed
    assert old[:2] == (run.d2.id, 4)
    bits = int.from_bytes(old[2], "big") ^ int.from_bytes(new[2], "big")
    assert bits.bit_count() == 1


def test_all_epochs_and_all_new_records_are_asked_for_at_once(tmp_path):
    run = Run(tmp_path).write()
    flight = InFlight(tmp_path)
    keys = [(one.id, EPOCH) for one in (run.d1, run.d2)]
    assert flight.all() == {key: flight.of(*key) for key in keys}
    everything = flight.spooled(dict.fromkeys(keys, -1))
    ((raw, at),) = run.sql(
        "SELECT raw, received_at FROM records WHERE dispenser = ? AND seq = 5",
        run.d1.id,
        file="gateway/spool.db",
    )
    assert (5, raw, at * 1000) in everything[keys[0]]
    last = everything[keys[0]][-1][0]
    later = flight.spooled({keys[0]: last - 2, keys[1]: 10**9})
    assert {key: [seq for seq, *_ in found] for key, found in later.items()} == {
        keys[0]: [last - 1, last]
    }
    assert InFlight(tmp_path / "nothing").all() == {}
