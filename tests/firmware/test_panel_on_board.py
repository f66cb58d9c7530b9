"""The panel as a patient sees and hears it, on the emulated board: by the words of the page."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from protocol import schema
from protocol.commands import Signer
from protocol.schema import MessageType, RecordType
from sim.clock import VirtualClock
from tests.firmware.watching import SECOND, Host, Watcher, is_rhythm
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import ID, SECRET, journal, set_up
from tests.support.micropython import ROOT

PAGE = (ROOT / "docs" / "patient.md").read_text(encoding="utf-8")
EPOCH = 7  # as `virtual` provisions it
ERASE_MS = 45
QUIET_DAY = schema.Settings(5, 2, 2, 1260, 480, 1, 1, [schema.Transition(0, 1440)], [], [])
STATES = {
    "It looks for its base.": ("Even blinks", "m."),
    "It still looks for its base.": ("One long glow, then a long pause", "g="),
    "All is well.": ("One short flash, then a long pause", "f="),
    "The base has found no connection for ten minutes.": (
        "One short flash, one long glow, then a long pause",
        "f.g=",
    ),
    "It runs on its batteries.": ("Two short flashes, then a long pause", "f.f="),
    "Nothing has got through for a long time.": ("Three short flashes, then a pause", "f.f.f_"),
    "The batteries are almost empty.": ("Long glow, short pause, again and again", "g."),
    "It needs service.": ("One long glow, one short flash, again and again", "g.f."),
    "A helper is at work on it.": ("One medium glow, one short flash", "m.f."),
}
"""By meaning: the page's words for it, and those words as signs (see `Watcher.seen`)."""

Scenario = Callable[[Bench, VirtualClock, Watcher], Awaitable[None]]


def play(folder: Path, scenario: Scenario) -> None:
    async def whole() -> None:
        clock = VirtualClock(10 * 3600 * SECOND + 1_767_225_600 * SECOND)
        seen: list[Watcher] = []
        bench = Bench(
            folder / "board", clock=clock, seed=4, erase_ms=ERASE_MS,
            on_output=lambda event: seen[0](event) if seen else None,
        )  # fmt: skip
        try:
            await set_up(bench, clock, folder / "scratch")
            seen.append(Watcher(bench))
            await scenario(bench, clock, seen[0])
        finally:
            await bench.board.close()

    asyncio.run(whole())


def test_the_page_has_these_words() -> None:
    for meaning, (words, _) in STATES.items():
        assert f"| {words} | {meaning}" in PAGE
    for row in (
        "| One flash |",
        "| Two flashes and a short beep |",
        "| One long green glow, later |",
    ):
        assert row in PAGE
    assert "two long glows say" in PAGE


async def press(bench: Bench, clock: VirtualClock, name: str) -> int:
    t = bench.board.set_input(name, True)
    await clock.advance(0.2)
    bench.board.set_input(name, False)
    return t


@pytest.mark.slow
def test_a_press_is_felt_noted_delivered_and_seen(tmp_path: Path) -> None:
    async def scenario(bench: Bench, clock: VirtualClock, watcher: Watcher) -> None:
        await clock.advance(70)
        host = Host(bench, clock)
        await host.stay(1)
        written = bench.board.operations
        t = await press(bench, clock, "button2")
        await host.stay(8)
        lit = next(at for at, colour in watcher.lights if at > t and any(colour))
        # debounced in 30 ms; nothing of it is on flash yet
        assert lit - t < 60 * 10**6
        record = next(r for r in journal(bench) if r.type == RecordType.response)
        ((_, hz, operations),) = watcher.tones
        assert operations > written and 500 <= hz <= 1500
        assert "f.f" in watcher.seen(t, t + 3 * SECOND)

        # one short of it, then past it
        for rev, following in ((1, record.seq), (2, record.seq + 1)):
            at = clock.now_ns
            await host.say(MessageType.watermark, watermark(bench, following, rev), 8)
            assert watcher.seen(at, clock.now_ns).count("g") == rev - 1
            assert green(watcher, at, clock.now_ns) == (rev == 2)
        signer = Signer(bytes.fromhex(SECRET), bytes.fromhex(ID))
        for times, following in ((0, record.seq), (2, record.seq + 1)):
            at = clock.now_ns
            await host.say(MessageType.seen, signer.seen(EPOCH, following), 8)
            assert watcher.seen(at, clock.now_ns).count("g") == times
        assert len(watcher.tones) == 1
        host.leave()
        await cut_before_it_is_noted(bench, clock, watcher)

    play(tmp_path, scenario)


