"""Inputs, interrupts, outputs and the heap's peak."""

import re
import time
from collections.abc import Callable

import pytest

from tests.sim.board.bench import PICO, Bench

WATCH = """
import asyncio, time
from machine import Pin
flag = asyncio.ThreadSafeFlag()
pin = Pin({pin}, Pin.IN, Pin.PULL_UP)
seen = bytearray(1)
def edge(p):
    seen[0] += 1
    flag.set()
pin.irq(edge, Pin.IRQ_RISING | Pin.IRQ_FALLING, hard=True)
mirror = Pin(14, Pin.OUT)
async def main():
    print("level", pin.value())
    while True:
        await flag.wait()
        mirror.value(pin.value())
        print("seen", seen[0], pin.value())
asyncio.run(main())
"""


def test_every_input_has_the_level_of_the_description(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        names = list(PICO.inputs)
        pins = [PICO.inputs[name].pin for name in names]
        read = (
            "from machine import Pin; Pin(7, Pin.OUT, value=1)\n"
            f"print(*[Pin(p, Pin.IN, Pin.PULL_UP).value() for p in {pins}])"
        )
        for chosen in (None, "lid", "beam2", "button4", "service"):
            if chosen:
                bench.board.set_input(chosen, True)
            expected = [PICO.inputs[name].active ^ (0 if name == chosen else 1) for name in names]
            assert [int(level) for level in (await bench.run(read)).split()] == expected
            if chosen:
                bench.board.set_input(chosen, False)
        with pytest.raises(KeyError):
            bench.board.set_input("beam9", True)

    on_bench(scenario)


def test_an_edge_wakes_the_loop_at_once(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=WATCH.format(pin=PICO.inputs["lid"].pin))
        await bench.board.power_on()
        await bench.printed(b"level 0")
        delays = []
        for number in range(1, 101):
            edge = bench.board.set_input("lid", number % 2 == 1)
            await bench.board.wait_for(lambda: len(bench.events) == number)  # noqa: B023
            event = bench.events[-1]
            assert (event.name, event.kind, event.value) == ("lights", "level", number % 2)
            delays.append(event.time_ns - edge)
        assert sorted(delays)[50] < 2_000_000
        assert min(delays) > 0
        await bench.printed(b"seen 100 0")
        assert bench.board.peak_heap_bytes > 0

    on_bench(scenario, off=True)


def test_edges_during_a_busy_stretch_are_latched_not_lost(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="from machine import Pin\nimport time\nn = []\n"
                           "for p in (8, 9, 10):\n    Pin(p, Pin.IN, Pin.PULL_UP).irq("
                           "lambda p: n.append((p.irq().flags(), p.value())))\nprint('busy')\n"
                           "Pin(15, Pin.OUT).on()\nt = time.ticks_ms()\n"
                           "while time.ticks_ms() - t < 300:\n    pass\n"
                           "print('before', len(n))\ntime.sleep_ms(1)\n"
                           "print('after', n)")  # fmt: skip
        await bench.board.power_on()
        await bench.board.wait_for(lambda: bool(bench.events))
        for name in ("button0", "button1", "button2"):
            bench.board.set_input(name, True)
        bench.board.set_input("button0", False)  # both edges of one pin make one call
        await bench.printed(b"before 0")
        await bench.printed(b"after [(12, 1), (4, 0), (4, 0)]")

    on_bench(scenario, off=True)


def test_a_beam_is_dark_while_its_light_is_off(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        read = (
            "from machine import Pin\nir = Pin(7, Pin.OUT)\nb = Pin(3, Pin.IN, Pin.PULL_UP)\n"
            "e = []\nb.irq(lambda p: e.append(p.value()))\n"
            "v = [b.value()]\nir.on(); v.append(b.value()); ir.off(); v.append(b.value())\n"
            "print(v, e)"
        )
        assert (await bench.run(read)).strip() == "[1, 0, 1] [0, 1]"
        bench.board.set_input("beam1", True)
        assert (await bench.run(read)).strip() == "[1, 1, 1] []"

    on_bench(scenario)


def test_outputs_are_reported_with_their_time(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        before = time.time_ns()
        await bench.run(
            "from machine import Pin, PWM\nimport neopixel\n"
            "PWM(Pin(15), freq=2000, duty_u16=32768).deinit()\n"
            "n = neopixel.NeoPixel(Pin(14), 2)\nn[1] = (1, 2, 3)\nn.write()\n"
        )
        after = time.time_ns()
        told = [(e.name, e.kind, e.value, e.freq, e.data) for e in bench.events]
        assert told == [
            ("buzzer", "pwm", 32768, 2000, b""),
            ("buzzer", "pwm", 0, 2000, b""),
            ("lights", "pixels", 0, 0, b"\0\0\0\2\1\3"),
        ]
        assert before < bench.events[0].time_ns <= bench.events[2].time_ns < after

    on_bench(scenario)


def test_battery_and_usb_sense(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        read = "from machine import ADC, Pin; print(ADC(26).read_u16(), Pin(24, Pin.IN).value())"
        bench.board.set_battery(3000)
        reading, usb = map(int, (await bench.run(read)).split())
        divider = PICO.dividers.get("battery", 1)
        assert abs(reading - 3000 / divider / 3300 * 65535) <= 1
        assert usb == 1

    on_bench(scenario)


def test_a_hard_handler_must_not_allocate(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="from machine import Pin\nimport time\n"
                           "Pin(8, Pin.IN).irq(lambda p: [0] * 50, hard=True)\n"
                           "print('go')\nwhile True:\n    time.sleep(1)\n")  # fmt: skip
        await bench.board.power_on()
        await bench.printed(b"go")
        bench.board.set_input("button0", True)
        await bench.printed(b"memory allocation failed, heap is locked")

    on_bench(scenario, off=True)


def test_peak_heap_is_what_the_firmware_holds(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="import asyncio, gc\nheld = bytearray(100000)\ngc.collect()\n"
                           "async def main():\n    while True:\n"
                           "        await asyncio.sleep_ms(20)\n"
                           "asyncio.run(main())\n")  # fmt: skip
        await bench.board.power_on()
        await bench.board.wait_for(lambda: bench.board.peak_heap_bytes > 0)
        assert 100_000 <= bench.board.peak_heap_bytes <= 115_000

    on_bench(scenario, off=True)


def test_time_is_rp2_time(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        says = await bench.run(
            "import time\nprint(type(time.time()), time.ticks_add((1 << 30) - 1, 2),\n"
            "    time.ticks_diff(1, (1 << 30) - 1), time.ticks_ms() < 60000)\n"
            "try:\n    time.ticks_add(0, 1 << 29)\nexcept OverflowError as e:\n    print(e)\n"
            "import os; print(os.uname()[0], os.sync())"
        )
        assert re.split(r"\r?\n", says)[:3] == [
            "<class 'int'> 1 2 True",
            "ticks interval overflow",
            "rp2 None",
        ]

    on_bench(scenario)


def test_asyncio_has_the_ticks_of_rp2(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        says = await bench.run(
            "import asyncio\nasync def main():\n    await asyncio.sleep_ms(50)\n"
            "    print('slept')\n    await asyncio.sleep(7 * 86400)\n"
            "try:\n    asyncio.run(main())\nexcept OverflowError as e:\n    print(e)"
        )
        assert says.split("\n")[:2] == ["slept", "ticks interval overflow"]

    on_bench(scenario)
