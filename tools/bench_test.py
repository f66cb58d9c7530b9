"""The guided test of a dispenser: each input must come out as a record of mode bench, lights and
sound are looked at by the tech.

Everything is tried even after something failed, so that one round names all that is to be mended.
"""

import asyncio
import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from protocol import schema, wire
from protocol.schema import Hello, MessageType, Mode, Record, RecordType
from tools import mode
from tools.kit import Person
from tools.prompt import Prompt
from tools.session import Session, SessionError

LIGHTS = 8
_LOOK_EVERY = 0.1
_SERVICE = 10
"""Its bit in STATUS.active; pressed in mode bench it makes no record."""
_NAMES = (
    "lid",
    *(f"beam {n}" for n in range(1, 5)),
    *(f"button {n}" for n in range(5)),
    "service",
)
_SHOW = """
import sys, time
sys.path.insert(0, "/slots/" + open("/slot").read().strip())
from dispenser.drivers.lights import Lights
from dispenser.drivers.buzzer import Buzzer
lights, buzzer = Lights(), Buzzer()
try:
    for light in range({lights}):
        pixels = bytearray(3 * {lights})
        pixels[3 * light : 3 * light + 3] = b"\\x3c\\x3c\\x3c"
        lights.show(pixels)
        time.sleep_ms(400)
    lights.show(bytearray(3 * {lights}))
    for hz in (660, 880, 1100):
        buzzer.tone(hz, 32768)
        time.sleep_ms(300)
finally:
    buzzer.tone(0, 0)
"""


class Part(msgspec.Struct, frozen=True):
    """One part: whether it works, how that is known; `seq`: the record that shows it."""

    part: str
    good: bool
    told: str
    seq: int | None = None


class Protocol(msgspec.Struct):
    """What was found, `made_at` (this machine's clock, UTC); `good`: every part works."""

    dispenser: str
    epoch: int
    board: str
    release: str
    made_at: str
    good: bool
    parts: list[Part]


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    """What the tech is told to do, and the record that it must make."""

    part: str
    do: str
    kind: RecordType
    number: int | None = None


_INPUTS = (
    _Wanted("lid opens", "open the lid", RecordType.lid_opened),
    *(
        _Wanted(f"beam {n}", f"pass a finger through compartment {n}", RecordType.dose, n)
        for n in range(1, 5)
    ),
    _Wanted("lid closes", "close the lid", RecordType.lid_closed),
    *(_Wanted(f"button {n}", f"press button {n}", RecordType.response, n) for n in range(5)),
)


