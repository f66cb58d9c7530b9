"""All that a dispenser records of itself: the patient's table, and what time and settings add.

| what happens                                  | record                                          |
|-----------------------------------------------|-------------------------------------------------|
| a boot that lasts a minute, or records        | BOOT                                            |
| six hours of uptime                           | HEARTBEAT                                       |
| the cable comes or goes                       | POWER                                           |
| inputs that cannot be believed                | see `faults`                                    |
| a host says what time it is                   | see `clock`                                     |
| dose windows, questions                       | see `day`                                       |
"""

from collections.abc import Mapping, Sequence

from protocol.schema import PowerSource, Settings
from sim.expected import clock, day, faults
from sim.expected.clock import Said
from sim.expected.power import boots
from sim.expected.table import expected_records
from sim.expected.terms import BOOT_NS, MS, Boot, Expected
from sim.ledger import Cable, Entry, only

ANNOUNCED_NS = 60_000 * MS
BEAT_NS = 21_600_000 * MS
LOOK_NS = 8_000 * MS
"""Between two looks at power, the clock of heartbeats and the tasks, twice."""


def whole_records(
    entries: Sequence[Entry],
    dispenser: str,
    debounce: Mapping[str, int],
    settings: Settings,
    end_ns: int,
    said: Sequence[Said] = (),
) -> list[Expected]:
    """Return all that one dispenser must have recorded by `end_ns`, the settings in force.

    `said`: what it was told of the time, in order.
    """
    table = [r for r in expected_records(entries, debounce) if r.dispenser == dispenser]
    lives = boots(entries, dispenser)
    found = []
    for n, boot in enumerate(lives):
        own = [record for record in table if record.boot == n]
        extra = faults.faults(dispenser, n, boot, own, debounce, end_ns)
        extra += _beats(dispenser, n, boot, end_ns)
        extra += _powered(dispenser, n, boot, only(Cable, entries, dispenser))
        found += extra
    found = day.days(dispenser, lives, table, settings, end_ns) + found
    set_at, steps = clock.told(dispenser, lives, said)
    found += set_at
    for n, boot in enumerate(lives):
        found += _announced(dispenser, n, boot, [r for r in found if r.boot == n], end_ns)
    found = clock.shown(found, steps)
    return sorted((record for record in found if record.due <= end_ns), key=lambda r: r.due)


def _announced(
    dispenser: str, n: int, boot: Boot, own: Sequence[Expected], end_ns: int
) -> list[Expected]:
    lasted = min(boot.end, end_ns) - boot.start
    sure = [record for record in own if not record.undecided]
    if not own and lasted < ANNOUNCED_NS:
        return []
    undecided = "" if sure or lasted > ANNOUNCED_NS + LOOK_NS else "boot"
    return [
        Expected(
            dispenser, "boot", (), boot.start, boot.start, "boot",
            undecided=undecided, within=BOOT_NS, boot=n,
        )
    ]  # fmt: skip


def _beats(dispenser: str, n: int, boot: Boot, end_ns: int) -> list[Expected]:
    end = min(boot.end, end_ns)
    found = []
    for t in range(boot.start + BEAT_NS, end, BEAT_NS):
        open_end = "end" if t + LOOK_NS + BOOT_NS > end else ""
        found.append(
            Expected(
                dispenser, "heartbeat", (), t, t, "heartbeat",
                undecided=open_end, within=LOOK_NS + BOOT_NS, boot=n,
            )
        )  # fmt: skip
    return found


def _powered(dispenser: str, n: int, boot: Boot, cables: Sequence[Cable]) -> list[Expected]:
    # a change that stays for two looks; what is so at the boot is no change
    moves = [cable for cable in cables if boot.start < cable.t < boot.end]
    found = []
    for at, move in enumerate(moves):
        after = moves[at + 1].t if at + 1 < len(moves) else boot.end
        source = PowerSource.usb if move.plugged else PowerSource.battery
        early = move.t < boot.start + LOOK_NS or after < move.t + LOOK_NS
        found.append(
            Expected(
                dispenser, "power", (("source", int(source)),), move.t, move.t, "power",
                undecided="cut" if early else "", within=LOOK_NS, boot=n,
            )
        )  # fmt: skip
    return found
