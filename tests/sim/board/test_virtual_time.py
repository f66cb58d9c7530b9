"""Virtual time: what a board does in it, to the microsecond, and the same in every run."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import select
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol import schema
from sim.clock import START_NS, ClockError, Participant, RealClock, VirtualClock
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import Patient, Scenario, journal, set_up

HOUR_NS = 3600 * 10**9
SECOND_NS = 10**9


@pytest.fixture
def in_virtual_time(tmp_path: Path) -> Callable[..., None]:
    """Run a scenario with a board whose main.py is `main`; nothing is left running."""

    def run(scenario: Scenario, main: str = "", *, folder: str = "board", **options: int) -> None:
        async def whole() -> None:
            clock = VirtualClock()
            bench = Bench(tmp_path / folder, clock=clock, **options)
            try:
                if main:
                    bench.install(main=main)
                    await bench.board.power_on()
                await scenario(bench, clock)
            finally:
                await bench.board.close()

        asyncio.run(whole())

    return run


def lines(bench: Bench, word: bytes) -> list[list[int]]:
    """The numbers after the word, wherever it was printed."""
    found = re.findall(rb"\b" + word + rb"((?: \d+)+)\r?\n", bench.console)
    return [[int(text) for text in numbers.split()] for numbers in found]


def test_a_sleep_of_hours_takes_no_time(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        began = time.monotonic()
        await clock.run_until(lambda: b"awake" in bench.console, within_s=40_000)
        assert 10 * HOUR_NS <= clock.now_ns - START_NS < 10 * HOUR_NS + SECOND_NS
        ((ticks, seconds),) = lines(bench, b"awake")
        assert ticks == 36_000_000
        assert seconds == 36_000
        assert time.monotonic() - began < 5

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


# a task with a period of an hour, and one whose ticks must come through the wrap at 2**30 ms
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
        # the sleep ends after 500 ms and the few microseconds that asking for the ticks takes
        in_time = levels.count(lid.active)
        assert 6 <= in_time < 20
        assert levels == [lid.active] * in_time + [1 - lid.active] * (20 - in_time)

    in_virtual_time(scenario)


def test_an_instant_is_worked_off_in_order() -> None:
    """Timers as they were set, then participants as they joined, each before the next."""

    async def whole() -> None:
        clock = VirtualClock()
        log: list[str] = []
        at = START_NS + SECOND_NS

        def joined(name: str) -> Participant:
            def run(horizon_ns: int, free_ns: int) -> None:
                log.append(f"{name} {clock.now_ns - START_NS}")
                assert horizon_ns > clock.now_ns or len(log) < 6
                loop.call_later(0.001, participant.idle)

            participant = clock.join(name, run)
            participant.idle(at)
            return participant

        loop = asyncio.get_running_loop()
        first, second = joined("first"), joined("second")
        for number in range(3):
            clock.call_at(at - number // 2, lambda number=number: log.append(f"timer {number}"))
        clock.call_at(at, first.poke)
        cancelled = clock.call_at(at, lambda: log.append("cancelled"))
        cancelled.cancel()
        await clock.advance_to(at - 1000)
        assert log == []
        await clock.advance_to(at)
        ns = SECOND_NS
        assert log == ["timer 0", "timer 1", "timer 2", f"first {ns}", f"second {ns}"]
        second.leave()
        first.leave()
        await clock.advance_to(at + 5)
        assert clock.now_ns == at + 1000

    asyncio.run(whole())


def test_an_error_in_a_callback_reaches_who_lets_time_run() -> None:
    async def whole() -> None:
        clock = VirtualClock()
        clock.call_later(1, lambda: [][0])
        with pytest.raises(IndexError):
            await clock.advance(2)
        await clock.advance(2)
        with pytest.raises(TimeoutError, match="not within 3"):
            await clock.run_until(lambda: False, within_s=3)
        with pytest.raises(ClockError, match="already"):
            await asyncio.gather(clock.advance(1), clock.advance(1))

    asyncio.run(whole())


def test_real_time_has_the_same_face() -> None:
    async def whole() -> None:
        clock = RealClock()
        fired: list[int] = []
        began = clock.now_ns
        clock.call_later(0.05, lambda: fired.append(clock.now_ns))
        clock.call_later(0.01, lambda: fired.append(0)).cancel()
        await clock.run_until(lambda: bool(fired), within_s=5)
        assert len(fired) == 1
        assert fired[0] - began >= 45_000_000
        await clock.advance(0.01)
        with clock.hold():
            assert await clock.paced(asyncio.sleep(0, 42)) == 42
        with pytest.raises(TimeoutError):
            await clock.run_until(lambda: False, within_s=0.02)

    asyncio.run(whole())


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


ECHO = """
import asyncio, sys, time, micropython
micropython.kbd_intr(-1)
async def main():
    reader = asyncio.StreamReader(sys.stdin.buffer)
    while True:
        data = await reader.readexactly(8)
        sys.stdout.buffer.write(data + b"%20d" % time.time_ns())
