"""Prompts and responses: paired by prompt id alone, never by nearness in time."""

import dataclasses
from collections.abc import Iterable
from enum import StrEnum

from protocol.schema import Mode, PromptExpired, PromptShown, Response
from sim.backend.evidence.events import Event, Key


class Answer(StrEnum):
    """What became of a prompt."""

    ANSWERED = "answered"
    EXPIRED = "expired unanswered"
    OPEN = "neither answered nor expired, as far as the records go"


@dataclasses.dataclass(frozen=True, slots=True)
class Prompted:
    """One prompt of one dispenser and epoch; `response` is the press that counts.

    `shown` None: its PROMPT_SHOWN is not held. `corrected`: presses that the next one replaced.
    """

    question: int
    prompt: int
    answer: Answer
    shown: Event | None
    response: Event | None
    corrected: list[Event]


@dataclasses.dataclass(frozen=True)
class Answers:
    """All prompts; responses that belong to no question, and those that they replaced."""

    prompts: list[Prompted]
    unprompted: list[Event]
    corrected: list[Event]


_Data = PromptShown | PromptExpired | Response


def answers(found: Iterable[Event]) -> Answers:
    """Pair prompts with responses by dispenser, epoch, question and prompt id; mode patient."""
    groups: dict[tuple[str, int, int, int], list[Event]] = {}
    unprompted: list[Event] = []
    for event in sorted((e for e in found if e.mode == Mode.patient), key=_key):
        if not isinstance(event.data, _Data):
            continue
        if event.data.prompt:
            name = (*event.key[:2], event.data.prompt, event.data.question)
            groups.setdefault(name, []).append(event)
        elif isinstance(event.data, Response):
            unprompted.append(event)
    prompts = [_prompted(name[3], name[2], groups[name]) for name in sorted(groups)]
    return Answers(prompts, *_last(unprompted))


def _key(event: Event) -> Key:
    return event.key


def _prompted(question: int, prompt: int, group: Iterable[Event]) -> Prompted:
    by_type: dict[type, list[Event]] = {PromptShown: [], PromptExpired: [], Response: []}
    for event in group:
        by_type[type(event.data)].append(event)
    counts, corrected = _last(by_type[Response])
    shown = next(iter(by_type[PromptShown]), None)
    pressed = counts[-1] if counts else None
    expired = bool(by_type[PromptExpired])
    answer = Answer.ANSWERED if pressed else Answer.EXPIRED if expired else Answer.OPEN
    return Prompted(question, prompt, answer, shown, pressed, corrected)


def _last(pressed: Iterable[Event]) -> tuple[list[Event], list[Event]]:
    """Split presses into those that count and those that the next one in the boot replaced."""
    counts: list[Event] = []
    corrected: list[Event] = []
    for event in pressed:
        replaces = isinstance(event.data, Response) and event.data.corrects
        if replaces and counts and _same_boot(counts[-1], event):
            corrected.append(counts.pop())
        counts.append(event)
    return counts, corrected


def _same_boot(one: Event, other: Event) -> bool:
    return (one.key[:2], one.boot) == (other.key[:2], other.boot)
