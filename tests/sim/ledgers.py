"""Ledgers written by hand: one day of one dispenser, times as HH:MM:SS, UTC."""

from collections.abc import Iterable, Sequence
from typing import Any

from protocol import schema
from sim.expected import Expected
from sim.expected.whole import whole_records
from sim.ledger import Cable, Entry, Power, Stimulus

DAY_S = 1_767_225_600  # 2026-01-01, a Thursday
NAME = "d1"
DEBOUNCE = {"lid": 50, "service": 30}
DEBOUNCE |= {f"beam{n}": 30 for n in range(1, 5)} | {f"button{n}": 30 for n in range(5)}
DAILY = 127
Deed = tuple[str, str] | tuple[str, str, bool]


def ns(text: str) -> int:
    """Return Unix ns of HH:MM:SS, with a fraction if there is one."""
    hours, minutes, seconds = text.split(":")
    ms = round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)
    return (DAY_S * 1000 + ms) * 10**6


def settings(
    *windows: schema.Window, questions: Sequence[schema.Question] = (), **other: int
) -> schema.Settings:
    """Quiet from 21 to 8, all reminders, one set of questions a day; the zone is UTC."""
    words = {"volume": 2, "reminders": 2, "quiet_start": 1260, "quiet_end": 480}
    words |= {"silence": 24, "sets": 1} | other
    zone = [schema.Transition(0, 1440)]
    return schema.Settings(5, *words.values(), zone, list(windows), list(questions))


def ledger(deeds: Iterable[Deed]) -> list[Entry]:
    """Return entries: power (on, cut), cable (plug, pull), or an input, active or not."""
    found: list[Entry] = []
    for at, what, *active in deeds:
        if what in ("on", "cut"):
            found.append(Power(ns(at), NAME, what))  # type: ignore[arg-type]
        elif what in ("plug", "pull"):
            found.append(Cable(ns(at), NAME, what == "plug"))
        else:
            found.append(Stimulus(ns(at), NAME, what, bool(active[0])))
    return found


def press(at: str, button: int) -> list[Deed]:
    """Return the two edges of a short press."""
    return [(at, f"button{button}", True), (at + ".2", f"button{button}", False)]


def reach(at: str, compartment: int) -> list[Deed]:
    """Return an opening of 4 s at whose first second a compartment is reached for half of one."""
    start = at[:-1]
    assert at[-1] == "0", "begins at a tenth second"
    return [
        (at, "lid", True), (start + "1", f"beam{compartment}", True),
        (start + "1.5", f"beam{compartment}", False), (start + "4", "lid", False),
    ]  # fmt: skip


def whole(deeds: Iterable[Deed], end: str, said: schema.Settings | None = None) -> list[Expected]:
    """Return all that the dispenser must have recorded by `end`."""
    return whole_records(ledger(deeds), NAME, DEBOUNCE, said or settings(), ns(end))


def told(found: Iterable[Expected], *kinds: str) -> list[tuple[Any, ...]]:
    """Return records of these kinds, briefly: (HH:MM:SS, kind, values..., why undecided)."""
    return [
        (_clock(r.t), r.kind, *(value for _, value in r.fields))
        + ((r.undecided,) if r.undecided else ())
        for r in sorted(found, key=lambda r: r.t)
        if r.kind in kinds
    ]


def _clock(t: int) -> str:
    seconds = t // 10**9 - DAY_S
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
