"""The clock of a virtual world: the order of what happens in an instant, and real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.clock import START_NS, ClockError, RealClock, VirtualClock
from sim.participant import Participant
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import SECOND_NS, lines


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
