"""A store that is full, corrupt or slow: told, and no watermark moves wrongly."""

import shutil
import threading
import time

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError

from sim.backend.pacer import Pacer
from sim.backend.store import StoreError, is_trouble, open_store
from sim.backend.subscriber import Stop, Subscriber
from tests.sim.backend.bench import Backend
from tests.sim.backend.dispenser import events
from tests.sim.backend.test_subscriber import WITHIN, Wire
from tests.support.disks import fill, small_disk


class Looping:
    """Runs a backend's loop in a thread until `end`."""

    def __init__(self, dispenser):
        self.dispenser = dispenser
        self.stop = Stop()
        self.thread = threading.Thread()

    def __call__(self, backend):
        wire = Wire(backend, self.dispenser)
        loop = Subscriber(self.stop, backend.store, backend.ingest, Pacer(0, 1), wire)
        self.thread = threading.Thread(target=loop.run)
        self.thread.start()
        return wire, self.stop

    def end(self):
        self.stop.request()
        if self.thread.ident is not None:
            self.thread.join(WITHIN)
        assert not self.thread.is_alive()


@pytest.fixture
def looping(dispenser):
    made = Looping(dispenser)
    yield made
    made.end()


def await_count(backend, name):
    deadline = time.monotonic() + WITHIN
    while not backend.store._counts[name]:
        assert time.monotonic() < deadline, backend.store._counts
        time.sleep(0.01)


def test_a_full_disk_confirms_nothing_is_told_and_goes_on_when_there_is_room(
    tmp_path, dispenser, looping, caplog
):
    with small_disk(tmp_path / "disk", "1M") as folder:
        backend = Backend(folder, [dispenser])
        backend.give(dispenser, [dispenser.made[0]])
        wire, stop = looping(backend)
        filler = fill(folder)
        run = dispenser.run(200)
        wire.deliver(stop, events(dispenser.epoch, run))
        await_count(backend, "store_failures")
        assert wire.seen == []
        assert "full" in caplog.text
        filler.unlink()
        seen = wire.wait_for(2)
        assert [entry[0] for entry in seen[:2]] == ["puback", "watermark"]
        assert seen[1][2].next == 201
        looping.end()


def test_a_store_that_becomes_unreadable_confirms_nothing_and_is_told(
    backend, dispenser, looping, caplog
):
    backend.give(dispenser, [dispenser.made[0], *dispenser.run(200)])
    backend.restart()
    path = backend.folder / "store.db"
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (len(whole) - 4096))
    wire, stop = looping(backend)
    wire.deliver(stop, events(dispenser.epoch, dispenser.run(2)))
    await_count(backend, "store_failures")
    assert "malformed" in caplog.text
    assert wire.seen == []
    # the operator puts the bytes back in place: it goes on by itself
    with path.open("r+b") as file:
        file.write(whole)
    seen = wire.wait_for(2)
    assert [entry[0] for entry in seen[:2]] == ["puback", "watermark"]
    assert seen[1][2].next == 203


def test_a_slow_store_delays_the_confirmation_and_nothing_else(backend, dispenser, looping):
    entered, released = threading.Event(), threading.Event()

    def hang(_):
        entered.set()
        assert released.wait(WITHIN)

    event.listen(backend.store._engine, "commit", hang)
    wire, stop = looping(backend)
    wire.deliver(stop, events(dispenser.epoch, [dispenser.made[0]]))
    wire.deliver(stop, events(dispenser.epoch, dispenser.run(1)))
    assert entered.wait(WITHIN)
    assert wire.seen == []
    released.set()
    seen = wire.wait_for(3)
    assert [entry[0] for entry in seen].count("puback") == 2
    assert seen[-1][1 if seen[-1][0] == "puback" else 3] == 2


def test_a_transaction_that_fails_at_commit_leaves_nothing_and_moves_nothing(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]])
    before = backend.watermark(dispenser)
    with backend.store.reading() as db:
        db.exec_driver_sql("PRAGMA max_page_count = 1")
        raw = db.connection.dbapi_connection
    made = dispenser.run(200)
    with pytest.raises(DatabaseError) as raised:
        backend.give(dispenser, made)
    assert is_trouble(raised.value)
    assert backend.watermark(dispenser) == before
    assert backend.seqs(dispenser) == [0]
    raw.execute("PRAGMA max_page_count = 1000000")
    assert backend.give(dispenser, made).watermark.next == 201


def test_a_store_cut_short_is_told_when_it_is_opened(backend, dispenser, tmp_path):
    backend.give(dispenser, [dispenser.made[0], *dispenser.run(200)])
    backend.store.close()
    cut = tmp_path / "cut.db"
    shutil.copy(tmp_path / "store.db", cut)
    with cut.open("r+b") as file:
        file.truncate(4096)
    with pytest.raises((StoreError, DatabaseError)) as raised:
        open_store(cut)
    assert "malformed" in str(raised.value)
