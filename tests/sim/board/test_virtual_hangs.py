"""A board that hangs in virtual time: watchdog, Ctrl-C, the power switch."""

from __future__ import annotations

import select
from collections.abc import Callable

import pytest

from sim.clock import START_NS, VirtualClock
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import SECOND_NS, lines

HUNG = """
import machine, time
print("cause", machine.reset_cause(), time.time_ns())
wdt = machine.WDT(timeout=500)
for n in range(10):
    time.sleep_ms(400)
    wdt.feed()
if machine.reset_cause() == 1:
    print("hung", time.time_ns())
    {hang}
print("lives")
while True:
    time.sleep_ms(400)
    wdt.feed()
"""


@pytest.mark.parametrize(
    "hang",
    [
        "while time.ticks_ms() >= 0: pass",
        "time.sleep(3600)",
        pytest.param("while True: pass", marks=pytest.mark.slow),
    ],
)
def test_the_watchdog_bites_in_virtual_time(
    in_virtual_time: Callable[..., None], hang: str
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.advance(3600)
        assert [end.cause for end in bench.board.exits] == ["watchdog"]
        # fed at 10 * 400 ms, bitten 500 ms later
        assert 0 <= bench.board.exits[0].time_ns - START_NS - 4_500_000_000 < 1_000_000
        assert [cause for cause, _ in lines(bench, b"cause")] == [1, 3]
        assert bench.console.count(b"lives") == 1
        assert bench.board.state == "running"

    in_virtual_time(scenario, HUNG.format(hang=hang))


@pytest.mark.slow
def test_a_hung_board_can_be_interrupted_and_switched_off(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        bench.install(main="while True: pass")
        await bench.board.power_on()
        assert bench.board.state == "running"
        await clock.paced(bench.mpremote("exec", "print('talks')"))
        await clock.paced(bench.mpremote("reset"))  # into the loop again
        await clock.run_until(lambda: bench.board.exits[-1].cause == "reset")
        began = clock.now_ns
        await clock.advance(86400)
        assert clock.now_ns == began + 86400 * SECOND_NS
        await bench.board.power_cut()
        assert bench.board.state == "off"

    in_virtual_time(scenario)


def type_at(bench: Bench, data: bytes) -> None:
    """Give bytes to a board that waits or hangs, at this very moment."""
    turns = bench.board._turns
    assert turns
    assert turns.type(data) == len(data)


def test_what_comes_while_a_hung_board_wakes_up_is_seen(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        type_at(bench, b"\x03")
        process = bench.board._process
        assert process
        # it has said that it waits, and nobody has heard it yet
        assert select.select([process._rx], [], [], 60)[0]
        type_at(bench, b"print(6 * 7)\r")
        await clock.run_until(lambda: b"\n42" in bench.console)

    in_virtual_time(scenario, "while True: pass")


def test_ctrl_c_strikes_the_moment_it_is_typed(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        for number in range(1, 201):
            await clock.advance(0.001)
            before = clock.now_ns
            type_at(bench, b"\r\x03\r")
            await clock.run_until(lambda: bench.console.count(b"struck") == number)  # noqa: B023
            assert clock.now_ns - before < 1_000_000

    in_virtual_time(
        scenario,
        "import time\nwhile True:\n    try:\n        time.sleep(3600)\n"
        "    except KeyboardInterrupt:\n        print('struck')\n",
    )
