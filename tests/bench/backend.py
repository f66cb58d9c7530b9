"""Ingest of one worker, from payload to COMMIT: chain verified, `next` moved, rows on disk.

Records are real chains, made before the clock starts. Payloads come as a drain brings them (200
records) and as everyday ones do (5 records); 16 share a transaction, as when deliveries queue.
PUBACK and MQTT are not in it. The disk is the one of the temporary folder.
"""

import random
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from protocol.chain import BlockKeys, root_key, tag
from sim.backend.ingest import Ingest, Payload
from sim.backend.registry import Entry, Registry, RegistryFile, save
from sim.backend.store import Store, now_us, open_store
from tests.bench.figures import Figure
from tests.support.chains import events_body, untagged
from tests.support.postgres import cluster, programs

_DISPENSERS = 40
_RECORDS = 1000
_DRAIN, _EVERYDAY = 200, 5
_TOGETHER = 16
_GOAL = 10_000
_SEED = 5
_KINDS = ((0x20, b"\0\1"), (0x22, b"\0\1\2\0\0"), (0x21, b"\0\1" + bytes(4) + b"\2"))


def figures() -> Iterator[Figure]:
    """Measure SQLite, and PostgreSQL where it is installed."""
    chains = [_chain(number) for number in range(_DISPENSERS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        entries = {d: Entry(secret.hex(), [epoch]) for d, epoch, secret, _ in chains}
        save(folder / "registry.json", Registry(entries))
        for size in (_DRAIN, _EVERYDAY):
            goal = _GOAL if size == _DRAIN else None
            where = folder / f"{size}.db"
            rate = _rate(where, folder / "registry.json", _payloads(chains, size))
            yield Figure(f"SQLite, payloads of {size}", rate, "records/s", least=goal)
        if programs() is None:
            return
        for size in (_DRAIN, _EVERYDAY):
            goal = _GOAL if size == _DRAIN else None
            with cluster(folder=folder) as url:
                rate = _rate(url, folder / "registry.json", _payloads(chains, size))
            yield Figure(f"PostgreSQL, payloads of {size}", rate, "records/s", least=goal)


def _rate(where: Path | str, registry: Path, payloads: list[Payload]) -> float:
    store = open_store(where)
    ingest = Ingest(store, RegistryFile(registry), now_us, 2.0)
    begun = time.perf_counter()
    stored = sum(
        outcome.stored
        for at in range(0, len(payloads), _TOGETHER)
        for outcome in ingest.take_all(payloads[at : at + _TOGETHER])
    )
    took = time.perf_counter() - begun
    _check(store, stored)
    return stored / took


def _check(store: Store, stored: int) -> None:
    nexts = [stream.next for stream in store.streams()]
    store.close()
    assert stored == _DISPENSERS * _RECORDS
    assert nexts == [_RECORDS] * _DISPENSERS


def _chain(number: int) -> tuple[str, int, bytes, list[bytes]]:
    device, epoch = struct.pack(">Q", number + 1), 1000 + number
    secret = bytes([number]) * 32
    keys = BlockKeys(root_key(secret, device, epoch))
    raws: list[bytes] = []
    for seq in range(_RECORDS):
        kind, data = _KINDS[seq % len(_KINDS)]
        body = untagged(seq, kind, data, time=90_000_000 + seq)
        previous = raws[-1][-8:] if raws else bytes(8)
        raws.append(body + tag(keys[seq >> 8], previous, body))
    return device.hex(), epoch, secret, raws


def _payloads(chains: list[tuple[str, int, bytes, list[bytes]]], size: int) -> list[Payload]:
    random_ = random.Random(_SEED)
    waiting = {device: (epoch, raws) for device, epoch, _, raws in chains}
    at = dict.fromkeys(waiting, 0)
    found = []
    # every dispenser in its own order, all of them mixed
    for device in random_.sample(
        sorted(waiting) * (_RECORDS // size), k=_DISPENSERS * (_RECORDS // size)
    ):
        epoch, raws = waiting[device]
        first = at[device]
        previous = raws[first - 1][-8:] if first else bytes(8)
        body = events_body(epoch, previous, raws[first : first + size])
        found.append(Payload(f"rtm/v1/gw-1/up/{device}/events", body))
        at[device] += size
    return found
