"""The kit as a patient will use it, before it leaves the bench: a press must come to the backend's
store over the real uplink, the watermark back to the dispenser, and light up at its panel.

The press is typed *bench*, so nothing of it is ever a patient's. The dispenser keeps that mode
while its cable goes from the tech's machine to the gateway: its batteries must be in.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from protocol import schema, wire
from protocol.schema import Hello, MessageType, Mode, Record, RecordType
from sim.backend.store import Store
from sim.backend.tables import VERIFIED, Stream
from tools import delivered, mode
from tools.exits import Exit, ToolError
from tools.session import Session

_LOOK_EVERY = 0.5
_TELL_EVERY = 5.0
_GO = "put its cable into the gateway; then press button 4, which is sent at once"
_BACK = "look at the status light until it shines green, then put the cable back into this machine"
_LIGHT = "after the press, did the status light shine green once for over a second?"
_NO_LIGHT = "the tech saw no *delivered*: press once more, or look at the chain of lights"
_RESTARTED = "the press is typed *patient*: the dispenser restarted; are its batteries in?"


class Person(Protocol):
    """Who is at the bench; see `tools.asking.Asker`."""

    def tell(self, text: str) -> None:
        """Say something."""

    def wait(self, text: str) -> None:
        """Ask for something and wait until it is done."""

    def yes(self, question: str) -> bool:
        """Ask for a word."""


class Step(msgspec.Struct, frozen=True):
    """One hop: whether the press got there, seconds since the beginning, how that is known."""

    step: str
    good: bool
    seconds: float
    told: str


class Report(msgspec.Struct):
    """What was seen of one press, from `start` on in the journal; `good`: at every hop."""

    dispenser: str = ""
    epoch: int = 0
    start: int = 0
    gateway: str = ""
    seq: int | None = None
    good: bool = False
    steps: list[Step] = []


class Check:
    """One check; `report` is true at any time, also when it did not pass."""

    def __init__(self, port: Path, person: Person, within: float) -> None:
        """`within`: seconds for each hop."""
        self.report = Report()
        self._port = port
        self._person = person
        self._within = within
        self._began = time.monotonic()

    def run(self, store: str | None) -> None:
        """Go through it; without the backend's `store` the dispenser says what it was told.

        Raises ToolError: FAULTY for what did not pass, others for what keeps from looking.
        """
        if store is not None:
            # told before anybody walks to the gateway
            delivered.opened(store).close()
        hello = asyncio.run(self._begin())
        self.report.dispenser, self.report.epoch = hello.device_id.hex(), hello.epoch
        self.report.start = hello.next
        self._note("bench", "the dispenser is in mode bench")
        if store is None:
            self._ask_dispenser()
        else:
            self._ask_store(store)
        if not self._person.yes(_LIGHT):
            self._fail("panel", _NO_LIGHT)
        self._note("panel", "the tech saw *delivered*")
        self.report.good = True

    async def _begin(self) -> Hello:
        async with Session(self._port) as session:
            return await mode.begin(session, self._port)

    # ---- by the store ------------------------------------------------------------------------

    def _ask_store(self, where: str) -> None:
        self._person.tell(_GO)
        store = delivered.opened(where)
        try:
            for _ in self._looks("stored", "no such press is in the store"):
                stream = self._stream(store)
                if stream is not None and self._is_there(self._stored(store)):
                    break
            self._note(
                "stored", f"seq {self.report.seq} by {self.report.gateway}, verified, bench"
            )
            for _ in self._looks("watermark", "it does not pass the press: records are missing"):
                stream = self._stream(store)
                if stream is not None and stream.next > (self.report.seq or 0):
                    self.report.gateway = stream.gateway
                    break
        finally:
            store.close()
        self._note("watermark", f"passes seq {self.report.seq}")

    def _stream(self, store: Store) -> Stream | None:
        key = {"dispenser": self.report.dispenser, "epoch": self.report.epoch}
        return next(iter(store.streams(**key)), None)

    def _stored(self, store: Store) -> Iterator[Record]:
        for row in store.records(self.report.dispenser, self.report.epoch):
            if row.seq >= self.report.start and row.status == VERIFIED:
                self.report.gateway = row.gateway
                yield wire.parse(Record, row.raw)

    # ---- by the dispenser --------------------------------------------------------------------

    def _ask_dispenser(self) -> None:
        self._person.tell(_GO)
        self._person.wait(_BACK)
        there, heard = asyncio.run(self._journal())
        if not self._is_there(there):
            self._fail("written", "no press of mode bench is in the journal")
        self._note("written", f"seq {self.report.seq}, bench")
        if heard <= (self.report.seq or 0):
            told = f"the dispenser was told that all before seq {heard} is stored, no more"
            self._fail("watermark", told)
        self._note("watermark", f"the backend has told the dispenser: all before seq {heard}")

    async def _journal(self) -> tuple[list[Record], int]:
        async with Session(self._port) as session:
            hello = await session.hello()
            if (hello.device_id.hex(), hello.epoch) != (self.report.dispenser, self.report.epoch):
                raise ToolError(f"{self._port}: another dispenser than before", Exit.FAULTY)
            status = wire.parse(schema.Status, await session.ask(MessageType.status))
        return await delivered.records(self._port, hello, self.report.start), status.watermark

    # ---- what both need ----------------------------------------------------------------------

    def _is_there(self, records: Iterable[Record]) -> bool:
        presses = [record for record in records if record.type == RecordType.response]
        bench = [record.seq for record in presses if record.mode == Mode.bench]
        if presses and not bench:
            self._fail("mode", _RESTARTED)
        if bench:
            self.report.seq = bench[0]
        return bool(bench)

    def _looks(self, step: str, lacking: str) -> Iterator[None]:
        end = time.monotonic() + self._within
        tell_at = time.monotonic() + _TELL_EVERY
        while True:
            yield
            now = time.monotonic()
            if now >= end:
                told = "`dosewire gateway status` at the gateway says where it waits"
                self._fail(step, f"{lacking} after {self._within:.0f} s; {told}")
            if now >= tell_at:
                self._person.tell(f"{step}: {lacking} yet; {end - now:.0f} s left")
                tell_at = now + _TELL_EVERY
            time.sleep(_LOOK_EVERY)

    def _note(self, step: str, told: str, *, good: bool = True) -> None:
        seconds = round(time.monotonic() - self._began, 1)
        self.report.steps.append(Step(step, good, seconds, told))
        if good:
            self._person.tell(f"{step}: {told}")

    def _fail(self, step: str, told: str) -> None:
        self._note(step, told, good=False)
        raise ToolError(f"{step}: {told}", Exit.FAULTY)
