"""What really happened in a simulation: stimuli, power, faults, each with its true time.

One JSON object a line, appended only. Dispensers are named as the world names them (`d1`); times
are Unix nanoseconds. The ledger knows physics only: what records must come of it is `expected`.
"""

import datetime
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T", bound="Entry")
PowerEvent = Literal["on", "off", "cut", "reset", "prompt"]
INPUTS = (
    "lid",
    *(f"beam{n}" for n in range(1, 5)),
    *(f"button{n}" for n in range(5)),
    "service",
)
"""Inputs by name, in the order of the bits of a STATE record."""


class LedgerError(ValueError):
    """A ledger that cannot be what a simulation wrote."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that happened at `t` (Unix ns)."""

    t: int


class Stimulus(Entry, frozen=True):
    """A physical edge: a lid, a hand in a beam, a finger on a button."""

    dispenser: str
    input: str
    active: bool

    def __post_init__(self) -> None:
        if self.input not in INPUTS:
            raise ValueError(f"no such input: {self.input!r}")


class Power(Entry, frozen=True):
    """Power came or went; `reset`: both at once; `prompt`: the chip runs no app until a reset."""

    dispenser: str
    power: PowerEvent


class Cable(Entry, frozen=True):
    """The USB cable came or went; the cells carry the dispenser on."""

    dispenser: str
    plugged: bool


class Tech(Entry, frozen=True):
    """A tech took the prompt: flash, provision, a look around."""

    dispenser: str
    tech: str


class Answer(Entry, frozen=True):
    """What the panel told the patient, as `sim.panel` reads it: "beep", "noted", "delivered"."""

    dispenser: str
    answer: str


class Fault(Entry, frozen=True):
    """A fault struck; `evidence` says what was in flight at that hop.

    `dispenser`, `epoch` and `seq` name the record of a fault that hits a single one, `part` the
    part that was hit.
    """

    fault: str
    evidence: str
    dispenser: str = ""
    epoch: int = 0
    seq: int = -1
    part: str = ""


class Healed(Entry, frozen=True):
    """A fault of this name is over; `observed` says what came of it while it lasted."""

    healed: str
    observed: str
    part: str = ""


class Phase(Entry, frozen=True):
    """A part of the run begins: `calm` is where latency is measured."""

    phase: str


class Measure(Entry, frozen=True):
    """A figure that only the running world could take."""

    dispenser: str
    measure: str
    value: int


class Meta(Entry, frozen=True):
    """The run's seed, and the dispenser ids (16 hex digits) by the world's names.

    `loose_ms`: how far the times of stimuli may be off, where a person's hands gave them. `real`:
    time was the machine's, which may let a board wait.
    """

    seed: int
    dispensers: dict[str, str]
    loose_ms: int = 0
    real: bool = False


_BY_KEY: dict[str, type[Entry]] = {
    "input": Stimulus,
    "power": Power,
    "plugged": Cable,
    "tech": Tech,
    "answer": Answer,
    "fault": Fault,
    "healed": Healed,
    "phase": Phase,
    "measure": Measure,
    "seed": Meta,
}


class Ledger:
    """Appends entries to a file, from any thread; a line is on its way to disk when it returns."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("ab")

    def append(self, entry: Entry) -> None:
        """Write one entry."""
        with self._lock:
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def load(path: Path) -> list[Entry]:
    """Return all entries in order of time.

    Raises LedgerError naming the line that is none of the known entries.
    """
    entries = [_parse(line, n) for n, line in enumerate(path.read_bytes().splitlines(), 1)]
    return sorted(entries, key=lambda entry: entry.t)


def _parse(line: bytes, number: int) -> Entry:
    try:
        fields = json.loads(line)
        cls = next(cls for key, cls in _BY_KEY.items() if key in fields)
        return msgspec.convert(fields, cls)
    except (ValueError, TypeError, StopIteration, RecursionError) as error:
        raise LedgerError(f"ledger line {number}: {line[:80]!r}: {error}") from error


def utc(t: int) -> str:
    """Return a time (Unix ns) as people read it, to the millisecond."""
    at = datetime.datetime.fromtimestamp(t // 10**9, datetime.UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{t // 10**6 % 1000:03d}"


def only(cls: type[T], entries: Iterable[Entry], dispenser: str | None = None) -> list[T]:
    """Return the entries of one class, of one dispenser if named."""
    return [
        entry
        for entry in entries
        if isinstance(entry, cls) and dispenser in (None, getattr(entry, "dispenser", None))
    ]


def meta(entries: Iterable[Entry]) -> Meta:
    """Return the run's meta entry.

    Raises LedgerError if there is not exactly one, or if it lacks a dispenser of the ledger.
    """
    entries = list(entries)
    found = only(Meta, entries)
    if len(found) != 1:
        raise LedgerError(f"ledger holds {len(found)} meta lines, not one")
    named = {getattr(entry, "dispenser", "") for entry in entries} - {""}
    if not named <= set(found[0].dispensers):
        strange = sorted(named - set(found[0].dispensers))
        raise LedgerError(f"ledger tells of {', '.join(strange)}; its meta line does not")
    return found[0]
