"""One dispenser, two patients: late records of the first are never shown under the second."""

import asyncio
import time

import pytest

from protocol import schema, wire
from protocol.schema import MessageType, TimeSource
from sim.backend import registry
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.events import load
from sim.backend.evidence.ledger import Ledger
from sim.backend.evidence.programme import Programme
from sim.backend.ingest import Ingest
from sim.backend.store import now_us, open_store
from tests.tools.test_provision import events, known, press  # noqa: F401 - a fixture
from tools import assignment
from tools.provision import provision, retire
from tools.session import Session
from tools.vault import Vault

pytestmark = pytest.mark.slow
YEAR_MS = 365 * 86_400_000


def now_ms():
    return time.time_ns() // 1_000_000


def set_clock(desk):
    """As a gateway does: good to 1 ms."""

    async def send():
        async with Session(desk.port) as session:
            ms = now_ms()
            told = schema.Time(ms // 1000 - schema.TIME_BASE, ms % 1000, 1, TimeSource.gateway)
            await session._send(MessageType.time, wire.build(told))
            await session.hello()

    asyncio.run(send())


def enrol(path, episode, dispenser, start):
    ledger = Ledger(path, now_ms)
    ledger.enter("clerk", episode, Kind.EPISODE, start, value=f"p-{episode} site Europe/Berlin")
    for kind in (Kind.ORDER, Kind.CONSENT, Kind.ACTIVATION):
        ledger.enter("clerk", episode, kind, start)
    ledger.enter("clerk", episode, Kind.ASSIGNMENT, start, value=dispenser)
    ledger.close()


def test_a_backlog_that_comes_late_belongs_to_the_first_patient_or_to_nobody(
    desk,
    known,  # noqa: F811
    tmp_path,
):
    vault, path = Vault(known), tmp_path / "ledger.db"
    first = desk.hello()
    name = first.device_id.hex()
    enrol(path, "e1", name, now_ms() - YEAR_MS)
    set_clock(desk)
    press(desk)
    press(desk, "button3")
    backlog = events(desk)  # in a gateway's spool, its modem without a network

    retire(desk.port, vault, lost="the gateway is on a shelf")
    assert assignment.close(path, name, "tech 7") == ["e1"]
    provision(desk.port, vault, again=True)
    second = desk.hello()
    assert (second.device_id, second.epoch) != (first.device_id, first.epoch)
    enrol(path, "e2", name, now_ms())
    set_clock(desk)
    press(desk, "button1")

    store = open_store(tmp_path / "store.db")
    ingest = Ingest(store, registry.RegistryFile(known), now_us, 60.0)
    for body in [*events(desk), *backlog]:
        assert ingest.take(f"rtm/v1/gw-1/up/{name}/events", wire.build(body)).watermark
    ledger = Ledger(path, now_ms, create=False)
    programme = Programme(ledger.entries())
    owners = {}
    for event in load(store):
        if event.kind == schema.RecordType.response:
            owner = programme.owner(event).episode
            owners.setdefault(event.key.epoch, []).append(owner)
    ledger.close()
    store.close()
    assert owners == {first.epoch: ["e1", "e1"], second.epoch: ["e2"]}