async def cut_before_it_is_noted(bench: Bench, clock: VirtualClock, watcher: Watcher) -> None:
    """What never got to flash was felt, and has no sound."""
    before, tones, at = journal(bench)[-1].seq, len(watcher.tones), clock.now_ns
    await bench.board.cut_at(1, 0)
    bench.board.set_input("button2", True)
    await clock.run_until(lambda: bench.board.state == "off")
    # debounced in 30 ms, which the dispenser counts in whole ones
    assert any(any(colour) for t, colour in watcher.lights if t > at + 29 * 10**6)
    assert len(watcher.tones) == tones
    assert journal(bench)[-1].seq == before


def watermark(bench: Bench, following: int, rev: int) -> schema.Watermark:
    tag = journal(bench)[following - 1].tag
    return schema.Watermark(EPOCH, following, tag, 1, rev, [], [])


def green(watcher: Watcher, start: int, end: int) -> bool:
    """Whether a glow of more than a second was green above all."""
    glows = [c for ms, c in watcher.spans(start, end) if ms > 1000 and any(c)]
    return any(c[0] > max(c[1], c[2]) for c in glows)


@pytest.mark.soak
def test_each_state_looks_as_the_page_says(tmp_path: Path) -> None:
    async def scenario(bench: Bench, clock: VirtualClock, watcher: Watcher) -> None:
        async def shows(meaning: str, seconds: int = 45) -> None:
            at = clock.now_ns
            await host.stay(seconds) if host else await clock.advance(seconds)
            seen = watcher.seen(at, clock.now_ns)
            assert is_rhythm(STATES[meaning][1], seen), (meaning, seen)

        host: Host | None = None
        await clock.advance(2)  # the watcher comes when the light may be on
        await shows("It looks for its base.", 10)
        await clock.advance(310)
        await shows("It still looks for its base.")
        host = Host(bench, clock)
        await host.stay(21)
        await shows("All is well.")
        host.away = 9
        await shows("All is well.")
        host.away = 10
        await host.stay(21)
        await shows("The base has found no connection for ten minutes.")
        host.away = 0
        await host.stay(21)
        await shows("All is well.")
        host.away = 10
        await host.stay(21)
        host.leave()
        host = None
        await clock.advance(310)
        await shows("It still looks for its base.")
        host = Host(bench, clock)
        await host.stay(21)
        signer = Signer(bytes.fromhex(SECRET), bytes.fromhex(ID))
        await host.say(MessageType.config_put, signer.config_put(QUIET_DAY))
        await bench.board.unplug()
        host.leave()
        host = None
        await clock.advance(10)
        await shows("It runs on its batteries.")
        bench.board.set_battery(3100)
        await clock.advance(10)
        await shows("The batteries are almost empty.")
        bench.board.set_battery(4500)
        await bench.board.plug()
        await clock.advance(3700)
        await shows("Nothing has got through for a long time.")
        host = Host(bench, clock)
        now = clock.now_ns // 10**9 - schema.TIME_BASE
        told = schema.Time(now, clock.now_ns // 10**6 % 1000, 5, schema.TimeSource.technician)
        await host.say(MessageType.time, told)
        await shows("A helper is at work on it.")
        host.leave()
        host = None
        await bench.board.power_cut()
        bench.board.eeprom_present(False)
        at = clock.now_ns
        await bench.board.power_on()
        await clock.advance(5)
        first, *_ = (t for t, colour in watcher.lights if t > at and any(colour))
        assert watcher.seen(first, first + SECOND // 4) == "S"  # it starts
        await shows("It needs service.")

    play(tmp_path, scenario)
