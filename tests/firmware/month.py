"""A patient who does everything that the dispenser must bear, many times; and what came of it."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

from protocol import schema, wire
from protocol.commands import Signer
from protocol.framing import Frame, encode
from sim.clock import VirtualClock
from sim.expected.clock import Said
from sim.ledger import Cable, Entry, Power, Stimulus
from tests.firmware.watching import Host
from tests.sim.board.bench import Bench

NAME = "d1"
SECOND = 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
DAILY = 127
CHANGES = ((1, 60), (3, 0), (12, 60), (20, 0))
"""Days at whose 04:00 UTC the clocks change, and how many minutes east of UTC they are then."""


def settings(first: int) -> schema.Settings:
    """Return the settings of the days that begin at `first` (Unix ns, a midnight).

    The window at 04:30 is skipped when the clocks go forward, and comes twice when they go back.
    """
    start = first // SECOND - schema.TIME_BASE
    zone = [schema.Transition(0, 1440)]
    for day, offset in CHANGES:
        zone.append(schema.Transition(start + day * 86_400 + 4 * 3600, 1440 + offset))
    return schema.Settings(
        5, 2, 2, 1260, 480, 24, 1,
        zone,
        [
            schema.Window(1, 1, DAILY, 9 * 60, 60, 0),
            schema.Window(2, 2, DAILY, 18 * 60, 60, 0),
            schema.Window(3, 3, DAILY, 4 * 60 + 30, 60, 1),
        ],
        [
            schema.Question(1, schema.Trigger.after_dose, DAILY, 5, 10),
            schema.Question(2, schema.Trigger.set_time, DAILY, 20 * 60, 30),
        ],
    )  # fmt: skip


def offset(day: int) -> int:
    """Return how far the clocks are ahead of UTC at the noon of a day, in ns."""
    return max([change for change in CHANGES if change[0] <= day], default=(0, 0))[1] * MINUTE


Deed = tuple[int, str, bool | int | None]
"""When, on what, active or not; `cut`, `on`, `pull` and `plug` are what they say.

