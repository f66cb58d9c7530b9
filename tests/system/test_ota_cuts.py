"""A release over the whole chain while the dispenser's power or the gateway dies, again and again.

Backend, broker and gateway are the real processes. One transfer lives through all the cuts: what
arrived before stays, the old release runs until the new one is whole, and in the end that runs.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from itertools import groupby
from pathlib import Path

import pytest

from protocol.framing import Deframer, Frame
from protocol.schema import MessageType
from sim import factory
from sim.hello import ask
from tests.system.ota import NEW, TOLD, Ota

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(1800)]
SEED = int(os.environ.get("SEED", "20260801"))
LIMIT = 1500
OF_RELEASE = (MessageType.release_begin, MessageType.release_chunk, MessageType.release_end)
Strike = Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The flash of a dispenser that a tech has flashed with what the sources are."""
    return asyncio.run(factory.flashed(tmp_path_factory.mktemp("factory")))


class Line:
    """What the gateway sends of a release; `struck` says where the last blow fell.

    Each chunk is a place once, so that the transfer goes on; BEGIN and END are one each time.
    """

    def __init__(self, ota: Ota) -> None:
        self.chunks: set[bytes] = set()
        self.begins = self.ends = 0
        self._places: asyncio.Queue[str] = asyncio.Queue()
        self._deframer = Deframer()
        ota.dispenser.board.relay.tamper = self._look

    def _look(self, sender: str, data: bytes) -> bytes:
        if sender == "host":
            for frame in self._deframer.feed(data):
                if frame.from_host and frame.type in OF_RELEASE:
                    self._note(frame)
        return data

    def _note(self, frame: Frame) -> None:
        if frame.type == MessageType.release_chunk:
            at = frame.body[:5]
            if at not in self.chunks:
                self.chunks.add(at)
                self._places.put_nowait(f"chunk {at[0]} {int.from_bytes(at[1:])}")
        elif frame.type == MessageType.release_end:
            self.ends += 1
            self._places.put_nowait(f"end {self.ends}")
        elif not self.chunks:
            self.begins += 1
            self._places.put_nowait(f"begin {self.begins}")

    async def place(self) -> str:
        """Wait for the next place at which something may happen."""
        while self._places.qsize() > 1:  # what came before the last blow was felt
            self._places.get_nowait()
        return await self._places.get()


async def cut(ota: Ota, operation: int, byte: int) -> bool:
    """Cut the power inside an operation from here; False when it is too late for that."""
    board = ota.dispenser.board
    await board.cut_at(operation, byte)
    try:
        await board.wait_cut(60)
    except TimeoutError:
        return False
    await ota.dispenser.power_on()
    return True


async def through(ota: Ota, line: Line, strike: Callable[[str], Awaitable[None]]) -> None:
    """Let it strike at each place until the backend says that the new release runs."""
    applied = asyncio.create_task(ota.until(lambda: ota.command()[0] == "applied", LIMIT))
    while not applied.done():
        place = asyncio.create_task(line.place())
        await asyncio.wait((applied, place), return_when=asyncio.FIRST_COMPLETED)
        if place.done():
            assert ota.command()[0] not in ("refused", "expired"), place.result()
            await strike(place.result())
        place.cancel()
    await applied


async def ended_well(ota: Ota) -> None:
    """The new release runs, and its records tell how it came to that."""
    told = ota.told()
    # a cut between a record and what it tells of: told again
    assert [action for action, _ in groupby(told)] == TOLD, told
    await ota.world.gateway.stop()
    hello = await ask(ota.dispenser.board.port, 20)
    assert (hello.major, hello.minor, hello.patch) == NEW
    assert hello.epoch == ota.dispenser.epoch
    ota.dispenser.follow()


def story(
    folder: Path, image: bytes, made: Callable[[Ota, Line], Callable[[str], Awaitable[None]]]
):
    """Send a release and let what `made` returns strike at each place of its way."""

    async def told() -> None:
        print("seed", SEED)
        ota = Ota(folder, image)
        try:
            await ota.begin()
            line = Line(ota)
            await ota.send(await ota.built(NEW))
            await through(ota, line, made(ota, line))
            await ended_well(ota)
            print(f"{line.begins} BEGIN, {len(line.chunks)} chunks, {line.ends} END")
            assert len(line.chunks) > 60
        finally:
            await ota.world.close()

    asyncio.run(told())


def test_power_cut_in_every_chunk_and_every_operation_of_the_switch(tmp_path, image) -> None:
    rng = random.Random(SEED)
    cuts: list[str] = []

    def made(ota: Ota, line: Line):
        async def strike(place: str) -> None:
            operation = rng.randrange(1, 7)
            if not place.startswith("chunk"):  # one after the other
                operation = int(place.split()[1])
            if await cut(ota, operation, rng.choice((0, rng.randrange(1, 256)))):
                cuts.append(place)

        return strike

    story(tmp_path, image, made)
    print(f"{len(cuts)} cuts")
    assert len(cuts) > 60


def test_gateway_killed_at_a_third_of_the_chunks_and_in_the_switch(tmp_path, image) -> None:
    rng = random.Random(SEED)
    kills: list[str] = []

    def made(ota: Ota, line: Line):
        async def strike(place: str) -> None:
            kind, number = place.split()[:2]
            # a dispenser takes half a second to answer BEGIN; it would never come to that
            spared = {
                "begin": int(number) > 5,
                "chunk": rng.random() > 0.3,
                "end": int(number) > 3,
            }
            if spared[kind]:
                return
            await ota.world.gateway.kill()
            await ota.world.gateway.start()
            kills.append(place)

        return strike

    story(tmp_path, image, made)
    print(f"{len(kills)} kills")
    assert len(kills) > 20