asyncio.run(main())
"""


def test_no_byte_is_overtaken_by_time(in_virtual_time: Callable[..., None]) -> None:
    """Bytes from and to a host are work: each answer carries the time of its question."""

    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        host = os.open(bench.board.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        answers: list[tuple[int, bytes]] = []
        asked: list[int] = []
        buffer = b""

        def read() -> None:
            nonlocal buffer
            buffer += os.read(host, 4096)
            while len(buffer) >= 28:
                answers.append((clock.now_ns, buffer[:28]))
                buffer = buffer[28:]

        def ask() -> None:
            asked.append(clock.now_ns)
            os.write(host, b"%08d" % len(asked))

        asyncio.get_running_loop().add_reader(host, read)
        for number in range(300):
            clock.call_at(START_NS + SECOND_NS + number * 3_000_000, ask)
        await clock.advance(86400)
        asyncio.get_running_loop().remove_reader(host)
        os.close(host)
        assert len(answers) == 300
        for number, (at, data) in enumerate(answers):
            assert int(data[:8]) == number + 1
            assert 0 <= int(data[8:]) - reset_delta - asked[number] < 100_000
            assert 0 <= at - asked[number] < 100_000

    reset_delta = 1_609_459_200 * 10**9 - START_NS  # machine.RTC begins in 2021 at the reset
    in_virtual_time(scenario, ECHO)


@pytest.mark.slow
def test_a_host_that_does_not_read_is_given_up_in_virtual_time(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        host = os.open(bench.board.port, os.O_RDWR | os.O_NOCTTY)
        await clock.run_until(lambda: len(bench.events) == 5, within_s=500)
        os.close(host)
        assert bench.board.relay.dropped > 0
        took = bench.events[-1].time_ns - START_NS
        assert 500_000_000 <= took < 300 * SECOND_NS

    in_virtual_time(
        scenario,
        "import sys, time\nfrom machine import Pin\ntime.sleep_ms(300)\n"
        "for n in range(500):\n    sys.stdout.buffer.write(bytes(100))\n"
        "    if n % 100 == 99: Pin(15, Pin.OUT).toggle()\n",
    )


def test_time_stands_while_nobody_lets_it_run_or_somebody_holds_work(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await asyncio.sleep(0.2)
        assert clock.now_ns - START_NS < 1_000_000
        run = asyncio.ensure_future(clock.advance(100))
        with clock.hold():
            await asyncio.sleep(0.2)
            assert clock.now_ns - START_NS < 1_000_000
        await run
        assert lines(bench, b"second")[-1] == [99]

    in_virtual_time(
        scenario, "import time\nfor n in range(1000):\n    print('second', n)\n    time.sleep(1)\n"
    )


def test_mpremote_works_at_the_pace_of_real_time(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        before = clock.now_ns
        says = await clock.paced(bench.run("import time; time.sleep(0.3); print(6 * 7)"))
        assert says.strip() == "42"
        assert 300_000_000 < clock.now_ns - before < 20 * SECOND_NS
        await clock.paced(bench.mpremote("reset"))
        # mpremote is done a moment before the board resets
        await clock.run_until(lambda: bench.board.exits[-1].cause == "reset")
        await clock.run_until(lambda: bench.console.count(b"up") == 2)

    in_virtual_time(scenario, "print('up')\n")


def test_two_boards_and_tasks_of_the_world_meet_in_order(tmp_path: Path) -> None:
    """Each board answers the other's light; a task of the world counts along."""
    main = (
        "import time\nfrom machine import Pin\nout, pin = Pin(15, Pin.OUT), Pin({pin}, Pin.IN)\n"
        "seen = pin.value()\nwhile True:\n    time.sleep_ms({ms})\n    out.toggle()\n"
    )

    async def whole(folder: Path) -> list[tuple[str, int]]:
        clock = VirtualClock()
        log: list[tuple[str, int]] = []
        benches = {name: Bench(folder / name, clock=clock, seed=5) for name in ("a", "b")}
        for name, ms in (("a", 300), ("b", 700)):
            bench = benches[name]
            bench.install(main=main.format(ms=ms, pin=bench.board.hardware.inputs["lid"].pin))
            bench.board._on_output = lambda event, name=name: log.append((name, event.time_ns))
            await bench.board.power_on()

        async def world() -> None:
            for _ in range(40):
                await clock.sleep(0.5)
                log.append(("world", clock.now_ns))

        task = asyncio.ensure_future(world())
        await clock.advance(21)
        await task
        for bench in benches.values():
            await bench.board.close()
        return log

    first = asyncio.run(whole(tmp_path / "1"))
    assert [at for _, at in first] == sorted(at for _, at in first)
    assert [sum(name == who for name, _ in first) for who in ("a", "b", "world")] == [69, 29, 40]
    assert asyncio.run(whole(tmp_path / "2")) == first


