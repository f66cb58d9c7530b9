"""The live view: each record's way from stimulus to watermark, and where to look inside.

Times are measured where they can be seen from outside: the ledger's stimulus, the board's last
flash write, the spool's and the store's own columns, the broker's log, the watermark's row.
"""

import asyncio
import dataclasses
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from protocol import schema, topics
from protocol.wire import parse
from sim.dispenser import Dispenser
from sim.inflight import InFlight
from sim.patient import Patient
from sim.report import SPOOL, STORE
from sim.stored import describe
from sim.world import World

_LINES = 24
_EVENTS = 6
_LISTEN_EVERY = 0.003
"""Flash writes and the broker's log are stamped when they are noticed."""
_LISTENS = 30
"""Between two looks into the databases, whose rows are stamped by their writers."""
_NOTICED_NS = 5_000_000
_REST_S = 4.0
_FAULT_EVERY = 25.0
_FAULT_LASTS = 5.0
STAGES = ("journal", "spool", "broker", "store", "watermark")


@dataclasses.dataclass(slots=True)
class Way:
    """One record's way: Unix ns at which it was seen at each stage."""

    dispenser: str
    seq: int
    what: str
    t: int
    at: dict[str, int] = dataclasses.field(default_factory=dict)


class Ways:
    """Follows the records of a world; `listen` often and `look` now and then."""

    def __init__(self, world: World) -> None:
        self.recent: deque[Way] = deque(maxlen=_LINES)
        self.last: dict[str, Way] = {}
        """The newest record of each dispenser."""
        self._world = world
        self._flight = InFlight(world.folder)
        self._seen: dict[tuple[str, int], int] = {}
        self._operations = dict.fromkeys(world.dispensers, 0)
        self._written: dict[str, deque[int]] = {d: deque(maxlen=200) for d in world.dispensers}
        self._published: dict[str, deque[int]] = {d: deque(maxlen=200) for d in world.dispensers}
        self._log_at = 0

    def listen(self) -> None:
        """Note flash writes and publishes since the last time."""
        self._read_broker_log()
        for dispenser in self._world.dispensers.values():
            self._note_writes(dispenser)

    def look(self) -> None:
        """Take in what spool and store hold."""
        keys = {(d.id, d.epoch): name for name, d in self._world.dispensers.items() if d.id}
        after = {key: self._seen.get(key, -1) for key in keys}
        for key, found in self._flight.spooled(after).items():
            self._add_new(keys[key], found)
            self._seen[key] = found[-1][0]
        for name in {way.dispenser for way in self.recent}:
            self._follow(self._world.dispensers[name])

    def _note_writes(self, dispenser: Dispenser) -> None:
        if dispenser.board.operations != self._operations[dispenser.name]:
            self._operations[dispenser.name] = dispenser.board.operations
            self._written[dispenser.name].append(self._world.clock.now_ns)

    def _add_new(self, name: str, found: Iterable[tuple[int, bytes, int]]) -> None:
        for seq, raw, at in found:
            record = parse(schema.Record, raw)
            way = Way(name, seq, describe(raw), _told_ns(record))
            way.at["spool"] = at
            latest = at + _NOTICED_NS
            written = [t for t in self._written[name] if way.t <= t <= latest]
            if written:
                way.at["journal"] = min(written[0], at)
            self.recent.append(way)
            self.last[name] = way

    def _follow(self, dispenser: Dispenser) -> None:
        mine = [way for way in self.recent if way.dispenser == dispenser.name]
        if not mine:
            return
        stored = self._flight.stored_at(dispenser.id, dispenser.epoch, mine[0].seq)
        confirmed = self._flight.of(dispenser.id, dispenser.epoch).watermark
        for way in mine:
            if way.seq in stored:
                way.at.setdefault("store", stored[way.seq])
            later = (t for t in self._published[dispenser.name] if t >= way.at["spool"])
            if "broker" not in way.at and (sent := next(later, None)):
                way.at["broker"] = sent
            if way.seq < confirmed:
                way.at.setdefault("watermark", self._world.clock.now_ns)

    def _read_broker_log(self) -> None:
        log = self._world.broker.log
        if not log.exists():
            return
        with log.open("rb") as file:
            file.seek(self._log_at)
            *lines, rest = file.read().split(b"\n")
            self._log_at = file.tell() - len(rest)
        sent = [line for line in lines if b"Received PUBLISH" in line]
        for dispenser in self._world.dispensers.values() if sent else ():
            own = [
                topics.up(name, dispenser.id or "0" * 16, "events").encode()
                for name in self._world.gateways
            ]
            if any(topic in line for line in sent for topic in own):
                self._published[dispenser.name].append(self._world.clock.now_ns)


def _told_ns(record: schema.Record) -> int:
    if record.quality == schema.Quality.uptime:
        return 0
    return ((schema.TIME_BASE + record.time) * 1000 + record.ms) * 1_000_000


