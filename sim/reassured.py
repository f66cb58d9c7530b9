"""Holds what a panel told the patient against what was so at that moment (DESIGN: law 10).

Only what is certain is claimed, by true times alone. What stays open is neither wrong nor counted:
an answer around a loss of power, one to a press that may have been no response, what a restored
backend held before.

| answer          | must be so                                                                 |
|-----------------|----------------------------------------------------------------------------|
| beep, noted     | of the responses pressed just before, one is stored at the end: it was on  |
|                 | flash, whatever came later                                                 |
| delivered, seen | the newest response pressed before the glow was stored when it began       |
| seen            | and somebody at the clinic has said so since that press                    |
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sim.compare import Difference, Pair
from sim.expected import MS, Expected
from sim.ledger import (
    Answer,
    Entry,
    Fault,
    Healed,
    Measure,
    Power,
    Stimulus,
    Tech,
    meta,
    only,
    utc,
)
from sim.panel import BEEP, DELIVERED, NOTED, SEEN
from sim.stored import Stored

_RECENT_NS = 10_000 * MS
"""So soon after its press a response is noted, and has been seen to be, on any machine."""
_HASTE_NS = 5_000 * MS
"""A real machine may be so late to let a board feel a press."""
_SHOWN_NS = 2_500 * MS
"""Longest that showing an answer takes; if power came or went meanwhile it may have been none."""
_GLOW_NS = 1_000 * MS
"""A glow that is read as an answer has lasted for so long at least."""
_SAID_NS = 60_000 * MS
"""Longest that the clinic's tool takes to say what it has to say."""
_GONE = frozenset({"dispenser_lost", "dispenser_lost_after_ack"})
_RESTORED = "backend_restored"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """How many answers could be judged, by word, and those that were not true."""

    judged: dict[str, int]
    differences: list[Difference]


@dataclasses.dataclass(frozen=True, slots=True)
class _Press:
    """A press at `t` that is a response if `sure`, else may be; what is stored of it."""

    t: int
    sure: bool
    stored: Stored | None


def reassured(
    entries: Sequence[Entry],
    wanted: Iterable[Expected],
    pairs: Iterable[Pair],
    ids: Mapping[str, str],
) -> Verdict:
    """Judge all answers of a run; `ids`: dispenser ids by the world's names."""
    judged = Counter[str]()
    found = []
    lives = {name: _Life(entries, name) for name in ids}
    for press in _presses(wanted, pairs):
        lives[press[0]].presses.append(press[1])
    for answer in only(Answer, entries):
        wrong = lives[answer.dispenser].wrong(answer)
        judged[answer.answer] += wrong is not None
        if wrong:
            text = f"{answer.answer} told at {utc(answer.t)}: {wrong}"
            found.append(Difference("reassured", text, ids[answer.dispenser]))
    return Verdict(dict(+judged), found)


def _presses(wanted: Iterable[Expected], pairs: Iterable[Pair]) -> Iterable[tuple[str, _Press]]:
    # of one press there may be two records to choose from
    stored = {id(item): record for item, record in pairs}
    groups: dict[tuple[str, int, str], list[Expected]] = {}
    for item in wanted:
        if item.kind == "response":
            groups.setdefault((item.dispenser, item.t, item.input), []).append(item)
    for (dispenser, t, _), items in groups.items():
        record = next((stored[id(item)] for item in items if id(item) in stored), None)
        yield dispenser, _Press(t, not any(item.undecided for item in items), record)


class _Life:
    """What one dispenser went through, as far as its answers go."""

    def __init__(self, entries: Sequence[Entry], name: str) -> None:
        self.presses: list[_Press] = []
        self._powers = only(Power, entries, name)
        edges = only(Stimulus, entries, name)
        # of one in the moment of a cut nothing is expected
        self._pushes = [e.t for e in edges if e.active and e.input.startswith("button")]
        self._said = [tech.t for tech in only(Tech, entries, name) if tech.tech == SEEN]
        self._restored = [h.t for h in only(Healed, entries) if h.healed == _RESTORED]
        ends = [m for m in only(Measure, entries, name) if m.measure == "journal_next"]
        gone = [fault for fault in only(Fault, entries) if fault.fault in _GONE]
        self._is_whole = bool(ends) and not gone
        self._haste = _HASTE_NS if meta(entries).real else 0

    def wrong(self, answer: Answer) -> str | None:
        """Say what was not so, "" if all was; None if that is open."""
        if self._is_blurred(answer):
            return None
        if answer.answer in (BEEP, NOTED):
            return self._not_noted(answer.t)
        press = self._newest(answer.t - _GLOW_NS)
        if press is None or answer.answer not in (DELIVERED, SEEN):
            return None
        if answer.t - press.t < self._haste:
            return None
        if answer.answer == SEEN and not self._is_said(press.t, answer.t):
            return f"nobody has said so since the press at {utc(press.t)}"
        return self._not_delivered(press, answer.t - _GLOW_NS)

    def _is_blurred(self, answer: Answer) -> bool:
        # a beep is one at once, and a cut inside a write is written down a little early
        near = [p for p in self._powers if answer.t - _SHOWN_NS < p.t <= answer.t]
        return any(p.power != "cut" or answer.answer != BEEP for p in near)

    def _newest(self, t: int) -> _Press | None:
        # what is not stored may have been none
        before = [press for press in self.presses if press.t < t and (press.sure or press.stored)]
        return max(before, key=lambda press: press.t, default=None)

    def _not_noted(self, t: int) -> str | None:
        pushes = [push for push in self._pushes if t - _RECENT_NS < push < t]
        if any(press.stored for press in self.presses if press.t in pushes):
            return ""
        if not pushes or not self._is_whole:
            return None
        return f"the press at {utc(pushes[-1])} is in no place"

    def _not_delivered(self, press: _Press, t: int) -> str | None:
        if press.stored is None:
            return f"the press at {utc(press.t)} is not stored"
        if press.stored.stored_at * 1000 <= t:
            return ""
        if any(restored >= t for restored in self._restored):
            return None
        late = press.stored.stored_at * 1000
        return f"the press at {utc(press.t)} was stored at {utc(late)}"

    def _is_said(self, pressed: int, t: int) -> bool:
        return any(said < t and pressed < said + _SAID_NS for said in self._said)
