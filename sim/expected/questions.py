"""Questions: when one is lit, what goes dark unanswered, and which press answers which."""

import dataclasses
import heapq
from collections.abc import Iterable

from protocol.schema import ExpiryReason, Mode, Question, Settings, Trigger
from sim.expected.terms import BOOT_NS, CORRECT_NS, MS, Boot, Expected
from sim.expected.zone import local

_SECOND_NS = 1000 * MS
_MINUTE_NS = 60 * _SECOND_NS
_STEP_NS = 1_500 * MS
_REACTION_NS = 300 * MS


@dataclasses.dataclass(frozen=True, slots=True)
class Lit:
    """A question that is lit: its number in order, and since when."""

    question: Question
    prompt: int
    t: int

    @property
    def expires(self) -> int:
        """When it goes dark."""
        return self.t + self.question.expiry * _MINUTE_NS


class Questions:
    """Plays a dispenser's boots one after the other; what was asked outlives them."""

    def __init__(self, dispenser: str, settings: Settings) -> None:
        self._dispenser = dispenser
        self._settings = settings
        self._prompts = 0
        self._asked: dict[tuple[int, int], int] = {}  # (place in the settings, day) -> times
        self._lit: Lit | None = None
        self._begin()

    def _begin(self) -> None:
        self._due: list[tuple[int, int]] = []  # (when, place in the settings)
        self._busy = 0  # until when a press may repeat or correct
        self._last = (0, 0)  # question and prompt of the last response
        self._open = self._refilling = False
        self._found: list[Expected] = []

    def play(self, n: int, boot: Boot, own: Iterable[Expected], end: int) -> list[Expected]:
        """Return prompts and responses of a boot whose other records are `own`."""
        lost, self._lit = self._lit, None
        self._begin()
        self._open = "lid" in boot.active
        if lost:
            self._dark(lost, boot.start, ExpiryReason.power, BOOT_NS + _STEP_NS)
        moments = [(record.due, k, record) for k, record in enumerate(own)]
        heapq.heapify(moments)
        now = boot.start + BOOT_NS
        while (now := min(now, moments[0][0]) if moments else now) < end:
            while moments and moments[0][0] <= now:
                self._happens(heapq.heappop(moments)[2])
            self._settle(now)
            now = self._next(now)
        for _, _, record in sorted(moments):
            self._happens(record)
        return [dataclasses.replace(record, boot=n) for record in self._found]

    # --- what happens

    def _happens(self, record: Expected) -> None:
        if record.kind == "response":
            self._press(record)
        elif record.kind == "lid_opened":
            self._open = True
        elif record.kind == "lid_closed":
            self._open = False
        elif record.kind == "refill":
            self._refilling = bool(record.mode) and dict(record.fields)["action"] == 1
        elif record.kind == "dose" and record.mode == int(Mode.patient):
            self._promise(record.due)

    def _promise(self, t: int) -> None:
        for place, question in enumerate(self._settings.questions):
            waits = any(place == other for _, other in self._due)
            if question.trigger == Trigger.after_dose and not waits:
                self._due.append(
                    (t // _SECOND_NS * _SECOND_NS + question.minute * _MINUTE_NS, place)
                )

    def _press(self, record: Expected) -> None:
        fields = dict(record.fields)
        undecided = record.undecided
        if not fields["corrects"]:
            self._last = (0, 0)
            if self._lit and record.t >= self._lit.t:
                if record.t < self._lit.t + _REACTION_NS + _STEP_NS:
                    undecided = undecided or "reaction"
                self._last = (self._lit.question.question, self._lit.prompt)
                self._lit = None
        self._busy = record.t + CORRECT_NS
        fields |= {"question": self._last[0], "prompt": self._last[1]}
        ordered = tuple((name, fields[name]) for name, _ in record.fields)
        self._found.append(dataclasses.replace(record, fields=ordered, undecided=undecided))

    # --- what time does

    def _settle(self, now: int) -> None:
        if self._lit and now >= self._lit.expires:
            lit, self._lit = self._lit, None
            self._dark(lit, lit.expires, ExpiryReason.timeout, _STEP_NS)
        if self._lit or self._open or self._refilling or now <= self._busy:
            return
        place = self._wanted(now)
        if place is not None:
            self._show(now, place)

    def _wanted(self, now: int) -> int | None:
        questions = self._settings.questions
        self._due = [
            (t, place) for t, place in self._due if now - t < questions[place].expiry * _MINUTE_NS
        ]
        for due in self._due:
            if due[0] <= now and self._may(now, due[1]):
                self._due.remove(due)
                return due[1]
        minute = local(self._settings, now)[1] // 60
        for place, question in enumerate(questions):
            late = minute - question.minute
            timed = question.trigger == Trigger.set_time and 0 <= late < question.expiry
            if timed and self._may(now, place):
                return place
        return None

    def _may(self, now: int, place: int) -> bool:
        question = self._settings.questions[place]
        day = local(self._settings, now)[0]
        most = 1 if question.trigger == Trigger.set_time else self._settings.sets
        on_day = question.weekdays >> day % 7 & 1
        return bool(on_day) and self._asked.get((place, day), 0) < most

    def _show(self, now: int, place: int) -> None:
        question = self._settings.questions[place]
        day = local(self._settings, now)[0]
        self._asked[place, day] = self._asked.get((place, day), 0) + 1
        self._prompts += 1
        self._lit = Lit(question, self._prompts, now)
        self._add(
            "prompt_shown", question, self._prompts, ("trigger", question.trigger), now, _STEP_NS
        )

    def _dark(self, lit: Lit, t: int, reason: ExpiryReason, within: int) -> None:
        self._add("prompt_expired", lit.question, lit.prompt, ("reason", reason), t, within)

    def _add(
        self, kind: str, question: Question, prompt: int, why: tuple[str, int], t: int, within: int
    ) -> None:
        fields = (("question", question.question), ("prompt", prompt), (why[0], int(why[1])))
        self._found.append(Expected(self._dispenser, kind, fields, t, t, kind, within=within))

    def _next(self, now: int) -> int:
        times = [now // _MINUTE_NS * _MINUTE_NS + _MINUTE_NS]
        times += [t for t, _ in self._due if t > now]
        times += [self._lit.expires] if self._lit else []
        times += [self._busy + MS] if self._busy >= now else []
        return min(times)
