"""The beams' light: pulsed while the lid is open, and reaches seen while flash is written."""

import asyncio
from pathlib import Path

from hardware import board
from protocol import schema, wire
from protocol.schema import RecordType
from sim.board.emulated import EmulatedBoard, OutputEvent
from tests.firmware.rig import Rig, copy, play

QUARTER = 16384


def test_pulsed_from_the_first_edge_until_the_lid_is_closed(
    provisioned: Path, tmp_path: Path
) -> None:
    seen: list[OutputEvent] = []

    async def scenario() -> None:
        hardware = board.load("pico")
        folder = copy(provisioned, tmp_path)
        async with EmulatedBoard(folder, hardware, name="rig", on_output=seen.append) as emulated:
            rig = Rig(emulated)
            await rig.hello()
            await duty(0)
            emulated.set_input("lid", True)
            await duty(QUARTER)
            emulated.set_input("lid", False)
            await duty(0)
            emulated.set_input("lid", True)
            await duty(QUARTER)
            # a tech takes the prompt: nobody switches it off later
            await rig.mpremote("resume", "exec", "1")
            await duty(0)

    async def duty(wanted: int) -> None:
        async with asyncio.timeout(10):
            while not (told := supply()) or told[-1].value != wanted:
                await asyncio.sleep(0.01)

    def supply() -> list[OutputEvent]:
        return [event for event in seen if event.name == "ir_supply"]

    asyncio.run(scenario())
    assert {event.freq for event in supply()} == {8000}
    assert {event.value for event in supply()} == {0, QUARTER}


def test_reaches_while_flash_is_erased_are_doses(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        for n in range(6):
            rig.board.set_input("lid", True)
            await asyncio.sleep(0.1)
            # its record takes an erase, and the reach comes meanwhile
            await rig.press(f"button{n % 5}", 60)
            await rig.press(f"beam{n % 4 + 1}", 60)
            rig.board.set_input("lid", False)
            await asyncio.sleep(0.2)
        records = await rig.records(1, (await rig.hello()).next - 1)
        doses = [wire.parse_data(r) for r in records if r.type == RecordType.dose]
        reached = [dose.compartment for dose in doses if isinstance(dose, schema.Dose)]
        assert reached == [n % 4 + 1 for n in range(6)]
        assert RecordType.fault not in {r.type for r in records}

    play(copy(provisioned, tmp_path), scenario, erase_ms=45)
