"""Somebody who sees the edge light of an emulated board and hears its piezo, in virtual time."""

import serial

from protocol import schema, wire
from protocol.framing import Frame, encode
from sim.board.emulated import OutputEvent
from sim.clock import VirtualClock
from tests.sim.board.bench import Bench

EDGE_LIGHT = 7  # the last of the chain
SECOND = 10**9


class Watcher:
    """What the edge light and the piezo did, and how much had been written at each sound."""

    def __init__(self, bench: Bench) -> None:
        self.lights: list[tuple[int, bytes]] = []  # ns since 1970; green, red, blue
        self.tones: list[tuple[int, int, int]] = []  # ns since 1970, Hz, flash operations so far
        self._bench = bench

    def __call__(self, event: OutputEvent) -> None:
        """Take an output's change in; to be given to the board."""
        if event.kind == "pixels":
            at = 3 * EDGE_LIGHT
            self.lights.append((event.time_ns, event.data[at : at + 3]))
        elif event.name == "buzzer" and event.value:
            self.tones.append((event.time_ns, event.freq, self._bench.board.operations))

    def spans(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return what the edge light was from `start` to `end`: (ms, its colour), in turn."""
        before = [colour for t, colour in self.lights if t <= start]
        moves = [(start, before[-1] if before else bytes(3))]
        for t, colour in self.lights:
            if start < t < end and colour != moves[-1][1]:
                moves.append((t, colour))
        ends = [t for t, _ in moves[1:]] + [end]
        return [
            ((after - t) // 10**6, colour) for (t, colour), after in zip(moves, ends, strict=True)
        ]

    def seen(self, start: int, end: int) -> str:
        """Return its rhythm as one sees it.

        Light: `f` a short flash (under 0.5 s), `m` medium (under 1 s), `g` a long glow, `S` steady
        from beginning to end. Dark: `.` a short pause (to 1 s), `_` a pause, `=` a long one (over
        5 s). What is cut off at both ends is left out.
        """
        spans = self.spans(start, end)
        if len(spans) == 1:
            return "S" if any(spans[0][1]) else ""
        return "".join(_sign(ms, any(colour)) for ms, colour in spans[1:-1])


def _sign(ms: int, on: bool) -> str:
    limits, signs = ((500, 1000), "fmg") if on else ((1001, 5000), "._=")
    return signs[sum(ms >= limit for limit in limits)]


def is_rhythm(turn: str, seen: str) -> bool:
    """Whether at least two turns of it were seen, begun anywhere."""
    shifts = [turn[n:] + turn[:n] for n in range(len(turn))]
    fits = [(shift * len(seen))[: len(seen)] == seen for shift in shifts]
    return len(seen) >= 2 * len(turn) and any(fits)


class Host:
    """A gateway at the board's port that says what it is told to say."""

    def __init__(self, bench: Bench, clock: VirtualClock) -> None:
        self.away = 0
        """Minutes for which it has had no way to its broker."""
        self._clock = clock
        self._port = serial.Serial(str(bench.board.port), timeout=0)

    async def say(self, kind: schema.MessageType, message: object, seconds: float = 0.2) -> None:
        """Send a message and let time pass."""
        self._port.write(encode(Frame(int(kind), wire.build(message), ref=1)))
        await self.stay(seconds)

    async def stay(self, seconds: float) -> None:
        """Let time pass, and greet every 20 s as a gateway does when it has nothing to say."""
        left = seconds
        while left > 0:
            await self._clock.advance(min(left, 20))
            self._port.read(8192)
            left -= 20
            if left > 0:
                greeting = wire.build(schema.HelloRequest(1, 1, self.away))
                self._port.write(encode(Frame(int(schema.MessageType.hello), greeting, ref=1)))

    def leave(self) -> None:
        """Close the port."""
        self._port.close()