class View:
    """A world with quiet patients and a fault now and then, on the screen until Ctrl-C."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        self._ways = Ways(world)
        self._events: deque[str] = deque(maxlen=_EVENTS)
        self._rng = random.Random(world.seed)

    async def run(self) -> None:
        """Run for ever."""
        with Live(console=self._console, get_renderable=self._screen, refresh_per_second=8):
            self._say("flash and provision both dispensers, start broker and backend")
            await self._world.begin()
            await self._world.gateway.start()
            self._say("everything runs")
            async with asyncio.TaskGroup() as tasks:
                for dispenser in self._world.dispensers.values():
                    rng = random.Random(f"{self._world.seed} {dispenser.name}")
                    tasks.create_task(Patient(dispenser, rng, _REST_S).live())
                tasks.create_task(self._look())
                tasks.create_task(self._faults())
                tasks.create_task(self._cables())
                tasks.create_task(self._world.watch())

    async def _look(self) -> None:
        while True:
            self._ways.look()
            for _ in range(_LISTENS):
                self._ways.listen()
                await asyncio.sleep(_LISTEN_EVERY)

    async def _faults(self) -> None:
        gateway, backend, broker = self._world.gateway, self._world.backend, self._world.broker
        while True:
            await asyncio.sleep(_FAULT_EVERY)
            await self._break("gateway killed", gateway.kill, gateway.start)
            await asyncio.sleep(_FAULT_EVERY)
            d = self._rng.choice(list(self._world.dispensers.values()))
            await self._break(f"power of {d.name} cut", d.cut, d.power_on)
            await asyncio.sleep(_FAULT_EVERY)
            await self._break("broker stopped", broker.stop, broker.start)
            await asyncio.sleep(_FAULT_EVERY)
            await self._break("backend stopped", backend.stop, backend.start)

    async def _cables(self) -> None:
        """Move a dispenser's cable as the file `bench` in its folder comes and goes."""
        at_bench: set[str] = set()
        while True:
            for dispenser in self._world.dispensers.values():
                wanted = (dispenser.board.folder / "bench").exists()
                if wanted and dispenser.name not in at_bench:
                    await dispenser.to_bench()
                    at_bench.add(dispenser.name)
                    self._say(f"{dispenser.name} is on your bench")
                elif not wanted and dispenser.name in at_bench:
                    await dispenser.to_gateway()
                    at_bench.remove(dispenser.name)
                    self._say(f"{dispenser.name} is back at the gateway")
            await asyncio.sleep(_LISTEN_EVERY * _LISTENS)

    async def _break(
        self,
        what: str,
        strike: Callable[[], Coroutine[None, None, None]],
        heal: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        self._world.fault(what.replace(" ", "_"), "to be looked at")
        self._say(f"FAULT {what}")
        await strike()
        await asyncio.sleep(_FAULT_LASTS)
        await heal()
        self._say(f"healed: {what}")

    def _say(self, text: str) -> None:
        self._events.append(f"{time.strftime('%H:%M:%S')} {text}")

    def _screen(self) -> Group:
        places, events = _places(self._world), list(self._events)
        return Group(Text("\n".join(places)), self._table(), Text("\n".join(["", *events])))

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for head in ("dispenser", "seq", "record", "stimulus"):
            table.add_column(head, justify="right" if head == "seq" else "left", no_wrap=True)
        for head in STAGES:
            table.add_column(f"→ {head}", justify="right", no_wrap=True)
        for way in self._ways.recent:
            cells = (_cell(way, stage) for stage in STAGES)
            table.add_row(way.dispenser, str(way.seq), way.what, _clock(way.t), *cells)
        return table


def _cell(way: Way, stage: str) -> Text:
    at = way.at.get(stage)
    if at is None:
        return Text("…", "dim")
    return Text(f"+{(at - way.t) / 1e6:.0f} ms" if way.t else "there", "green")


def _clock(t: int) -> str:
    if not t:
        return "not yet known"
    return time.strftime("%H:%M:%S", time.localtime(t // 10**9)) + f".{t // 10**6 % 1000:03d}"


def _places(world: World) -> list[str]:
    d = next(iter(world.dispensers.values()))
    bench = d.board.folder / "bench"
    return [
        "Look inside from another terminal; Ctrl-C ends everything here.",
        *(f"  {each.name}: {each.board.port}" for each in world.dispensers.values()),
        f"  touch {bench}    # its cable goes from the gateway to you; rm puts it back",
        f"  mpremote connect {d.board.port} fs ls + reset",
        f"  sqlite3 -readonly {world.folder / SPOOL} 'select * from watermark'",
        f"  sqlite3 -readonly {world.folder / STORE} 'select dispenser, seq, type from records'",
        f"  tail -f {world.logs}/gateway.log",
        "",
    ]


async def view(folder: Path, seed: int, console: Console) -> None:
    """Show a world in a new run folder until it is cancelled."""
    world = World(folder, seed, log_publishes=True)
    try:
        await View(world, console).run()
    finally:
        await world.close()
