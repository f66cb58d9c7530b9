"""What a patient does and what must become of it, as text that reads like a table.

`does`, one line a deed: `08:05:02 reach 1`. Deeds: open, close, reach N (0.4 s), break N,
whole N, press N (0.2 s), hold N, release N, service, clock HH:MM:SS (the dispenser's clock is set
to it), cut (power away and back), test (the beams' self-test), delivered SEQ, clinic SEQ (has
seen all before), bench MINUTES.
`becomes`: what is recorded, or seen on the panel. Times are local; `+1 ` before one is the next
day, `b` behind it the second time of an hour that repeats.
"""

import dataclasses
import datetime
import json
import re
import zoneinfo
from typing import Any

from protocol import schema

Row = list[Any]
BASE = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
INPUTS = {"break": 0, "whole": 0, "reach": 0, "press": 5, "hold": 5, "release": 5}
_LINE = re.compile(r"(?:\+(\d+) )?(\d\d):(\d\d):(\d\d(?:\.\d+)?)(b?) (\w+) ?(.*)")


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table; `until` as the times in it, `coarse` shows minutes only."""

    name: str
    start: str
    settings: Row | None
    does: str
    becomes: str
    until: str = ""
    knows: bool = True
    coarse: bool = False
    panel: bool = False


def zone() -> Row:
    """Return Berlin's transitions from 2026 to 2027, as the IANA database has them."""
    found = [[0, 1440 + 60]]
    for year, month, day, offset in ((2026, 3, 29, 120), (2026, 10, 25, 60), (2027, 3, 28, 120)):
        moment = datetime.datetime(year, month, day, 1, tzinfo=datetime.UTC)
        before = (moment - datetime.timedelta(seconds=1)).astimezone(BERLIN).utcoffset()
        assert (
            moment.astimezone(BERLIN).utcoffset() == datetime.timedelta(minutes=offset) != before
        )
        found.append([int((moment - BASE).total_seconds()), 1440 + offset])
    return found


def moment(case: Case, text: str) -> datetime.datetime:
    """Return the time of a line."""
    match = _LINE.fullmatch(text)
    assert match, text
    day, hour, minute, second, second_time = match.groups()[:5]
    date = datetime.date.fromisoformat(case.start[:10]) + datetime.timedelta(int(day or 0))
    whole, _, part = second.partition(".")
    return datetime.datetime(
        date.year, date.month, date.day, int(hour), int(minute), int(whole),
        int(float("0." + (part or "0")) * 1e6), BERLIN, fold=bool(second_time),
    )  # fmt: skip


def began(case: Case) -> datetime.datetime:
    return datetime.datetime.fromisoformat(case.start).replace(tzinfo=BERLIN)


def _ms(case: Case, when: datetime.datetime) -> int:
    return round((when.astimezone(datetime.UTC) - began(case).astimezone(datetime.UTC)) / _MS)


_MS = datetime.timedelta(milliseconds=1)


def _seconds(when: datetime.datetime) -> int:
    return int((when.astimezone(datetime.UTC) - BASE).total_seconds())


def scenario(case: Case) -> dict[str, Any]:
    """Return what mp_play_patient.py plays."""
    out: dict[str, Any] = {
        "edges": [], "clock": [], "boots": [], "pulses": [], "seen": [], "clinic": [], "modes": [],
        "settings": case.settings,
        "time": _seconds(began(case)) if case.knows else None,
    }  # fmt: skip
    for line in filter(None, map(str.strip, case.does.splitlines())):
        _add(out, case, line)
    out["edges"].sort(key=lambda edge: edge[0])
    out["until"] = _ms(case, moment(case, f"{case.until} end"))
    return out


