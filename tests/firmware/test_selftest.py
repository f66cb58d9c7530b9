"""The self-test: what it finds at the first start of a release, and at the prompt."""

import asyncio
from pathlib import Path

import pytest

from protocol.schema import FaultKind, RecordType, ReleaseAction
from protocol.wire import parse_data
from sim.board import images
from sim.clock import VirtualClock
from tests.firmware.rig import Rig, copy, play
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import journal, set_up

AT_THE_PROMPT = "from dispenser import selftest; print(selftest.run())"
SET_CLOCK = (
    "from dispenser import pins\nfrom dispenser.drivers import chip\n"
    "from dispenser.drivers.rtc import Ds3231\nDs3231(chip.bus(), pins.DS3231).set(63158400)"
)
STARTED, CONFIRMED = int(ReleaseAction.started), int(ReleaseAction.confirmed)


async def two_starts(folder: Path, stopped: bool) -> list[tuple[str, int]]:
    """Start twice; return what became of the release, and the faults."""
    clock = VirtualClock()
    bench = Bench(folder / "board", clock=clock, seed=1, on_output=None)

    def stop(main: bytes) -> bytes:
        if stopped:
            images.stop_oscillator(bench.folder)
        return main

    try:
        await set_up(bench, clock, folder / "scratch", stop)
        await clock.advance(90)
        await bench.board.power_cut()
        await bench.board.power_on()
        await clock.advance(90)
        await bench.board.power_cut()
        found = [(r, parse_data(r)) for r in journal(bench)]
    finally:
        await bench.board.close()
    return [
        (RecordType(r.type).name, int(data.action if r.type == RecordType.release else data.kind))
        for r, data in found
        if r.type in (RecordType.release, RecordType.fault)
    ]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_first_start_tells_what_is_broken_and_confirms(tmp_path: Path, stopped: bool) -> None:
    faults = [("fault", int(FaultKind.clock))] if stopped else []
    expected = [("release", STARTED), *faults, ("release", CONFIRMED)]
    assert asyncio.run(two_starts(tmp_path, stopped)) == expected


def test_at_the_prompt_it_gives_the_codes_of_the_faults(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        # its clock was never set
        assert await rig.mpremote("exec", AT_THE_PROMPT) == f"[{int(FaultKind.clock)}]\n"
        await rig.mpremote("resume", "exec", SET_CLOCK)
        assert await rig.mpremote("resume", "exec", AT_THE_PROMPT) == "[]\n"
        cells = rig.board.folder / "eeprom.bin"
        cells.write_bytes(b"\xff" * cells.stat().st_size)
        assert await rig.mpremote("resume", "exec", AT_THE_PROMPT) == (
            f"[{int(FaultKind.key_store)}]\n"
        )

    play(copy(provisioned, tmp_path), scenario)
