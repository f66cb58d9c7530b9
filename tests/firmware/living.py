"""Days of a patient who does everything, on a board whose journal is full when they begin."""

import dataclasses
import itertools
from collections import Counter
from pathlib import Path

from protocol.schema import GapCause, Record, RecordType, Settings
from protocol.wire import parse_data
from sim.clock import VirtualClock
from sim.expected import debounce_ms
from sim.expected.whole import whole_records
from sim.ledger import Power
from tests.firmware import judging, lateness, month
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import ID, SECRET, journal, set_up
from tests.support import micropython

_FILL = Path(__file__).parent / "device" / "mp_fill.py"
_HEAP_KIB = 240
_DEBOUNCE = debounce_ms()
_WAKES = 7 * month.HOUR  # after the last night


@dataclasses.dataclass(frozen=True)
class Lived:
    """What came of it: `wrong` are lines, `late` counts feeds of the watchdog by ms.

    `held_up` is the longest in ms that the loop was held up, `free_kib` the heap free after a
    collection, both as the heartbeats tell; `least_kib` is what was free at the worst look.
    """

    wrong: list[str]
    resets: list[str]
    free_kib: float
    least_kib: float
    late: Counter[int]
    held_up: int
    held: int
    records: int
    undecided: int
    done: Counter[str]


async def live(folder: Path, days: int, seed: int, erase_ms: int) -> Lived:
    """Play so many days; what they leave behind is judged when the board is off."""
    clock = VirtualClock()
    bench = Bench(folder / "board", clock=clock, seed=seed, on_output=None, erase_ms=erase_ms)
    filled: list[int] = []

    def fill(main: bytes) -> bytes:
        filled.extend(fill_journal(bench.folder))
        return lateness.probed(main)

    try:
        await set_up(bench, clock, folder / "scratch", fill)
        player = month.Player(bench, clock)
        player.entries.append(Power(clock.now_ns, month.NAME, "on"))
        await clock.advance(60)
        first = clock.start_ns // month.DAY * month.DAY
        said = month.settings(first)
        await month.settle(bench, clock, bytes.fromhex(SECRET), bytes.fromhex(ID), said)
        before = clock.now_ns
        script = month.Days(seed)
        for day in range(days):
            await player.play(script.day(first + day * month.DAY - month.offset(day)))
        await clock.advance_to(first + days * month.DAY + _WAKES)
        await bench.board.power_cut()
        return _judge(bench, player, script, said, (before, clock.now_ns), filled, erase_ms)
    finally:
        await bench.board.close()


def fill_journal(folder: Path) -> list[int]:
    """Fill that of a board that is off, and on until it lets go; return first seq held, next."""
    images = (str(folder / "flash.img"), str(folder / "eeprom.bin"))
    told = micropython.run(_FILL, *images, heap="16M", extra=_FILL.parent)
    return [int(word) for word in told.split()]


def _judge(
    bench: Bench, player: month.Player, script: month.Days, said: Settings,
    span: tuple[int, int], filled: list[int], erase_ms: int,
) -> Lived:  # fmt: skip
    before, end = span
    expected = whole_records(player.entries, month.NAME, _DEBOUNCE, said, end, player.said)
    expected = [item for item in expected if item.t > before]
    held = journal(bench)
    new = [record for record in held if record.seq >= filled[1]]
    records = [r for r in judging.told(_without_gaps(new, held[0].seq)) if r.t > before]
    return Lived(
        wrong=judging.differences(expected, records, erase_ms),
        resets=[ended.cause for ended in bench.board.exits if ended.cause != "power cut"],
        # a word is 8 bytes here and 4 on the board
        free_kib=min(parse_data(r).free for r in new if r.type == RecordType.heartbeat) / 2048,
        least_kib=_HEAP_KIB - bench.board.peak_heap_bytes / 2048,
        late=lateness.told(bench.console),
        held_up=max(parse_data(r).worst_gap for r in new if r.type == RecordType.heartbeat),
        held=filled[1] - filled[0],
        records=len(records),
        undecided=sum(bool(item.undecided) for item in expected),
        done=script.done,
    )


def _without_gaps(records: list[Record], first: int) -> list[Record]:
    # the journal is full: whatever it let go it has told before, without a hole between
    gaps = [parse_data(r) for r in records if r.type == RecordType.gap]
    assert all(gap.cause == GapCause.trimmed for gap in gaps), gaps
    for one, after in itertools.pairwise(gaps):
        assert after.first == one.last + 1, gaps
    assert not gaps or first in (gaps[-1].first, gaps[-1].last + 1), (first, gaps[-1])
    return [record for record in records if record.type != RecordType.gap]