def _add(out: dict[str, Any], case: Case, line: str) -> None:
    ms = _ms(case, moment(case, line))
    deed, what = line.split(" ", 2 if line.startswith("+") else 1)[-1].partition(" ")[::2]
    if deed in ("open", "close"):
        out["edges"].append([ms, 0, deed == "open"])
    elif deed in INPUTS:
        index = INPUTS[deed] + int(what)
        if deed in ("break", "reach", "press", "hold"):
            out["edges"].append([ms, index, True])
        if deed in ("whole", "release", "reach", "press"):
            out["edges"].append([ms + {"reach": 400, "press": 200}.get(deed, 0), index, False])
    elif deed == "service":
        out["edges"] += [[ms, 10, True], [ms + 200, 10, False]]
    elif deed == "clock":
        out["clock"].append([ms, _seconds(moment(case, what + " set"))])
    elif deed == "bench":
        out["modes"].append([ms, 3, int(what)])
    elif deed == "delivered":
        out["seen"].append([ms, int(what)])
    elif deed == "clinic":
        out["clinic"].append([ms, int(what)])
    else:
        out[{"cut": "boots", "test": "pulses"}[deed]].append(ms)


def told(case: Case, played: dict[str, Any]) -> list[str]:
    """Return the records (or the panel's words) of a scenario as lines of the table."""
    if case.panel:
        return [f"{_when(case, ms)} {word}" for ms, word in played["panel"]]
    return [f"{_when(case, ms)} {_text(kind, values, mode)}" for kind, values, ms, mode in
            played["records"]]  # fmt: skip


def _when(case: Case, ms: int) -> str:
    true = (began(case).astimezone(datetime.UTC) + ms * _MS).astimezone(BERLIN)
    day = (true.date() - began(case).date()).days
    text = true.strftime("%H:%M" if case.coarse else "%H:%M:%S")
    return (f"+{day} " if day else "") + text + ("b" if true.fold else "")


def _text(kind: int, values: Row, mode: int) -> str:
    cls = schema.RECORD_DATA[schema.RecordType(kind)]
    names = [field.name for field in dataclasses.fields(cls)]
    fields = dict(zip(names, values, strict=True))
    name = schema.RecordType(kind).name
    text = f"{name} {_WORDS[name](fields)}".strip() if name in _WORDS else f"{name} {fields}"
    return text if mode == 0 else f"{text} [{schema.Mode(mode).name}]"


def _set(mask: int) -> str:
    return "".join(str(n + 1) for n in range(4) if mask >> n & 1) or "none"


def _dose(f: dict[str, int]) -> str:
    window = f" {f['window']}" if f["window"] else ""
    relation = schema.Relation(f["relation"]).name
    return f"{f['compartment']}" + (f" {relation}{window}" if f["relation"] else "")


def _response(f: dict[str, int]) -> str:
    asked = f" to question {f['question']}" if f["question"] else ""
    assert bool(f["question"]) == bool(f["prompt"])
    return f"{f['button']}{asked}" + (" corrects" if f["corrects"] else "")


_WORDS: dict[str, Any] = {
    "state": lambda f: f"{f['active']:#x}",
    "lid_opened": lambda f: "",
    "lid_closed": lambda f: f"reached {_set(f['compartments'])}",
    "dose": _dose,
    "dose_end": lambda f: f"{f['compartment']} x{f['breaks']}",
    "response": _response,
    "prompt_shown": lambda f: f"{f['question']} {schema.Trigger(f['trigger']).name}",
    "prompt_expired": lambda f: f"{f['question']} {schema.ExpiryReason(f['reason']).name}",
    "reminder": lambda f: f"{f['window']} {schema.ReminderStep(f['step']).name}",
    "window_missed": lambda f: f"{f['window']} compartment {f['compartment']}",
    "refill": lambda f: (
        f"{schema.RefillAction(f['action']).name} "
        f"{schema.RefillCause(f['cause']).name} {_set(f['compartments'])}"
    ),
    "fault": lambda f: f"{schema.FaultKind(f['kind']).name} {f['subject']}",
    "tamper": lambda f: f"{schema.TamperKind(f['kind']).name} {f['subject']}",
}


def lines(text: str) -> list[str]:
    """Return the rows of a block."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def given(cases: list[Case]) -> str:
    """Return the input of mp_play_patient.py."""
    return json.dumps([scenario(case) for case in cases])
