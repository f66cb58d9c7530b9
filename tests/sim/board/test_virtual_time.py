"""Virtual time: what a board does in it, to the microsecond."""

from __future__ import annotations

import time
from collections.abc import Callable

from sim.clock import START_NS, VirtualClock
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import HOUR_NS, SECOND_NS, lines


def test_a_sleep_of_hours_takes_no_time(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        began = time.monotonic()
        await clock.run_until(lambda: b"awake" in bench.console, within_s=40_000)
        assert 10 * HOUR_NS <= clock.now_ns - START_NS < 10 * HOUR_NS + SECOND_NS
        ((ticks, seconds),) = lines(bench, b"awake")
        assert ticks == 36_000_000
        assert seconds == 36_000
        assert time.monotonic() - began < 60

    in_virtual_time(
        scenario,
        "import machine, time\nt, s = time.ticks_ms(), time.time()\ntime.sleep(3 * 3600)\n"
        "time.sleep_ms(3 * 3600000)\nmachine.lightsleep(4 * 3600000)\n"
        "print('awake', time.ticks_diff(time.ticks_ms(), t), time.time() - s)\n",
    )


MANY = """
import asyncio, time
start = time.ticks_ms()
done = []
async def one(n):
    await asyncio.sleep_ms(n * 7919 % 1000 * 100)
    await asyncio.sleep(n)
    done.append((time.ticks_diff(time.ticks_ms(), start), n))
async def main():
    await asyncio.gather(*[one(n) for n in range(100)])
    for when, n in done:
        print("task", n, when)
asyncio.run(main())
print("all")
"""


def test_asyncio_with_many_tasks(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.run_until(lambda: b"all" in bench.console, within_s=1000)
        due = {n: n * 7919 % 1000 * 100 + n * 1000 for n in range(100)}
        told = lines(bench, b"task")
        assert [n for n, _ in told] == sorted(due, key=lambda n: due[n])
        # asking for the ticks takes time, a microsecond each
        assert all(due[n] <= when <= due[n] + 10 for n, when in told)

    in_virtual_time(scenario, MANY)


WRAP = """
import asyncio, time
async def main():
    last, up = time.ticks_ms(), 0
    for n in range(24 * 30):
        await asyncio.sleep(3600)
        now = time.ticks_ms()
        up += time.ticks_diff(now, last)
        last = now
    print("hours", n + 1, up, now)
    try:
        await asyncio.sleep(7 * 86400)
    except OverflowError:
        print("too long")
asyncio.run(main())
"""


def test_ticks_wrap_after_twelve_days_and_asyncio_goes_on(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.advance(30 * 86400 + 1)
        ((hours, up, now),) = lines(bench, b"hours")
        assert hours == 720
        assert 0 <= up - 720 * 3_600_000 < 100
        assert now == up % 2**30
        assert b"too long" in bench.console

    in_virtual_time(scenario, WRAP)


EDGES = """
import time
from machine import Pin
seen = []
pin = Pin({pin}, Pin.IN, Pin.PULL_UP)
pin.irq(lambda p: seen.append((time.time_ns(), p.value())), Pin.IRQ_RISING | Pin.IRQ_FALLING)
out = Pin(15, Pin.OUT)
start = time.time_ns()
for n in range(20):
    time.sleep_ms(100)
    out.toggle()
print("start", start)
for when, level in seen:
    print("edge", when, level)
"""


def test_stimuli_come_at_their_time_between_the_boards_timers(
    in_virtual_time: Callable[..., None],
) -> None:
    order: list[str] = []

    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        asked = [50_000, 99_999, 150_001, 150_002, 1_000_000, 1_700_123]
        told: list[int] = []

        def touch(number: int) -> None:
            told.append(bench.board.set_input("lid", number % 2 == 0))
            order.append(f"lid {clock.now_ns - START_NS}")

        for number, us in enumerate(asked):
            clock.call_at(START_NS + us * 1000, lambda number=number: touch(number))
        await clock.run_until(lambda: b">>> " in bench.console, within_s=10)
        assert told == [START_NS + us * 1000 for us in asked]
        ((start,),) = lines(bench, b"start")
        seen = [(when - start) // 1000 for when, _ in lines(bench, b"edge")]
        apart = [when - us for when, us in zip(seen, asked, strict=True)]
        # the board's time of day began with its first ticks; a handler takes a few more
        assert max(apart) - min(apart) <= 20
        toggles = [event.time_ns for event in bench.events if event.name == "buzzer"]
        assert len(toggles) == 20
        for number, when in enumerate(toggles, 1):
            assert 0 <= when - START_NS - number * 100_000_000 < 1_000_000

    main = EDGES.format(pin=0)

    async def with_pin(bench: Bench, clock: VirtualClock) -> None:
        bench.install(
            main=main.replace("Pin(0,", f"Pin({bench.board.hardware.inputs['lid'].pin},")
        )
        await bench.board.power_on()
        await scenario(bench, clock)

    in_virtual_time(with_pin)
    assert len(order) == 6


def test_a_stimulus_comes_just_before_or_just_after_the_end_of_a_sleep(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        lid = bench.board.hardware.inputs["lid"]
        bench.install(main=f"import time\nfrom machine import Pin\np = Pin({lid.pin}, Pin.IN)\n"
                           "time.sleep_ms(500)\nprint('level', p.value())\n")  # fmt: skip
        for number in range(20):
            bench.board.set_input("lid", False)
            await bench.board.power_on()
            at = clock.now_ns + 500_000_000 + (number - 5) * 1000
            timer = clock.call_at(at, lambda: bench.board.set_input("lid", True) and None)
            await clock.run_until(
                lambda: bench.console.count(b">>> ") == number + 1,  # noqa: B023
            )
            timer.cancel()
            await bench.board.power_cut()
        levels = [level for (level,) in lines(bench, b"level")]
        # it began up to a microsecond before the board was seen to wait, and asking for the ticks
        # takes a few
        in_time = levels.count(lid.active)
        assert 5 <= in_time < 20
        assert levels == [lid.active] * in_time + [1 - lid.active] * (20 - in_time)

    in_virtual_time(scenario)


def test_timers_of_the_board_tick_in_sleeps_loops_and_at_the_prompt(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.run_until(lambda: b">>> " in bench.console, within_s=100)
        assert lines(bench, b"slept") == [[10]]
        assert lines(bench, b"looped") == [[12]]
        before = len(bench.events)
        await clock.advance(600)
        assert len(bench.events) - before == 60

    in_virtual_time(
        scenario,
        "import time\nfrom machine import Pin, Timer\nn = 0\nout = Pin(15, Pin.OUT)\n"
        "def tick(t):\n    global n\n    n += 1\n    out.toggle()\n"
        "t = Timer(period=1000, callback=tick)\ntime.sleep_ms(10500)\nprint('slept', n)\n"
        "s = time.ticks_ms()\nwhile time.ticks_diff(time.ticks_ms(), s) < 2000:\n    pass\n"
        "print('looped', n)\nt.deinit()\nt = Timer(period=10000, callback=tick)\n",
    )


def test_flash_erase_eeprom_and_rtc_take_virtual_time(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.run_until(lambda: b">>> " in bench.console, within_s=100)
        ((erase_ms,),) = lines(bench, b"written")
        erases = sum(bench.board.wear.values())
        assert erases >= 3
        assert erase_ms // 400 in range(3, erases + 1)
        assert erase_ms % 400 == 0
        ((first, later),) = lines(bench, b"rtc")
        assert later - first == 7
        ((busy,),) = lines(bench, b"busy")
        assert busy == 5

    in_virtual_time(
        scenario,
        "import time, machine\nb = machine.I2C(0, sda=machine.Pin(16), scl=machine.Pin(17))\n"
        "t = time.ticks_ms()\nwith open('f', 'wb') as f:\n    f.write(bytes(9000))\n"
        "print('written', time.ticks_diff(time.ticks_ms(), t))\n"
        "b.writeto_mem(0x68, 0, bytes((0x10,)))\na = b.readfrom_mem(0x68, 0, 1)[0]\n"
        "time.sleep_ms(7000)\nprint('rtc', a & 15, b.readfrom_mem(0x68, 0, 1)[0] & 15)\n"
        "b.writeto(0x57, bytes(10))\nn = 0\nwhile True:\n    try:\n        b.readfrom(0x57, 1)\n"
        "        break\n    except OSError:\n        time.sleep_ms(1)\n        n += 1\n"
        "print('busy', n)\n",
        erase_ms=400,
    )
