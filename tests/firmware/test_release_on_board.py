"""A release over the port of the whole dispenser: power cuts, trial boot, fallback."""

import asyncio
import os
import random
import time
from pathlib import Path

import pytest

from gateway.transfer import Outcome
from protocol import schema, wire
from protocol.schema import MessageType, RecordType, ReleaseAction
from tests.firmware.rig import Rig, copy, play
from tests.firmware.updating import VERSION, compiled, newer, step, transfer_of


async def told(rig: Rig) -> list[tuple[ReleaseAction, str]]:
    records = await rig.records(0, (await rig.hello()).next)
    found = [wire.parse_data(r) for r in records if r.type == RecordType.release]
    return [(f.action, chr(f.slot)) for f in found if isinstance(f, schema.Release)]


async def until_told(rig: Rig, *expected: tuple[ReleaseAction, str]) -> None:
    end = time.monotonic() + 40
    while await told(rig) != list(expected):
        assert time.monotonic() < end, await told(rig)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("cuts", [3, pytest.param(400, marks=pytest.mark.soak)])
@pytest.mark.timeout(1800)
def test_cut_again_and_again_it_arrives_and_is_tried(
    provisioned: Path, tmp_path: Path, cuts: int
) -> None:
    seed = int(os.environ.get("SEED", "7"))
    rng = random.Random(seed)

    async def scenario(rig: Rig) -> None:
        print("seed", seed)
        transfer = transfer_of(contents)
        transfer.greeted(await rig.hello())
        left = cuts
        while transfer.outcome is None:
            if left and rng.random() < (0.05 if cuts < 10 else 0.9):
                left -= 1
                # most strike inside the chunk that comes next
                await rig.board.cut_at(rng.randrange(1, 6), rng.randrange(256))
                await step(rig, transfer)
                rig.close()
                await rig.board.power_cut()
                await rig.board.power_on()
                transfer.greeted(await rig.hello())
            elif not await step(rig, transfer):
                transfer.greeted(await rig.hello())
        assert transfer.outcome == Outcome.installed, transfer.reason
        received, started = (ReleaseAction.received, "b"), (ReleaseAction.started, "b")
        await until_told(rig, received, started)
        if cuts > 10:
            await until_told(rig, received, started, (ReleaseAction.confirmed, "b"))
        assert "/slots/b" in await rig.mpremote("resume", "exec", "import sys;print(sys.path[0])")

    board = copy(provisioned, tmp_path)
    contents = newer(board, tmp_path)
    play(board, scenario)


def test_presses_during_a_transfer_are_recorded_in_time(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        transfer = transfer_of(contents)
        transfer.greeted(await rig.hello())
        pressed = asyncio.create_task(presses(rig, 12))
        while not pressed.done() and await step(rig, transfer):
            pass
        await pressed
        for _ in range(10):
            if len(buttons := await answered(rig)) == 12:
                break  # the last may have been on its way to the flash
        assert buttons == [n % 5 for n in range(12)]

    board = copy(provisioned, tmp_path)
    contents = newer(board, tmp_path)
    play(board, scenario, erase_ms=45)


async def answered(rig: Rig) -> list[int]:
    records = await rig.records(1, (await rig.hello()).next - 1)
    return [
        wire.parse(schema.Response, r.data).button
        for r in records if r.type == RecordType.response
    ]  # fmt: skip


async def presses(rig: Rig, count: int) -> None:
    for n in range(count):
        await rig.press(f"button{n % 5}", 120)


async def ask(rig: Rig, kind: MessageType) -> bytes:
    rig.send(kind, b"")
    frame = await rig.frame(kind, 3)
    assert frame
    return frame.body


@pytest.mark.soak
def test_a_release_that_does_not_start_is_left_again(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        transfer = transfer_of(contents)
        transfer.greeted(await rig.hello())
        while await step(rig, transfer):
            pass
        boots = rig.board.boots
        await rig.board.wait_for(lambda: rig.board.boots >= boots + 4, 30)
        hello = await rig.hello()
        assert (hello.major, hello.minor, hello.patch) != VERSION
        await until_told(rig, (ReleaseAction.received, "b"), (ReleaseAction.reverted, "b"))
        transfer.greeted(hello)
        await step(rig, transfer)
        assert transfer.reason == schema.RefusedReason.counter

    board = copy(provisioned, tmp_path)
    contents = newer(board, tmp_path, compiled(tmp_path, "raise ValueError('no good')\n"))
    play(board, scenario)