class BenchTest:
    """One test; `within`: seconds for the tech to do each thing."""

    def __init__(self, port: Path, person: Person, within: float) -> None:
        self._port = port
        self._person = person
        self._within = within
        self._parts: list[Part] = []

    def run(self, now: Callable[[], datetime.datetime]) -> Protocol:
        """Go through all parts. Raises ToolError if the dispenser cannot be tested."""
        hello = asyncio.run(self._inputs())
        self._show()
        return Protocol(
            dispenser=hello.device_id.hex(),
            epoch=hello.epoch,
            board=hello.board.rstrip(b"\0").decode("ascii", "replace"),
            release=f"{hello.major}.{hello.minor}.{hello.patch}",
            made_at=now().isoformat(timespec="seconds"),
            good=all(part.good for part in self._parts),
            parts=self._parts,
        )

    async def _inputs(self) -> Hello:
        async with Session(self._port) as session:
            hello = await mode.begin(session, self._port)
            try:
                await self._at_rest(session)
                start = hello.next
                for wanted in _INPUTS:
                    start = await self._input(session, hello.epoch, start, wanted)
                await self._service(session)
            finally:
                with contextlib.suppress(SessionError):
                    await mode.end(session)
            return hello

    # ---- inputs ------------------------------------------------------------------------------

    async def _at_rest(self, session: Session) -> None:
        self._person.tell("close the lid, hands off")
        active = await self._until(session, lambda active: active == 0)
        stuck = ", ".join(name for bit, name in enumerate(_NAMES) if active >> bit & 1)
        self._note(
            "at rest", not active, f"active though untouched: {stuck}" if stuck else "quiet"
        )

    async def _input(self, session: Session, epoch: int, start: int, wanted: _Wanted) -> int:
        # returns from where to look for the next one
        self._person.tell(wanted.do)
        others: dict[str, None] = {}
        try:
            async with (
                asyncio.timeout(self._within),
                contextlib.aclosing(session.events(epoch, start)) as stream,
            ):
                async for events in stream:
                    for record in _records(wire.events_records(events)):
                        start = record.seq + 1
                        name = _name(record)
                        if record.mode == Mode.bench and name == _told(wanted):
                            self._note(wanted.part, True, "recorded", record.seq)
                            return start
                        others.update({name: None} if name else {})
        except TimeoutError:
            instead = f"; instead: {', '.join(others)}" if others else ""
            told = f"no record of it within {self._within:.0f} s{instead}"
            self._note(wanted.part, False, told)
        return start

    async def _service(self, session: Session) -> None:
        self._person.tell("press and hold the service button for a second")
        pressed = await self._until(session, lambda active: bool(active >> _SERVICE & 1))
        if not pressed >> _SERVICE & 1:
            self._note("service", False, f"not felt within {self._within:.0f} s")
            return
        self._person.tell("let it go")
        active = await self._until(session, lambda active: not active >> _SERVICE & 1)
        good = not active >> _SERVICE & 1
        self._note("service", good, "felt and let go" if good else "stays pressed")

    async def _until(self, session: Session, fits: Callable[[int], bool]) -> int:
        # the inputs that are active, once they fit or the time is over
        loop = asyncio.get_running_loop()
        end = loop.time() + self._within
        while True:
            status = wire.parse(schema.Status, await session.ask(MessageType.status))
            if fits(status.active) or loop.time() >= end:
                return status.active
            await asyncio.sleep(_LOOK_EVERY)

    # ---- what only a person can see and hear -------------------------------------------------

    def _show(self) -> None:
        self._person.tell("look: the lights shine one after the other, then three tones")
        with Prompt(self._port) as prompt:
            while True:
                prompt.run(_SHOW.format(lights=LIGHTS))
                if not self._person.yes("show it once more?"):
                    break
            prompt.reset()
        for part, question in (
            ("lights", f"did all {LIGHTS} lights shine, one after the other?"),
            ("sound", "did you hear three tones, each higher?"),
        ):
            good = self._person.yes(question)
            self._note(part, good, "by the tech's word")

    def _note(self, part: str, good: bool, told: str, seq: int | None = None) -> None:
        self._parts.append(Part(part, good, told, seq))
        self._person.tell(f"  {part}: {'good' if good else 'FAILED'}, {told}")


def passed(protocol: Protocol) -> str:
    """Return the verdict in one line."""
    bad = [part.part for part in protocol.parts if not part.good]
    return f"failed: {', '.join(bad)}" if bad else f"all {len(protocol.parts)} parts work"


def _records(raw: Iterable[bytes]) -> list[Record]:
    return [wire.parse(Record, one) for one in raw]


def _told(wanted: _Wanted) -> str:
    number = "" if wanted.number is None else f" {wanted.number}"
    return f"{wanted.kind.name}{number}"


def _name(record: Record) -> str:
    # of what a tech does or what is broken, in the words of the table above
    if record.type in (RecordType.lid_opened, RecordType.lid_closed):
        return RecordType(record.type).name
    try:
        data = wire.parse_data(record)
    except wire.WireError:
        return ""
    if isinstance(data, schema.Dose):
        return f"dose {data.compartment}"
    if isinstance(data, schema.Response):
        return f"response {data.button}"
    if isinstance(data, schema.Fault):
        part = _NAMES[data.subject] if data.subject < len(_NAMES) else "no input"
        return f"fault {data.kind.name} of {part}"
    return ""