WORKLOAD = """
import os, random, time, machine
try:
    boot = int(open("boots").read()) + 1
except OSError:
    boot = 1
with open("boots", "w") as f:
    f.write(str(boot))
for n in range(60):
    with open("log%d" % random.randrange(4), "ab") as f:
        f.write(os.urandom(random.randrange(1, 300)))
    time.sleep_ms(random.randrange(5000))
    if boot == 1 and n == 30:
        machine.reset()
print("over", boot)
while True:
    time.sleep(1)
"""


def test_the_same_seed_stores_the_same_bytes(in_virtual_time: Callable[..., None]) -> None:
    """Through a reset, a cut inside a write and a restart."""
    images: dict[str, tuple[str, bytes]] = {}

    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.run_until(lambda: bench.board.boots == 2, within_s=1000)
        await clock.advance(20)
        await bench.board.cut_at(25, 77)
        await clock.run_until(lambda: bench.board.state == "off", within_s=1000)
        assert len(bench.board.cuts) == 1
        await clock.advance(3600)
        await bench.board.power_on()
        await clock.run_until(lambda: b"over 3" in bench.console, within_s=1000)
        await bench.board.power_cut()
        image = (bench.folder / "flash.img").read_bytes()
        images[bench.folder.name] = hashlib.sha256(image).hexdigest(), bench.console

    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        in_virtual_time(scenario, WORKLOAD, folder=name, seed=seed)
    assert images["one"] == images["two"]
    assert images["one"][0] != images["other"][0]


def play(folder: Path, hours: int, episodes: int) -> tuple[str, float]:
    """The firmware for so many hours and episodes; digest of its flash, seconds it took."""

    async def whole() -> tuple[str, float]:
        clock = VirtualClock()
        bench = Bench(folder / "board", clock=clock, seed=20, on_output=None)
        try:
            await set_up(bench, clock, folder / "scratch")
            patient = Patient(bench, clock, seed=20)
            patient.plan(hours, episodes)
            began = time.monotonic()
            await clock.advance(hours * 3600 + 60)
            took = time.monotonic() - began
            await bench.board.power_cut()
            assert [end.cause for end in bench.board.exits] == ["power cut", "power cut"]
            check(bench, patient)
            image = (bench.folder / "flash.img").read_bytes()
            return hashlib.sha256(image).hexdigest(), took
        finally:
            await bench.board.close()

    return asyncio.run(whole())


def check(bench: Bench, patient: Patient) -> None:
    """Every stimulus is a record, in order, and its time is true."""
    kinds = {kind for _, kind in patient.truth}
    records = [record for record in journal(bench) if record.type in kinds]
    assert [record.type for record in records] == [kind for _, kind in patient.truth]
    for record, (t, _) in zip(records, patient.truth, strict=True):
        ms = (record.time + schema.TIME_BASE) * 1000 + record.stamp % 1024
        assert abs(ms - t // 10**6) <= 2, record


@pytest.mark.slow
def test_the_firmware_stores_true_times_and_the_same_bytes_twice(tmp_path: Path) -> None:
    assert play(tmp_path / "1", 1, 15)[0] == play(tmp_path / "2", 1, 15)[0]


@pytest.mark.soak
def test_thirty_days_of_the_firmware(tmp_path: Path) -> None:
    """Past two wraps of the ticks."""
    _, took = play(tmp_path, 30 * 24, 30 * 20)
    print(f"30 days of the firmware took {took:.0f} s")


ONCE_A_MINUTE = """
import asyncio
from machine import Pin
count = 0
def touched(pin):
    global count
    count += 1
Pin({pin}, Pin.IN).irq(touched)
async def main():
    for minute in range(30 * 24 * 60):
        await asyncio.sleep(60)
    print("month", minute + 1, count)
asyncio.run(main())
"""


@pytest.mark.slow
def test_a_month_of_minutes_takes_seconds(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        pin = bench.board.hardware.inputs["lid"].pin
        bench.install(main=ONCE_A_MINUTE.format(pin=pin))
        await bench.board.power_on()
        for number in range(600):
            touch = lambda n=number: bench.board.set_input("lid", n % 2 == 0) and None  # noqa: E731
            clock.call_later(number * 86400 / 20 + 1, touch)
        used = os.times()
        await clock.advance(30 * 86400 + 1)
        assert lines(bench, b"month") == [[43_200, 600]]
        assert bench.board.pid
        fields = Path(f"/proc/{bench.board.pid}/stat").read_text().rpartition(")")[2].split()
        board = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        assert board + sum(os.times()[:2]) - sum(used[:2]) <= 20

    in_virtual_time(scenario)
