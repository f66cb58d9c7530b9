"""What a board in virtual time has to ask for, and what not; and that it misses nothing by it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.board.events import OutputEvent
from sim.board.turns import Turns
from sim.clock import VirtualClock
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import SECOND_NS, lines

WAITS = """
import asyncio, time
from machine import Pin
flag = asyncio.ThreadSafeFlag()
pin = Pin({pin}, Pin.IN)
pin.irq(lambda _: flag.set(), Pin.IRQ_RISING | Pin.IRQ_FALLING)
seen, waits = [], 0
async def main():
    global waits
    while waits < 7200:
        waits += 1
        try:
            await asyncio.wait_for_ms(flag.wait(), 500)
            seen.append(time.ticks_ms())
        except asyncio.TimeoutError:
            pass
asyncio.run(main())
print("waits", waits, *seen)
"""


@pytest.mark.parametrize("touches", [(), (100, 1234, 1235)])
def test_a_board_alone_does_not_ask_for_each_of_its_waits(
    in_virtual_time: Callable[..., None], monkeypatch: pytest.MonkeyPatch, touches: tuple[int, ...]
) -> None:
    asked = []
    real = Turns.idle
    monkeypatch.setattr(Turns, "idle", lambda *words: (asked.append(1), real(*words))[1])

    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        pin = bench.board.hardware.inputs["lid"].pin
        bench.install(main=WAITS.format(pin=pin))
        began = clock.now_ns
        await bench.board.power_on()
        for number, second in enumerate(touches):

            def touch(active: bool = number % 2 == 0) -> None:
                bench.board.set_input("lid", active)

            clock.call_at(began + second * SECOND_NS, touch)
        asked.clear()
        await clock.advance(3700)
        ((waits, *seen),) = lines(bench, b"waits")
        assert waits == 7200
        assert [round(ms / 1000, 1) for ms in seen] == list(touches)
        assert len(asked) <= 20 + 4 * len(touches)

    in_virtual_time(scenario)


def test_a_loop_that_only_looks_at_the_time_ends(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.run_until(lambda: b"passed" in bench.console, within_s=10)
        ((passed,),) = lines(bench, b"passed")
        assert 5 <= passed <= 6

    in_virtual_time(
        scenario,
        "import asyncio, time\nover = False\n"
        "async def end():\n    global over\n    await asyncio.sleep_ms(5)\n    over = True\n"
        "async def main():\n    asyncio.create_task(end())\n    start = time.ticks_ms()\n"
        "    while not over:\n        await asyncio.sleep_ms(0)\n"
        "    print('passed', time.ticks_diff(time.ticks_ms(), start))\n"
        "asyncio.run(main())\n",
    )


def test_the_peak_of_the_heap_is_told_as_if_garbage_were_collected_as_asked(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.advance(1300)
        assert lines(bench, b"heap") == [[40_000]]
        assert 70_000 <= bench.board.peak_heap_bytes <= 78_000

    in_virtual_time(
        scenario,
        "import asyncio, gc\ngc.threshold(40000)\nheld = bytes(30000)\n"
        "print('heap', gc.threshold())\n"
        "async def main():\n    for _ in range(12):\n        await asyncio.sleep(100)\n"
        "        bytes(20000)\nasyncio.run(main())\n",
    )


def test_lights_that_nobody_acts_on_are_told_while_somebody_looks(tmp_path: Path) -> None:
    """Whether somebody does changes nothing for the board, and its reset nothing for who does."""
    main = (
        "import machine, time\npin, n = machine.Pin(2, machine.Pin.OUT), 0\n"
        "while True:\n    n += 1\n    time.sleep_ms(100)\n"
        "    machine.bitstream(pin, 0, (400, 850, 800, 450), bytes((n,)))\n"
        "    if n == 60:\n        machine.reset()\n"
    )

    async def whole(folder: Path, spans: list[tuple[float, bool]]) -> list[tuple[int, int]]:
        clock = VirtualClock()
        told: list[OutputEvent] = []
        bench = Bench(folder, clock=clock, seed=5, on_output=told.append, watched=False)
        bench.install(main=main)
        await bench.board.power_on()
        for seconds, on in spans:
            bench.board.hear(on)
            await clock.advance(seconds)
        await bench.board.close()
        return [(event.time_ns, event.data[0]) for event in told if event.kind == "pixels"]

    assert asyncio.run(whole(tmp_path / "never", [(8, False)])) == []
    always = asyncio.run(whole(tmp_path / "always", [(8, True)]))
    assert [n for _, n in always][:60] == list(range(1, 61))
    assert [n for _, n in always][60:63] == [1, 2, 3]
    parts = asyncio.run(whole(tmp_path / "parts", [(2, False), (2, True), (4, False)]))
    assert 18 <= len(parts) <= 21 and set(parts) < set(always)
