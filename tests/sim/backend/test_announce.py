"""A backend that (re)connects tells every gateway where its streams stand."""

import signal
import time

from sim.backend.duties import Announcer
from sim.backend.pacer import Address, Pacer
from tests.sim.backend.dispenser import Dispenser, events


def drained(announcer, pacer):
    found = []
    for _ in range(100):
        if announcer.wait(0) > 0:
            break
        announcer.do(0)
        for address in pacer.due(0):
            found.append(address)
            pacer.sent(address, 0)
    return found


def test_every_stream_at_every_gateway_it_was_heard_of_at(backend, dispenser, other):
    for d, gateway in ((dispenser, "gw-1"), (other, "gw-1"), (dispenser, "gw-2")):
        backend.take(d, d.hello(), "hello", gateway=gateway)
    pacer = Pacer(3600, 1000)
    announcer = Announcer(backend.store, pacer)
    assert drained(announcer, pacer) == []
    announcer.begin()
    wanted = {
        Address(dispenser.id, dispenser.epoch, "gw-1"),
        Address(dispenser.id, dispenser.epoch, "gw-2"),
        Address(other.id, other.epoch, "gw-1"),
    }
    found = drained(announcer, pacer)
    assert set(found) == wanted
    assert len(found) == 3
    assert drained(announcer, pacer) == []


def test_many_are_announced_in_portions(backend, monkeypatch):
    monkeypatch.setattr("sim.backend.duties._AT_ONCE", 7)
    many = [Dispenser(id=f"{n:016x}") for n in range(30)]
    backend.register(*many)
    for d in many:
        d.born()
        backend.take(d, d.hello(), "hello")
    pacer = Pacer(3600, 1000)
    announcer = Announcer(backend.store, pacer)
    announcer.begin()
    announcer.do(0)
    assert len(pacer.due(0)) == 7
    assert len({address.dispenser for address in drained(announcer, pacer)}) == 30


def test_a_restored_backend_is_refilled_without_being_asked(world, dispenser):
    """The gateway says nothing: the WATERMARK with a new `store` comes by itself."""
    path = world.folder / "store.db"
    world.publish(events(dispenser.epoch, [dispenser.made[0], *dispenser.run(3)]))
    world.watermark(lambda mark: mark.next == 4)
    world.process.end(signal.SIGTERM)
    copy = path.read_bytes()
    world.process.start()
    world.await_backend()
    world.publish(events(dispenser.epoch, dispenser.run(4)))
    before = world.watermark(lambda mark: mark.next == 8)
    world.process.end(signal.SIGTERM)
    path.write_bytes(copy)
    world.renew()
    began = time.monotonic()
    world.process.start()
    after = world.watermark(lambda mark: mark.store != before.store)
    assert after.next == 4, time.monotonic() - began
