"""`python -m tests.sim.wired FOLDER`: an emulated dispenser and an emulated fixture, pin to pin.

Prints both ports, then runs until it is ended. To whoever opens the ports they are two Picos.
"""

import asyncio
import dataclasses
import sys
from pathlib import Path

from littlefs import LittleFS

from hardware import board
from hardware.board import Input
from sim.board.emulated import EmulatedBoard, OutputEvent

PICO = board.load("pico")
FIRMWARE = Path(__file__).parent.parent.parent / "firmware"
SUPPLY = "ir_supply"
_SLOW_S = 0.1
"""An emulated fixture on a busy machine may follow the supply so late, a Pico does at once:
until then the beams stay as they were. The emulated dispenser knows by itself when they are dark.
"""
BY_PIN = {f"gpio{part.pin}": name for name, part in PICO.inputs.items()}


class Wired:
    """Two boards and the wires between them."""

    def __init__(self, folder: Path) -> None:
        # to the fixture the dispenser's supply is an input, and its inputs are outputs
        supply = Input(PICO.outputs[SUPPLY], active=1, pull_up=False, debounce_ms=0)
        other = dataclasses.replace(PICO, inputs={SUPPLY: supply}, outputs={})
        self.dispenser = EmulatedBoard(
            folder / "dispenser", PICO, name="bench", on_output=self._lit
        )
        self.fixture = EmulatedBoard(
            folder / "fixture", other, name="fixture", on_output=self._drawn
        )
        install(folder / "fixture" / "flash.img")
        self._levels: dict[str, int] = {}
        self._active: dict[str, bool] = {}
        self._answering = False
        self._answers = asyncio.get_running_loop().call_later(0, lambda: None)

    def _lit(self, event: OutputEvent) -> None:
        if event.name != SUPPLY:
            return
        lit = event.value > 0
        self.fixture.set_input(SUPPLY, lit)
        self._answers.cancel()
        self._answering = False
        if lit:
            self._answers = asyncio.get_running_loop().call_later(_SLOW_S, self._answered)

    def _answered(self) -> None:
        self._answering = True
        for name, level in self._levels.items():
            self._wire(name, level)

    def _drawn(self, event: OutputEvent) -> None:
        name = BY_PIN.get(event.name)
        if name and event.kind == "level":
            self._levels[name] = event.value
            if self._answering or not PICO.inputs[name].lit_by:
                self._wire(name, event.value)

    def _wire(self, name: str, level: int) -> None:
        active = level == PICO.inputs[name].active
        if self._active.get(name, False) != active:
            self._active[name] = active
            self.dispenser.set_input(name, active)


def install(path: Path) -> None:
    """Put the fixture's firmware onto a flash image, as docs/hardware.md says."""
    flash = PICO.flash
    fs = LittleFS(
        block_size=flash.block_size, block_count=flash.blocks, prog_size=256, read_size=32,
        cache_size=1024, lookahead_size=32, mount=False,
    )  # fmt: skip
    fs.format()
    fs.mount()
    for name in ("fixture/main.py", "dispenser/pins.py"):
        with fs.open(Path(name).name, "wb") as file:
            file.write((FIRMWARE / name).read_bytes())
    path.write_bytes(fs.context.buffer)


async def _run(folder: Path) -> None:
    wired = Wired(folder)
    async with wired.dispenser, wired.fixture:
        print(wired.dispenser.port, wired.fixture.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
