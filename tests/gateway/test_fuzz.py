"""Mutated frames on the port: alive, and no wrong record."""

import asyncio
import random
from pathlib import Path

import pytest

from protocol.framing import Frame, encode
from sim.certificates import Pki
from tests.support.chains import events_body, plain_chain
from tests.support.dispenser import EVENTS
from tests.support.gateway import rig, until

EPOCH = 0xFA17
pytestmark = pytest.mark.slow


async def _mutate_frames(tmp_path: Path, pki: Pki, seed: int, count: int) -> None:
    dice = random.Random(seed)
    chain = plain_chain(1000)
    async with rig(tmp_path, pki) as r:
        one = r.dispenser(1, EPOCH, chain[:10])
        await r.run_gateway()
        await until(lambda: r.stored(one))
        for number in range(count):
            at = dice.randrange(900)
            body = events_body(EPOCH, bytes(8), chain[at : at + dice.randrange(1, 9)])
            good = encode(Frame(EVENTS, body, dice.randrange(256), from_host=False))
            one.write(_mutated(dice, good))
            if number % 50 == 0:
                await asyncio.sleep(0.002)
            if number % (count // 9) == 0:
                one.write(b"~")
                one.add(*chain[len(one.records) : len(one.records) + 10])
                await until(lambda: r.stored(one), within=30)
        one.write(b"~")
        one.add(*chain[len(one.records) : len(one.records) + 10])
        await until(lambda: r.stored(one), within=30)
        assert r.spooled((one.id, EPOCH)) == one.records, "a wrong record"
        await r.end_gateway()
        assert r.counters()["line_garbage"] > count // 4


def _mutated(dice: random.Random, good: bytes) -> bytes:
    frame = bytearray(good)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(1, len(frame) - 1)
        how = dice.randrange(4)
        if how == 0:
            frame[at] ^= 1 << dice.randrange(8)
        elif how == 1:
            del frame[at : at + dice.randrange(1, 9)]
        elif how == 2:
            frame[at:at] = dice.randbytes(dice.randrange(1, 9))
        else:
            del frame[at:]
        if len(frame) < 4:
            break
    return bytes(frame) if bytes(frame) != good else bytes(frame[:-3])


def test_mutated_frames(tmp_path: Path, pki: Pki) -> None:
    asyncio.run(_mutate_frames(tmp_path, pki, 1, 10_000))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_mutated_frames_for_long(tmp_path: Path, pki: Pki, seed: int) -> None:
    print(f"seed {seed}")
    asyncio.run(_mutate_frames(tmp_path, pki, seed, 100_000))
