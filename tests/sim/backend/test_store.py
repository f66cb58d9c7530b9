"""What the store promises beyond single records: flushing, locks, bounds, readers."""

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from sim.backend import alarms, refusals, writes
from sim.backend.store import StoreError, is_busy, is_trouble, open_store
from tests.sim.backend.dispenser import Dispenser, Made, flipped


def wrong(made, n):
    return Made(made.seq, made.previous, made.raw[:-2] + n.to_bytes(2, "big"))


def test_commits_are_flushed(backend, dispenser):
    with backend.store._engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_stored_at_is_the_moment_after_the_flush(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]])
    born = backend.store.records(dispenser.id, dispenser.epoch)[0].stored_at
    committed = backend.clock.now
    backend.clock.pass_seconds(60)
    backend.store.settle()
    settled = backend.store.records(dispenser.id, dispenser.epoch)[0].stored_at
    assert born < settled == committed


def test_many_transactions_settle_together(backend, dispenser):
    committed = []
    for made in ([dispenser.made[0]], dispenser.run(2), dispenser.run(1)):
        backend.give(dispenser, made)
        committed += [backend.clock.now] * len(made)
        backend.clock.pass_seconds(60)
    backend.store.settle()
    rows = backend.store.records(dispenser.id, dispenser.epoch)
    assert [row.stored_at for row in rows] == committed


def test_a_reader_sees_what_was_committed_while_the_store_is_open(backend, dispenser):
    reader = open_store(backend.folder / "store.db", readonly=True)
    backend.give(dispenser, [dispenser.made[0]])
    assert [row.seq for row in reader.records(dispenser.id, dispenser.epoch)] == [0]
    assert reader.id == backend.store.id
    with pytest.raises(OperationalError, match="readonly"), reader.writing() as transaction:
        transaction.stream(dispenser.id, 1, "gw-1", registered=True)
    reader.close()


def test_a_reader_does_not_create(tmp_path):
    with pytest.raises(StoreError, match=r"store\.db"):
        open_store(tmp_path / "store.db", readonly=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(b"something else, long enough to be looked at" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"store\.db.*not a database"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_store_of_another_schema_is_refused(backend):
    path = backend.folder / "store.db"
    backend.store.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = 99 WHERE name = 'schema'")
    db.close()
    with pytest.raises(StoreError, match="schema 99"):
        open_store(path)


def test_a_locked_store_raises_and_the_same_payload_works_afterwards(backend, dispenser):
    other = sqlite3.connect(backend.folder / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError) as raised:
        backend.give(dispenser, [dispenser.made[0]])
    assert is_busy(raised.value)
    assert is_trouble(raised.value)
    other.execute("ROLLBACK")
    other.close()
    assert backend.give(dispenser, [dispenser.made[0]]).stored == 1


def test_a_transaction_that_fails_leaves_nothing(backend, dispenser, monkeypatch):
    backend.give(dispenser, [dispenser.made[0]])
    before = backend.watermark(dispenser)
    backend.store.count("waiting")

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(writes.Writer, "finish", fail)
    made = dispenser.run(3)
    with pytest.raises(ZeroDivisionError):
        backend.give(dispenser, made)
    monkeypatch.undo()
    assert backend.seqs(dispenser) == [0]
    assert backend.watermark(dispenser) == before
    assert backend.give(dispenser, made).stored == 3
    assert backend.store.counters()["waiting"] == 1


def test_counters_survive_a_restart_and_grow(backend, dispenser):
    for _ in range(2):
        backend.take(dispenser, b"?")
        backend.restart()
    assert backend.store.counters()["malformed"] == 2


def test_refused_rows_are_bounded_per_dispenser(backend, dispenser, monkeypatch):
    monkeypatch.setattr(refusals, "MAX_REFUSED_ROWS", 10)
    record = dispenser.run(1)[0]
    for n in range(25):
        backend.give(dispenser, [wrong(record, n)])
    assert len(backend.store.refused()) == 10
    assert backend.watermark(dispenser).refused == [1]
    assert backend.store.counters()["refused_dropped"] == 15
    assert backend.give(dispenser, [record]).stored == 1


def test_unknown_dispensers_share_one_bound(backend, monkeypatch):
    monkeypatch.setattr(refusals, "MAX_REFUSED_ROWS", 10)
    monkeypatch.setattr(alarms, "MAX_ALARMS", 5)
    for n in range(25):
        stranger = Dispenser(id=f"{n:016x}")
        backend.give(stranger, [stranger.born()])
    assert len(backend.store.refused()) == 10
    assert len(backend.store.alarms()) == 5
    assert backend.store.counters()["unknown_dispenser"] == 25


def test_one_dispensers_alarms_do_not_crowd_out_anothers(backend, dispenser, other, monkeypatch):
    monkeypatch.setattr(alarms, "MAX_ALARMS", 5)
    for made in dispenser.run(9):
        backend.give(dispenser, [wrong(made, 1)])
    backend.give(other, [wrong(other.made[0], 1)])
    named = [row.dispenser for row in backend.store.alarms(kind="refused")]
    assert named.count(dispenser.id) == 5
    assert named.count(other.id) == 1


def test_what_is_stored_as_refused_is_bounded_and_the_watermark_stops(
    backend, dispenser, monkeypatch
):
    monkeypatch.setattr(refusals, "MAX_REFUSED_ROWS", 3)
    backend.give(dispenser, [dispenser.made[0]])
    for made in dispenser.run(5):
        backend.give(dispenser, [wrong(made, 1)])
        backend.name_refused(dispenser)
        backend.clock.pass_seconds(5)
        backend.give(dispenser, [wrong(made, 1)])
    backend.give(dispenser, dispenser.run(1))
    assert backend.watermark(dispenser).next == 4
    assert backend.alarms("refused_full") == [(dispenser.id, dispenser.epoch, None)]
    backend.give(dispenser, [dispenser.made[4], dispenser.made[5]])
    assert backend.watermark(dispenser).next == 7


def test_an_alarm_is_raised_once(backend, dispenser):
    record = dispenser.run(1)[0]
    for _ in range(3):
        backend.give(dispenser, [Made(1, record.previous, flipped(record.raw, 7))])
    assert len(backend.store.alarms()) == 1


def test_reach_does_not_shrink_with_a_restart(backend, dispenser, monkeypatch):
    # 4,096 blocks of 256 beyond the newest proven one: here one block, to keep the test short
    monkeypatch.setattr("protocol.chain._BLOCKS_AHEAD", 1)
    run = [dispenser.made[0], *dispenser.run(900)]
    for start in range(0, 800, 200):
        backend.give(dispenser, run[start : start + 200])
    backend.restart()
    assert backend.give(dispenser, run[800:]).stored == 101
