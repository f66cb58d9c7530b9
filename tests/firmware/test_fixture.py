"""The fixture's firmware under MicroPython: what it drives on each command."""

import asyncio
import dataclasses
import os
import tty
from pathlib import Path

import pytest

from hardware import board
from sim.board.emulated import EmulatedBoard
from tests.sim.board.bench import MPREMOTE

ROOT = Path(__file__).parent.parent.parent / "firmware"
PICO = board.load("pico")
SUPPLY = "ir_supply"
# what drives the dispenser's emitters is an input of the fixture, and its inputs are outputs
BENCH = dataclasses.replace(
    PICO, inputs={SUPPLY: board.Input(PICO.outputs[SUPPLY], 1, False, 0)}, outputs={}
)
NAMES = {f"gpio{part.pin}": name for name, part in PICO.inputs.items()}


async def _copy(port: Path) -> None:
    words = ["connect", str(port), "fs", "cp", str(ROOT / "fixture" / "main.py"), ":main.py"]
    words += ["+", "fs", "cp", str(ROOT / "dispenser" / "pins.py"), ":pins.py"]
    process = await asyncio.create_subprocess_exec(MPREMOTE, *words)
    assert await process.wait() == 0


class Fixture:
    """The board with the fixture's firmware, and its port."""

    def __init__(self, emulated: EmulatedBoard) -> None:
        self.board = emulated
        self._port = os.open(emulated.port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._port)

    async def ask(self, text: str) -> str:
        os.write(self._port, text.encode() + b"\n")
        said = b""
        async with asyncio.timeout(30):
            while (b"ok" not in said and b"error" not in said) or not said.endswith(b"\n"):
                said += await asyncio.to_thread(os.read, self._port, 500)
        return said.decode().strip().splitlines()[-1]

    def close(self) -> None:
        os.close(self._port)


@pytest.mark.slow
def test_each_command_closes_or_opens_its_line(tmp_path: Path) -> None:
    levels: dict[str, int] = {}

    async def scenario() -> None:
        emulated = EmulatedBoard(
            tmp_path, BENCH, name="fixture",
            on_output=lambda event: levels.__setitem__(NAMES.get(event.name, ""), event.value),
        )  # fmt: skip
        try:
            await emulated.power_on()
            await _copy(emulated.port)
            await emulated.power_cut()
            await emulated.power_on()
            await emulated.wait_for(lambda: len(levels) >= 1, 30)
            fixture = Fixture(emulated)
            await _commands(fixture, levels)
            await _light(emulated, fixture, levels)
            fixture.close()
        finally:
            await emulated.close()

    asyncio.run(scenario())


async def _commands(fixture: Fixture, levels: dict[str, int]) -> None:
    at_rest = await fixture.ask("show")
    assert at_rest.startswith("ok beam1 0 beam2 0") and at_rest.endswith("lid 0 service 0")
    # by the board's data: the reed is closed (low) while the lid is closed, a button open (high)
    assert levels["lid"] == 0
    assert await fixture.ask("lid 1") == "ok lid 1"
    assert await fixture.ask("button3 1") == "ok button3 1"
    assert (levels["lid"], levels["button3"]) == (1, 0)
    # no light, no beam: dark reads as broken whatever the fixture was told
    assert await fixture.ask("beam2 0") == "ok beam2 0"
    assert levels.get("beam2", 1) == 1
    assert await fixture.ask("all 0") == "ok all 0"
    assert (levels["lid"], levels["button3"]) == (0, 1)
    assert await fixture.ask("door 1") == (
        "error: no door; there are beam1, beam2, beam3, beam4, button0, button1, button2, "
        "button3, button4, lid, service"
    )
    for wrong in ("lid", "lid 2", "all 1", "\x01\x7f"):
        assert (await fixture.ask(wrong)).startswith("error")
    assert "lid 0" in await fixture.ask("show")


async def _light(emulated: EmulatedBoard, fixture: Fixture, levels: dict[str, int]) -> None:
    # by the board's data: a beam that is lit and whole is low
    assert await fixture.ask("beam3 1") == "ok beam3 1"
    emulated.set_input(SUPPLY, True)
    await emulated.wait_for(lambda: levels["beam2"] == 0, 30)
    assert levels["beam3"] == 1
    assert await fixture.ask("beam3 0") == "ok beam3 0"
    assert levels["beam3"] == 0
    emulated.set_input(SUPPLY, False)
    await emulated.wait_for(lambda: levels["beam2"] == levels["beam3"] == 1, 30)
    # and once more: it waits for the next pulse
    emulated.set_input(SUPPLY, True)
    await emulated.wait_for(lambda: levels["beam2"] == levels["beam3"] == 0, 30)