`time` and ns: the gateway comes and says that it is so much later than it is.
"""


class Days:
    """Writes down what is done: one list of deeds a day, from a seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._deeds: list[Deed] = []
        self._awake = False

    def day(self, start: int) -> list[Deed]:
        """Return a day's deeds in order; `start` is its local midnight (Unix ns)."""
        self._deeds = []
        if not self._awake:
            self._night(start)
        self._gateway(start + 2 * HOUR + 50 * MINUTE)
        self._awake = self._rng.random() < 0.25
        kinds = [self._both, self._hold, self._flick, self._long_press, self._repeat] * 4
        self._rng.shuffle(kinds)
        for n, kind in enumerate(kinds):
            kind(start + 10 * HOUR + 30 * MINUTE + n * 11 * MINUTE + self._ms(0, 60_000))
        self._dose(start + 9 * HOUR, 1)
        self._answer(start + 9 * HOUR + 25 * MINUTE)
        self._refill(start + 15 * HOUR)
        self._possible(start + 16 * HOUR)
        self._chatter(start + 16 * HOUR + 20 * MINUTE)
        self._dark(start + 17 * HOUR)
        self._dose(start + 18 * HOUR, 2)
        self._answer(start + 20 * HOUR + self._ms(60_000, 3_000_000))
        if self._awake:
            self._overnight(start + 22 * HOUR)
        return sorted(self._deeds, key=lambda deed: deed[0])

    # --- what a patient does

    def _both(self, t: int) -> None:
        self.done["two buttons at once"] += 1
        one, other = self._rng.sample(range(5), 2)
        self._press(t, one, 200)
        self._press(t + self._ms(2, 20), other, 300)

    def _hold(self, t: int) -> None:
        self.done["a button held for a minute"] += 1
        self._press(t, self._rng.randrange(5), self._rng.randrange(58_000, 64_000))

    def _long_press(self, t: int) -> None:
        if self._rng.random() < 0.1:
            self.done["a button stuck"] += 1
            self._press(t, self._rng.randrange(5), self._rng.randrange(310_000, 400_000))

    def _repeat(self, t: int) -> None:
        self.done["pressed twice"] += 1
        button = self._rng.randrange(5)
        self._press(t, button, 150)
        self._press(t + self._ms(300, 1500), button, 100)

    def _flick(self, t: int) -> None:
        self.done["opened and closed within 100 ms"] += 1
        self._active(t, "lid", self._rng.choice((10, 30, 60, 80, 100)))

    def _dose(self, t: int, due: int) -> None:
        deeds = self._rng.choice(("right", "right", "missed", "wrong", "twice", "outside"))
        self.done[f"dose: {deeds}"] += 1
        if deeds == "missed":
            return
        if deeds == "outside":
            t -= HOUR // 2
        self._reach(t + self._ms(300_000, 900_000), [due if deeds != "wrong" else 4])
        if deeds == "twice":
            self._reach(t + 40 * MINUTE, [due])

    def _answer(self, t: int) -> None:
        if self._rng.random() < 0.7:
            self.done["answered, in time or after expiry"] += 1
            self._press(t, self._rng.randrange(5), 200)

    def _refill(self, t: int) -> None:
        if self._rng.random() < 0.4:
            self.done["refilled with the button"] += 1
            self._active(t, "service", 300)
            self._reach(t + 20 * SECOND, [1, 2, 3, 4])
            if self.done["refilled with the button"] % 2 == 0:
                self._active(t + 50 * SECOND, "service", 300)

    def _possible(self, t: int) -> None:
        if self._rng.random() < 0.5:
            self.done["refilled without the button"] += 1
            self._reach(t, self._rng.sample(range(1, 5), self._rng.choice((3, 4))))

    def _chatter(self, t: int) -> None:
        deed = self._next("chatter", "reed left open", "button for long", "", "reed", "button", "")
        if deed.startswith("reed"):
            end = self._bounce(t, "lid", 60_000, 25, 45, left=deed.endswith("open"))
            if deed.endswith("open"):
                self._deeds.append((end + 20 * SECOND, "lid", False))
        elif deed == "button":
            self._bounce(t, f"button{self._rng.randrange(5)}", 5_000, 3, 25)
        elif deed:
            self._bounce(t, f"button{self._rng.randrange(5)}", 70_000, 100, 101)

    def _bounce(
        self, t: int, name: str, ms: int, least: int, most: int, left: bool = False
    ) -> int:
        # edges until `ms` are over, and one more if the level that is left asks for it; the last
        end, active = t + ms * 10**6, False
        while t < end or active != left:
            active = not active
            self._deeds.append((t, name, active))
            last, t = t, t + self._ms(least, most)
        return last

    def _dark(self, t: int) -> None:
        # something is before all beams: the light is gone
        deed = self._next("all beams dark", "when it is opened", "under the lid", "")
        if deed:
            lasts = 5_000 if deed.startswith("when") else 150_000
            for n in range(1, 5):
                self._active(t, f"beam{n}", lasts)
        if deed.startswith("when"):
            self._active(t + SECOND, "lid", 8_000)

    def _gateway(self, t: int) -> None:
        self.done["told the time"] += 1
        self._deeds.append((t, "time", self._ms(-40, 40)))
        deed = self._next("told a wrong time", "step", "impossible", "small step", "")
        if deed == "impossible":
            self._deeds += [(t + MINUTE * n, "time", -(2 + n) * DAY) for n in (1, 2)]
        elif deed:
            ahead = self._ms(-3000, -1000) if deed == "small step" else self._ms(60_000, 500_000)
            self._deeds += [(t + 5 * MINUTE, "time", ahead), (t + 20 * MINUTE, "time", 0)]

    def _next(self, what: str, *deeds: str) -> str:
        # one after the other, so that a few days have some of them
        deed = deeds[sum(self.done[f"{what}: {one or 'not'}"] for one in set(deeds)) % len(deeds)]
        self.done[f"{what}: {deed or 'not'}"] += 1
        return deed

    def _overnight(self, t: int) -> None:
        self.done["lid open overnight"] += 1
        self._active(t, "lid", 8 * 3_600_000 + self._rng.randrange(600_000))

    def _night(self, t: int) -> None:
        t += HOUR + self._ms(0, 60_000)
        self.done["reached through a beam without the lid"] += 2
        self._active(t, f"beam{self._rng.randrange(1, 5)}", self._rng.randrange(200, 900))
        self._active(t + 5 * MINUTE, f"beam{self._rng.randrange(1, 5)}", 90_000)
        self.done["plug pulled mid-press"] += 2
        t += HOUR
        self._mid_press(t, "pull", "plug", self._ms(20_000, 900_000))
        self._mid_press(t + 30 * MINUTE, "cut", "on", self._ms(3_000, 20_000))

    def _mid_press(self, t: int, away: str, back: str, lasts: int) -> None:
        self._press(t, self._rng.randrange(5), 800)
        pulled = t + self._ms(1, 700)
        self._deeds += [(pulled, away, None), (pulled + lasts, back, None)]

    def _reach(self, t: int, compartments: Iterable[int]) -> None:
        at = t
        for n in compartments:
            at += self._ms(900, 1500)
            self._active(at, f"beam{n}", self._rng.randrange(200, 700))
        self._active(t, "lid", (at - t) // 10**6 + self._rng.randrange(1000, 4000))

    def _press(self, t: int, button: int, ms: int) -> None:
        self._active(t, f"button{button}", ms)

    def _active(self, t: int, name: str, ms: int) -> None:
        self._deeds += [(t, name, True), (t + ms * 10**6, name, False)]

    def _ms(self, low: int, high: int) -> int:
        return self._rng.randrange(low, max(high, low + 1)) * 10**6


class Player:
    """Does the deeds on a board in virtual time and keeps the ledger."""

    def __init__(self, bench: Bench, clock: VirtualClock) -> None:
        self.entries: list[Entry] = []
        self.said: list[Said] = []
        self._bench, self._clock = bench, clock

    async def play(self, deeds: Iterable[Deed]) -> None:
        for t, what, active in deeds:
            await self._clock.advance_to(t)
            if active is None:
                await self._power(what)
            elif what == "time":
                await self._tell_time(active)
            else:
                at = self._bench.board.set_input(what, bool(active))
                self.entries.append(Stimulus(at, NAME, what, bool(active)))

    async def _tell_time(self, ahead: int) -> None:
        now = self._clock.now_ns
        seconds, rest = divmod(now + ahead, SECOND)
        said = Said(now, now + ahead, 50, schema.TimeSource.gateway)
        self.said.append(said)
        time = schema.Time(seconds - schema.TIME_BASE, rest // 10**6, 50, said.source)
        host = Host(self._bench, self._clock)
        await host.say(schema.MessageType.time, time)
        host.leave()

    async def _power(self, what: str) -> None:
        now, board = self._clock.now_ns, self._bench.board
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "cut": board.power_cut, "on": board.power_on,
            "pull": board.unplug, "plug": board.plug,
        }  # fmt: skip
        entry: Entry = Cable(now, NAME, what == "plug")
        if what == "cut":
            entry = Power(now, NAME, "cut")
        elif what == "on":
            entry = Power(now, NAME, "on")
        self.entries.append(entry)
        await ways[what]()


async def settle(
    bench: Bench, clock: VirtualClock, secret: bytes, identity: bytes, said: schema.Settings
) -> None:
    """Give the board its settings through its port."""
    import serial

    put = Signer(secret, identity).config_put(said)
    with serial.Serial(str(bench.board.port), timeout=0) as host:
        host.write(encode(Frame(int(schema.MessageType.config_put), wire.build(put), ref=1)))
        for _ in range(50):
            await clock.advance(0.1)
            host.read(4096)
