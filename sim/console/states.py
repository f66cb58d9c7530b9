"""How gateways, broker and backend are, in plain words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from nicegui import ui

from gateway import note, status
from sim.faults import Fault
from sim.world import World

_PASSING_S = 3.0


@dataclass(frozen=True, slots=True)
class Word:
    """One line: about what, how it is (True well, False ill, None neither), and what to do."""

    part: str
    well: bool | None
    text: str


class States:
    """Asked now and then for all browser pages together: `words` is the last answer."""

    def __init__(self, world: World, broken: Mapping[tuple[str, str], Fault]) -> None:
        """`broken`: each fault that is on, by its name and target."""
        self.words: list[Word] = []
        self._world = world
        self._broken = broken
        self._over = False

    async def look(self) -> None:
        """Ask every gateway's daemon, and see who runs."""
        if self._over:
            return
        words = [_broken(*key, fault) for key, fault in self._broken.items()]
        for name, child in self._world.gateways.items():
            words += await self._gateway(name) if child.running else [Word(name, False, "is off")]
        others = {"broker": self._world.broker.pid, "backend": self._world.backend.pid}
        for name, pid in others.items():
            runs = pid is not None
            words.append(Word(name, runs, "runs" if runs else "is off"))
        if not self._over:
            self.words = words

    async def _gateway(self, name: str) -> list[Word]:
        try:
            told = await asyncio.to_thread(status.ask, self._world.data(name))
        except status.NoDaemonError as error:
            return [Word(name, False, str(error))]
        several = f"{name} " if len(self._world.gateways) > 1 else ""
        return [self._word(name, several, finding) for finding in told["findings"]]

    def _word(self, gateway: str, several: str, finding: dict[str, Any]) -> Word:
        part = several + _short(finding["part"])
        if self._elsewhere(gateway, _short(finding["part"])):
            return Word(part, None, "its cable is in another gateway")
        if self._world.virtual and finding["part"] == "daemon" and not finding["works"]:
            return Word(part, None, "is not judged here: in virtual time its loops look seldom")
        text = _text(finding).replace(str(self._world.folder), "the run's folder")
        return Word(part, None if _passes(finding) else finding["works"], text)

    def end(self) -> None:
        """From now on say that it is over: what ended in order is not ill."""
        self._over = True
        self.words = [Word("run", None, "is over: gateways and backend have ended")]

    def _elsewhere(self, gateway: str, part: str) -> bool:
        dispenser = self._world.dispensers.get(part.removeprefix("port "))
        return dispenser is not None and dispenser.gateway != gateway


def _broken(name: str, target: str, fault: Fault) -> Word:
    told = (type(fault).__doc__ or "").splitlines()[0]
    return Word(target or fault.target, False, f"broken by hand, {name.replace('_', ' ')}: {told}")


def _passes(finding: dict[str, Any]) -> bool:
    # a question asked just now, a port just plugged in: that may be well in a moment
    return not finding["works"] and float(finding.get("for_seconds", _PASSING_S)) < _PASSING_S


def _short(part: str) -> str:
    """A port's path is its last name here: the cables are named like the dispensers."""
    return f"port {part.rpartition('/')[2]}" if part.startswith("port ") else part


def _text(finding: dict[str, object]) -> str:
    text = f"{finding['text']}"
    # how long something works tells nothing; how long it does not, much
    if "for_seconds" in finding and not finding["works"]:
        text += f" (for {note.duration(float(str(finding['for_seconds'])))})"
    return f"{text}: {finding['remedy']}" if finding["remedy"] else text


class StatesCard:
    """The words in one browser page, what does not work first."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._head = ui.html(_head([]), sanitize=False, tag="h2")
        self._html = ui.html("", sanitize=False).classes("words")
        self._html.props('role="status" aria-label="how each part is" tabindex=0')

    def refresh(self) -> None:
        """Show the last words."""
        order = {False: 0, None: 1, True: 2}
        words = sorted(self._states.words, key=lambda word: order[word.well])
        text = "".join(_line(word) for word in words)
        if text != self._html.content:
            self._html.set_content(text)
            self._head.set_content(_head(words))


def _head(words: list[Word]) -> str:
    ill = sum(word.well is False for word in words)
    if not words or ill:
        return f"How it is: {ill} of {len(words)} not well" if ill else "How it is"
    return "How it is: all well" if any(word.well for word in words) else "How it is"


def _line(word: Word) -> str:
    mark, look = {True: ("✓", "good"), False: ("✗", "bad"), None: ("·", "soft")}[word.well]
    part, text = escape(word.part), escape(word.text)
    return f'<div><span class="{look}">{mark}</span> <b>{part}</b> {text}</div>'
