"""What a board in virtual time has to ask for, and what not; and that it misses nothing by it."""

from collections.abc import Callable

import pytest

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
