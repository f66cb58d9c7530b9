"""The loop around ingest: COMMIT, then PUBACK, then WATERMARK; and nothing ends it."""

import sqlite3
import threading
import time

import pytest

from protocol.schema import Watermark
from protocol.wire import parse
from sim.backend import ingest
from sim.backend.connection import Delivery
from sim.backend.pacer import Pacer
from sim.backend.store import open_store
from sim.backend.subscriber import Stop, Subscriber
from tests.sim.backend.dispenser import events

WITHIN = 10


class Wire:
    """Stands for the MQTT connection, and looks at the database whenever something goes out."""

    def __init__(self, backend, dispenser):
        self.seen = []
        self.up = True
        self.moved = threading.Condition()
        self._backend = backend
        self._dispenser = dispenser

    def start(self):
        pass

    def stop(self):
        pass

    def publish(self, topic, payload):
        if self.up:
            self._note(("watermark", topic, parse(Watermark, payload)))
        return self.up

    def deliver(self, stop, payload, kind="events"):
        topic = f"rtm/v1/gw-1/up/{self._dispenser.id}/{kind}"
        stop.inbox.put(Delivery(topic, payload, False, lambda: self._note(("puback",))))

    def _note(self, event):
        reader = open_store(self._backend.folder / "store.db", readonly=True)
        rows = reader.records(self._dispenser.id, self._dispenser.epoch)
        reader.close()
        with self.moved:
            self.seen.append((*event, len(rows)))
            self.moved.notify_all()

    def wait_for(self, number):
        with self.moved:
            assert self.moved.wait_for(lambda: len(self.seen) >= number, WITHIN), self.seen
        return self.seen


@pytest.fixture
def running(backend, dispenser):
    wire = Wire(backend, dispenser)
    stop = Stop()
    loop = Subscriber(stop, backend.store, backend.ingest, Pacer(3600, 5), wire)
    thread = threading.Thread(target=loop.run)
    thread.start()
    yield wire, stop
    stop.request()
    thread.join(WITHIN)
    assert not thread.is_alive()


def test_commit_then_puback_then_watermark(running, dispenser):
    wire, stop = running
    wire.deliver(stop, events(dispenser.epoch, [dispenser.made[0]]))
    (puback, watermark) = wire.wait_for(2)
    assert puback == ("puback", 1)
    assert watermark[0] == "watermark"
    assert watermark[1] == f"rtm/v1/gw-1/dn/{dispenser.id}/watermark"
    assert (watermark[2].next, watermark[3]) == (1, 1)


def test_after_the_first_one_watermarks_wait_for_enough_records(running, dispenser):
    wire, stop = running
    for number, made in enumerate([dispenser.made[0], *dispenser.run(6)]):
        wire.deliver(stop, events(dispenser.epoch, [made]))
        # each in a transaction of its own: WATERMARKs come after the first and after the sixth
        wire.wait_for(2 + number + (number >= 5))
    seen = wire.wait_for(9)
    assert [event[0] for event in seen].count("puback") == 7
    assert [event[2].next for event in seen if event[0] == "watermark"] == [1, 6]


