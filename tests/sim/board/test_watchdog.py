"""Watchdog, timers, resets and what survives them."""

import time
from collections.abc import Callable

import pytest

from tests.sim.board.bench import Bench

BASE = "0x40058000"

# the firmware's way to keep a tech at the prompt from being reset: see boot.py
FEEDER = """
import machine
def feed(timer):
    machine.mem32[0x40058004] = 0x7fffff
if machine.mem32[0x40058000] & 1 << 30:
    feeder = machine.Timer(period=100, callback=feed)
"""


async def ended(bench: Bench, cause: str, count: int = 1) -> None:
    """Wait until the board has ended `count` times for this cause, and runs again."""

    def so_often() -> bool:
        return sum(end.cause == cause for end in bench.board.exits) >= count

    await bench.board.wait_for(so_often)
    await bench.board.wait_for(lambda: bench.board.state == "running")


def test_an_unfed_watchdog_resets_in_its_time(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="import machine, time\n"
                           "print('cause', machine.reset_cause(), machine.mem32[0x40058008])\n"
                           "if machine.reset_cause() == 1:\n    w = machine.WDT(timeout=2000)\n"
                           "    for _ in range(8):\n        time.sleep_ms(300)\n        w.feed()\n"
                           "    print('starving')\n    while True:\n        pass\n")  # fmt: skip
        await bench.board.power_on()
        await bench.printed(b"starving")
        start = time.monotonic()
        await ended(bench, "watchdog")
        assert time.monotonic() - start >= 1.5  # how late a loaded machine looks is not known
        await bench.printed(b"cause 3 1")
        assert b"cause 1 0" in bench.console

    on_bench(scenario, off=True)


def test_the_watchdog_outlives_a_soft_reset(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        look = f"import machine; print(machine.mem32[{BASE}] >> 30 & 1)"
        # on a busy machine it may bite before the second mpremote has come
        for ms in (1500, 4000, 8000):
            before = sum(end.cause == "watchdog" for end in bench.board.exits)
            await bench.mpremote("exec", f"import machine; machine.WDT(timeout={ms})", code=None)
            says = (await bench.mpremote("exec", look, code=None)).strip()
            if says == "1":
                break
            await ended(bench, "watchdog", before + 1)
        assert says == "1"
        await ended(bench, "watchdog", before + 1)
        says = await bench.run(f"import machine; print(machine.mem32[{BASE}] >> 30 & 1)")
        assert says.strip() == "0"

    on_bench(scenario)


@pytest.mark.soak
def test_a_timer_feeds_at_the_prompt_in_a_sleep_and_in_a_busy_loop(
    on_bench: Callable[..., None],
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(boot=FEEDER)
        await bench.board.power_on()
        await bench.run("import machine; machine.WDT(timeout=1500)")
        await bench.run("import time; time.sleep(1.7)")
        await bench.mpremote("resume", "exec", "import time\nt = time.ticks_ms()\n"
                             "while time.ticks_ms() - t < 1700:\n    pass")  # fmt: skip
        await bench.board.wait_for(bench_has_idled(1.7), timeout=5)
        says = await bench.mpremote("resume", "exec", "print('alive')\nfeeder.deinit()")
        assert says.strip() == "alive"
        assert not [end for end in bench.board.exits if end.cause == "watchdog"]
        await ended(bench, "watchdog")  # the feeder is what kept it alive

    on_bench(scenario, off=True)


def bench_has_idled(seconds: float) -> Callable[[], bool]:
    """A condition that holds once the time has passed; feeds make the board look at it."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def test_timers_tick_while_the_prompt_waits(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        ticks = "import machine\ncount = 0\ndef tick(t):\n    global count\n    count += 1\n"
        await bench.run(ticks + "t = machine.Timer(period=20, callback=tick)\n"
                        "once = machine.Timer(period=50, mode=machine.Timer.ONE_SHOT,\n"
                        "callback=lambda t: machine.Pin(15, machine.Pin.OUT).on())")  # fmt: skip
        await bench.board.wait_for(lambda: bool(bench.events))
        start = time.monotonic()
        first = int(await bench.mpremote("resume", "exec", "print(count)"))
        second = int(await bench.mpremote("resume", "exec", "print(count)\nt.deinit()"))
        assert first >= 2
        assert 2 <= second - first <= (time.monotonic() - start) / 0.02 + 2

    on_bench(scenario)


def test_scratch_survives_resets_but_not_power(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        scratch = "import machine; print(machine.mem32[0x4005800c], machine.mem32[0x40058018])"
        await bench.run(
            "import machine; machine.mem32[0x4005800c] = 7; machine.mem32[0x40058018] = 0xfedcba98"
        )
        await bench.mpremote("reset")
        await ended(bench, "reset")
        assert (await bench.run(scratch)).strip() == f"7 {0xFEDCBA98}"
        await bench.board.power_cut()
        await bench.board.power_on()
        assert (await bench.run(scratch)).strip() == "0 0"

    on_bench(scenario)


def test_soft_reset_from_main_runs_main_again(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="import machine\nprint('run')\nled = machine.Pin(7, machine.Pin.OUT)\n"
                           "if led.value() == 0:\n    led.on()\n    machine.soft_reset()\n"
                           "print('lit', machine.reset_cause())\n")  # fmt: skip
        await bench.board.power_on()
        await bench.printed(b"lit 1")
        assert bench.console.count(b"run") == 2

    on_bench(scenario, off=True)
