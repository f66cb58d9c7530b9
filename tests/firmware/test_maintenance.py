"""Mode bench by a message: typed in each record, over by itself, at a reset, or when told.

And what is left to do when not even a prompt comes.
"""

import asyncio
from pathlib import Path

import pytest

from hardware import board
from protocol import schema, wire
from protocol.schema import ErrorCode, MessageType, Mode, RecordType
from sim.board.emulated import EmulatedBoard
from tests.firmware.rig import Rig, copy, files, play
from tests.support.micropython import FIRMWARE


async def enter(rig: Rig, mode: int, minutes: int) -> Mode | ErrorCode:
    rig.send(MessageType.mode, bytes((mode, minutes)))
    frame = await rig.frame(MessageType.mode, 0.7)
    if frame:
        return wire.parse(schema.ModeNow, frame.body).mode
    rig.send(MessageType.mode, bytes((mode, minutes)))
    frame = await rig.frame(MessageType.error, 3)
    assert frame, "no answer to MODE"
    return wire.parse(schema.Error, frame.body).code


def test_mode_bench_is_typed_and_ends(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        assert await enter(rig, Mode.bench, 5) == Mode.bench
        await rig.press("button2")
        assert await enter(rig, Mode.patient, 0) == Mode.patient
        await rig.press("button3")
        assert await enter(rig, Mode.bench, 15) == Mode.bench
        rig.close()
        await rig.board.power_cut()
        await rig.board.power_on()
        await rig.hello()
        await rig.press("button4")
        records = await rig.records(1, (await rig.hello()).next - 1)
        told = [
            (RecordType(r.type), r.mode)
            for r in records if r.type in (RecordType.maintenance, RecordType.response)
        ]  # fmt: skip
        begun = (RecordType.maintenance, Mode.bench)
        assert told == [
            begun, (RecordType.response, Mode.bench),
            (RecordType.response, Mode.patient), begun, (RecordType.response, Mode.patient),
        ]  # fmt: skip
        work = [wire.parse_data(r) for r in records if r.type == RecordType.maintenance]
        assert all(isinstance(w, schema.Maintenance) and w.work == schema.Work.bench for w in work)

    play(copy(provisioned, tmp_path), scenario)


def test_only_bench_for_a_quarter_of_an_hour_or_its_end(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        for mode, minutes in ((3, 0), (3, 16), (0, 1), (1, 5), (2, 5), (9, 5)):
            assert await enter(rig, mode, minutes) == ErrorCode.out_of_range
        assert (await rig.hello()).next == 1

    play(copy(provisioned, tmp_path), scenario)


def test_without_a_journal_there_is_no_mode(image: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        assert await enter(rig, Mode.bench, 5) == ErrorCode.not_provisioned

    play(copy(image, tmp_path), scenario)


@pytest.mark.slow
def test_a_board_whose_boot_file_hangs_can_be_set_up_anew(
    provisioned: Path, tmp_path: Path
) -> None:
    """No port comes; through BOOTSEL all of its flash is erased, and it is a new board."""

    async def hangs() -> None:
        async with asyncio.timeout(20):
            hardware = board.load("pico")
            emulated = EmulatedBoard(folder, hardware, name="rig")
            starting = asyncio.create_task(emulated.power_on())
            try:
                await asyncio.sleep(2)
                assert not starting.done() and not emulated.port.exists()
            finally:
                starting.cancel()
                await emulated.close()

    async def scenario(rig: Rig) -> None:
        # as the stock image finds it: formatted, and ready for `dosewire flash`
        assert "boot.py" not in await rig.mpremote("fs", "ls")
        await rig.mpremote("fs", "cp", str(FIRMWARE / "boot.py"), ":")
        assert "boot.py" in await rig.mpremote("fs", "ls")

    folder = copy(provisioned, tmp_path)
    with files(folder) as system, system.open("/boot.py", "wb") as file:
        file.write(b"while True:\n    pass\n")
    asyncio.run(hangs())
    (folder / "flash.img").unlink()
    play(folder, scenario)
