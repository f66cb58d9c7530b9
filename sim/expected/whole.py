"""All that a dispenser records of itself: the patient's table, and what time and settings add.

| what happens                                  | record                                          |
|-----------------------------------------------|-------------------------------------------------|
| a boot that lasts a minute, or records        | BOOT                                            |
| six hours of uptime                           | HEARTBEAT                                       |
| the cable comes or goes                       | POWER                                           |
| button down for 5 min, beam for 10, lid 24 h  | FAULT(stuck)                                    |
| beam broken for a minute, the lid closed      | TAMPER(beam without lid)                        |
| dose windows, questions                       | see `day`                                       |

The beams are looked at once a minute with the lid closed, nobody outside knows when: shorter
breaks are undecided, at most one record each.
"""

from collections.abc import Mapping, Sequence

from protocol.schema import FaultKind, PowerSource, Settings, TamperKind
from sim.expected import day, inputs
from sim.expected.power import boots
from sim.expected.table import expected_records
from sim.expected.terms import BOOT_NS, FOREVER, MS, Boot, Change, Expected
from sim.ledger import INPUTS, Cable, Entry, only

ANNOUNCED_NS = 60_000 * MS
BEAT_NS = 21_600_000 * MS
LOOK_NS = 8_000 * MS
"""Between two looks at power, the clock of heartbeats and the tasks, twice."""
PULSE_NS = 61_000 * MS
_STUCK_NS = {"button": 300_000 * MS, "beam": 600_000 * MS, "lid": 86_400_000 * MS}
_CHANGED_NS = 1_500 * MS


def whole_records(
    entries: Sequence[Entry],
    dispenser: str,
    debounce: Mapping[str, int],
    settings: Settings,
    end_ns: int,
) -> list[Expected]:
    """Return all that one dispenser must have recorded by `end_ns`, the settings in force."""
    table = [r for r in expected_records(entries, debounce) if r.dispenser == dispenser]
    lives = boots(entries, dispenser)
    found = []
    for n, boot in enumerate(lives):
        own = [record for record in table if record.boot == n]
        extra = _stuck(dispenser, n, boot, own, end_ns) + _tampered(dispenser, n, boot, debounce)
        extra += _beats(dispenser, n, boot, end_ns)
        extra += _powered(dispenser, n, boot, only(Cable, entries, dispenser))
        found += extra
    found = day.days(dispenser, lives, table, settings, end_ns) + found
    for n, boot in enumerate(lives):
        found += _announced(dispenser, n, boot, [r for r in found if r.boot == n], end_ns)
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


def _stuck(
    dispenser: str, n: int, boot: Boot, own: Sequence[Expected], end_ns: int
) -> list[Expected]:
    # told once, unless it lets go before; what was so at the boot counts from there
    found = []
    for name in INPUTS[:-1]:
        edges = inputs.edges_of(boot, name)
        if name in boot.active:
            edges.insert(0, (boot.start, True))
        limit = _STUCK_NS[name.rstrip("01234")]
        ends = [*(t for t, _ in edges[1:]), min(boot.end, end_ns)]
        for (t, active), until in zip(edges, ends, strict=False):
            if active and until - t >= limit and _seen(own, name):
                found.append(_fault(dispenser, n, name, t + limit, until, limit))
    return found


def _seen(own: Sequence[Expected], name: str) -> bool:
    # a beam is only looked at with the lid open
    return "beam" not in name or any(record.input == name for record in own)


def _fault(dispenser: str, n: int, name: str, t: int, until: int, limit: int) -> Expected:
    fields = (
        ("kind", int(FaultKind.stuck)),
        ("subject", INPUTS.index(name)),
        ("value", limit // (1000 * MS)),
    )
    unsure = "cut" if until < t + _CHANGED_NS else ""
    return Expected(
        dispenser, "fault", fields, t, t, name, undecided=unsure, within=_CHANGED_NS, boot=n
    )


def _tampered(dispenser: str, n: int, boot: Boot, debounce: Mapping[str, int]) -> list[Expected]:
    lid = inputs.changes(boot, "lid", debounce["lid"])
    found = []
    for beam in INPUTS[1:5]:
        edges = inputs.edges_of(boot, beam)
        for at, (t, active) in enumerate(edges):
            end = edges[at + 1][0] if at + 1 < len(edges) else boot.end
            if active:
                found += _tamper(dispenser, n, beam, t, _closed_until(lid, t, end))
    return found


def _closed_until(lid: Sequence[Change], t: int, end: int) -> int:
    # until when the lid stays closed from `t` on; `t` itself if it is open then
    before = [move.active for move in lid if move.t <= t]
    if before and before[-1]:
        return t
    return min([move.t for move in lid if move.t > t and move.active] + [end])


def _tamper(dispenser: str, n: int, beam: str, t: int, until: int) -> list[Expected]:
    if until <= t:
        return []
    fields = (("kind", int(TamperKind.beam_without_lid)), ("subject", INPUTS.index(beam)))
    unsure = "" if until - t > PULSE_NS and until != FOREVER else "pulse"
    return [
        Expected(
            dispenser, "tamper", fields, t, t, f"{beam} pulse",
            undecided=unsure, within=PULSE_NS, boot=n,
        )
    ]  # fmt: skip