def test_a_locked_store_holds_the_puback_back(running, backend, dispenser):
    wire, stop = running
    other = sqlite3.connect(backend.folder / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wire.deliver(stop, events(dispenser.epoch, [dispenser.made[0]]))
    deadline = time.monotonic() + WITHIN
    while not backend.store._counts["store_busy"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert wire.seen == []
    other.execute("ROLLBACK")
    other.close()
    assert [event[0] for event in wire.wait_for(2)] == ["puback", "watermark"]
    stop.request()


def test_a_locked_store_does_not_keep_the_process_from_ending(backend, dispenser):
    wire, stop = Wire(backend, dispenser), Stop()
    loop = Subscriber(stop, backend.store, backend.ingest, Pacer(3600, 5), wire)
    other = sqlite3.connect(backend.folder / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wire.deliver(stop, events(dispenser.epoch, [dispenser.made[0]]))
    timer = threading.Timer(0.5, stop.request)
    began = time.monotonic()
    timer.start()
    loop.run()
    assert time.monotonic() - began < 2.5
    assert wire.seen == []
    other.close()


def test_a_watermark_that_could_not_be_sent_is_sent_later(running, dispenser):
    wire, stop = running
    wire.up = False
    wire.deliver(stop, events(dispenser.epoch, [dispenser.made[0]]))
    wire.wait_for(1)
    wire.up = True
    stop.inbox.put("connects")
    assert wire.wait_for(2)[1][0] == "watermark"


def test_what_waits_shares_a_transaction_and_is_confirmed_after_it(backend, dispenser):
    wire, stop = Wire(backend, dispenser), Stop()
    for made in [dispenser.made[0], *dispenser.run(9)]:
        wire.deliver(stop, events(dispenser.epoch, [made]))
    loop = Subscriber(stop, backend.store, backend.ingest, Pacer(3600, 5), wire)
    thread = threading.Thread(target=loop.run)
    thread.start()
    seen = wire.wait_for(11)
    stop.request()
    thread.join(WITHIN)
    assert seen[:10] == [("puback", 10)] * 10
    assert (seen[10][0], seen[10][2].next) == ("watermark", 10)


def test_one_payload_that_meets_a_defect_does_not_take_the_others_down(
    backend, dispenser, monkeypatch
):
    wire, stop = Wire(backend, dispenser), Stop()
    parse = ingest.parse

    def fail(kind, body):
        if body == b"the one":
            raise ZeroDivisionError
        return parse(kind, body)

    monkeypatch.setattr(ingest, "parse", fail)
    wire.deliver(stop, events(dispenser.epoch, [dispenser.made[0]]))
    wire.deliver(stop, b"the one")
    wire.deliver(stop, events(dispenser.epoch, dispenser.run(2)))
    loop = Subscriber(stop, backend.store, backend.ingest, Pacer(3600, 5), wire)
    thread = threading.Thread(target=loop.run)
    thread.start()
    seen = wire.wait_for(4)
    stop.request()
    thread.join(WITHIN)
    assert [event[0] for event in seen[:3]] == ["puback"] * 3
    assert seen[2][1] == 3, "stored before the last confirmation"


def test_a_defect_of_ours_is_counted_and_the_next_payload_works(
    running, backend, dispenser, monkeypatch
):
    wire, stop = running

    def fail(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(backend.ingest, "take_all", fail)
        wire.deliver(stop, b"whatever")
        assert wire.wait_for(1) == [("puback", 0)]
    wire.deliver(stop, events(dispenser.epoch, [dispenser.made[0]]))
    wire.wait_for(3)
    reader = open_store(backend.folder / "store.db", readonly=True)
    deadline = time.monotonic() + WITHIN
    while reader.counters().get("internal_errors") != 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    reader.close()


def test_a_refusal_is_named_and_only_then_a_second_reading_counts(running, backend, dispenser):
    wire, stop = running
    payload = bytearray(events(dispenser.epoch, [dispenser.made[0]]))
    payload[-1] ^= 1
    wire.deliver(stop, bytes(payload))
    assert wire.wait_for(2)[1][2].refused == [0]
    deadline = time.monotonic() + WITHIN
    reader = open_store(backend.folder / "store.db", readonly=True)
    while reader.refused()[0].named_at is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    backend.clock.pass_seconds(5)
    wire.deliver(stop, bytes(payload))
    assert wire.wait_for(4)[3][2].next == 0
    assert reader.refused()[0].stored
    wire.deliver(stop, events(dispenser.epoch, dispenser.run(1)))
    stop.inbox.put("connects")
    deadline = time.monotonic() + WITHIN
    while reader.watermark(dispenser.id, dispenser.epoch).next != 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    reader.close()
