"""Holds the records of a patient's days against the table of what they must be."""

import dataclasses
from collections.abc import Sequence

from protocol import schema, wire
from sim.expected import MS, Expected
from sim.expected.bounce import CHANGES

SECOND = 10**9
_PARTS = {
    "lid_opened": (), "lid_closed": ("compartments",), "state": ("active",), "boot": (),
    "dose": ("compartment", "window", "relation"), "dose_end": ("compartment", "breaks"),
    "response": ("button", "corrects", "prompt", "question"), "heartbeat": (),
    "prompt_shown": ("question", "prompt", "trigger"), "power": ("source",),
    "prompt_expired": ("question", "prompt", "reason"), "reminder": ("window", "step"),
    "window_missed": ("window", "compartment", "start"), "tamper": ("kind", "subject"),
    "refill": ("action", "cause", "compartments"), "fault": ("kind", "subject", "value"),
    "time_set": ("new", "uncertainty", "source"),
}  # fmt: skip
_LASTS = {"lid_closed": "duration", "dose_end": "dwell"}
_EXACT = frozenset({"lid_opened", "lid_closed", "dose", "dose_end", "response"})
_ERASES = 3
"""An edge is seen late by up to so many erases of the flash, if it falls into them."""
_SLACK_MS = 15


@dataclasses.dataclass(frozen=True)
class Told:
    """A record as far as it is judged."""

    seq: int
    kind: str
    fields: tuple[tuple[str, int], ...]
    t: int
    mode: int
    duration: int | None


def told(records: Sequence[schema.Record]) -> list[Told]:
    """Return records as they are judged; prompts by their number instead of their id."""
    ids = [0]
    found = []
    for record in records:
        kind = schema.RecordType(record.type).name
        data = wire.parse_data(record)
        values = {name: getattr(data, name, 0) for name in _PARTS.get(kind, ())}
        if kind == "prompt_shown":
            ids.append(values["prompt"])
        if "prompt" in values:
            values["prompt"] = ids.index(values["prompt"])
        if kind == "fault" and data.kind == schema.FaultKind.chatter and data.value != CHANGES:
            values["value"] = 0  # edges, until it looked
        t = (record.time + schema.TIME_BASE) * SECOND + record.stamp % 1024 * 10**6
        lasts = getattr(data, _LASTS[kind]) if kind in _LASTS else None
        fields = tuple((name, int(value)) for name, value in values.items())
        found.append(Told(record.seq, kind, fields, t, record.stamp >> 12 & 3, lasts))
    return found


def differences(expected: Sequence[Expected], records: Sequence[Told], erase_ms: int) -> list[str]:
    """Return what is missing, and what nothing explains, as lines."""
    late_ms = _ERASES * erase_ms + _SLACK_MS
    left = list(records)
    wrong = []
    for item in sorted(expected, key=lambda item: bool(item.undecided)):
        fits = [record for record in left if _same(item, record, late_ms)]
        if fits:
            left.remove(min(fits, key=lambda record: abs(record.t - item.t)))
        elif not item.undecided:
            wrong.append(f"missing {_when(item.t)} {item}")
    return wrong + [f"nothing explains {_when(record.t)} {record}" for record in left]


def _same(item: Expected, record: Told, late_ms: int) -> bool:
    if (item.kind, item.fields, item.mode) != (record.kind, record.fields, record.mode):
        return False
    exact = item.kind in _EXACT and not item.undecided
    if abs(record.t - item.t) > (late_ms * MS if exact else item.within):
        return False
    if item.duration is None or item.duration == schema.UNKNOWN_DURATION:
        return item.duration in (None, record.duration)
    return abs(item.duration - (record.duration or 0)) <= 2 * late_ms


def _when(t: int) -> str:
    day, rest = divmod(t // 10**6 - 1_767_225_600_000, 86_400_000)
    return f"day {day} {rest // 3_600_000:02}:{rest // 60_000 % 60:02}:{rest / 1000 % 60:06.3f}"
