"""A running simulation: dispensers, gateways, a broker and a backend, all in one run folder.

Boards are emulated, or one is real on a serial port; gateways and backend are the real processes;
the broker is mosquitto. Whatever happens to a board's power is written to the ledger here, whoever
caused it. With a virtual clock the same programs run in its time (`sim.paced`).
"""

import asyncio
import contextlib
import errno
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from hardware import board as hardware
from protocol.schema import Service
from sim import configs, factory
from sim.backend import registry
from sim.board.emulated import EmulatedBoard
from sim.board.serial import SerialBoard, SerialSpec, connect
from sim.broker import Broker
from sim.cell.cell import Cell
from sim.cell.cell import make as make_cell
from sim.certificates import make_pki
from sim.child import Child, dosewire, run
from sim.clock import Clock, RealClock, VirtualClock
from sim.dispenser import Dispenser, WorldError
from sim.hello import NoAnswerError, ask
from sim.ledger import Fault, Healed, Ledger, Measure, Meta, Tech
from sim.modem.installed import Installed
from sim.onlooker import Onlooker
from sim.paced.child import PacedChild
from sim.paced.network import Network
from sim.panel import Panel
from sim.report import LEDGER, REGISTRY, SPOOL

__all__ = ["GATEWAY", "Dispenser", "World", "WorldError"]

GATEWAY = "gw-1"
_HOST = "127.0.0.1"
_TECH_WITHIN = 40.0
_REAL_TECH_WITHIN = 300.0
_ANSWERS_WITHIN = 20.0
_MADE_AT_ONCE = 4


class World:
    """All parts by name: `dispensers`, `gateways`, `broker`, `backend`; `part` gives any.

    `gateway` is the first of the gateways.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        dispensers: Iterable[str] = ("d1", "d2"),
        *,
        gateways: Iterable[str] = (GATEWAY,),
        clock: Clock | None = None,
        image: bytes | None = None,
        serial: SerialSpec | None = None,
        cell: bool = False,
        modem: bool = False,
        log_publishes: bool = False,
        panels: Mapping[str, Panel] | None = None,
    ) -> None:
        """Lay out the run folder; nothing runs yet.

        With an `image` (`factory.flashed`) dispensers are made from it and the seed, otherwise
        flashed and provisioned as a tech would. `serial` names a real board that is the one
        dispenser then: in real time, and what its journal held is gone. All cables are in the
        first gateway. With `cell` the gateways are behind one, `World.cell`; with `modem`, too,
        and the first has a modem, `World.modem`. `panels`: one for each dispenser, if anybody
        looks at them. Raises FileExistsError if the folder is in use.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(errno.EEXIST, "this run folder is in use", str(folder))
        self.folder = folder.resolve()
        self.seed = seed
        self.clock = clock or RealClock()
        self.virtual = isinstance(self.clock, VirtualClock)
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.ledger = Ledger(self.folder / LEDGER)
        names = list(gateways)
        self.pki = make_pki(self.folder / "pki", names)
        hold = self.clock.hold
        self.broker = Broker(self.folder, self.pki, log_publishes=log_publishes, hold=hold)
        registry.save(self.folder / REGISTRY, registry.Registry())
        self.at_end = contextlib.ExitStack()
        """What faults have to undo once nothing runs any more."""
        self._image = image
        self._serial = serial
        self.cell: Cell | None = None
        self.modem: Installed | None = None
        self._with_cell, self._with_modem = cell or modem, modem
        self._lost: set[str] = set()
        self.panels = panels or {}
        self._onlookers: dict[str, Onlooker] = {}
        self.dispensers = {name: self._dispenser(name, names[0]) for name in dispensers}
        self.gateways = {name: self._gateway(name, name == names[0]) for name in names}
        self.gateway = self.gateways[names[0]]
        self.backend = self._child("backend", self.folder / "backend.toml")
        self._network: Network | None = None
        if isinstance(self.clock, VirtualClock):
            self._network = Network(self.clock, self._paced, self.broker, self._stirs)

    def _dispenser(self, name: str, gateway: str) -> Dispenser:
        self._onlookers[name] = Onlooker(name, self.ledger, self.panels.get(name))
        board = self._emulated(name) if self._serial is None else self._real(name, self._serial)
        return Dispenser(
            name, board, self.folder / "cables", gateway, self.clock, self.ledger,
            pressed=lambda: self.look(name),
        )  # fmt: skip

    def _real(self, name: str, spec: SerialSpec) -> SerialBoard:
        if self.virtual or self._image is not None:
            raise WorldError("a real board lives in real time, and is flashed as it is")
        return connect(spec, self.folder / name, name)

    def _emulated(self, name: str) -> EmulatedBoard:
        log = logging.getLogger(f"board.{name}")
        log.setLevel(logging.INFO)
        log.propagate = False
        log.handlers = [logging.FileHandler(self.logs / f"{name}.log")]
        board = EmulatedBoard(
            self.folder / name, hardware.load("pico"), name=f"{self.seed}-{name}", log=log,
            on_output=self._onlookers[name].take, watched=name in self.panels,
            clock=self.clock, seed=self.seed if self.virtual else None,
        )  # fmt: skip
        board.relay.port.awaits = self._awaits
        self._onlookers[name].hear = board.hear
        return board

    def look(self, name: str) -> None:
        """Let somebody look at a dispenser's panel: what it tells is kept in the ledger."""
        self._onlookers[name].look(self.clock.now_ns)

    def data(self, gateway: str) -> Path:
        """Return the folder of a gateway's spool."""
        first = gateway == next(iter(self.gateways), gateway)
        return (self.folder / SPOOL).parent if first else self.folder / gateway

    def _gateway(self, name: str, first: bool) -> Child:
        (self.folder / ("gateway" if first else name)).mkdir()
        called = "gateway" if first else name
        return self._child(called, self.folder / f"{called}.toml", "gateway")

    def _child(self, name: str, config: Path, program: str = "") -> Child:
        words = (program or name, "run", "--config", str(config))
        log = self.logs / f"{name}.log"
        if isinstance(self.clock, VirtualClock):
            return PacedChild(name, words, log, self.clock, f"{self.seed} {name}")
        return Child(name, dosewire(*words), log)

    def _stirs(self) -> int:
        hung_up = sum(one.emulated.relay.port.hung_up for one in self.dispensers.values())
        return hung_up + (0 if self.cell is None else self.cell.stirs)

    def _awaits(self, terminal: str) -> bool | None:
        """Tell whether who has this open is about to read it; None: nobody of ours has it."""
        return next((one.stirs() for one in self._paced() if one.has_open(terminal)), None)

    def _paced(self) -> list[PacedChild]:
        return [one for one in self.children if isinstance(one, PacedChild)]

    @property
    def children(self) -> list[Child]:
        """The processes: gateways and backend."""
        return [*self.gateways.values(), self.backend]

    def part(self, name: str) -> Dispenser | Child | Broker:
        """Return a part by name; raises KeyError that names those there are."""
        parts: Mapping[str, Dispenser | Child | Broker] = {
            **self.dispensers, **self.gateways, "broker": self.broker, "backend": self.backend,
        }  # fmt: skip
        if name not in parts:
            raise KeyError(f"no part {name!r} in this world, only {', '.join(parts)}")
        return parts[name]

    # --- begin

    async def begin(self) -> None:
        """Make every dispenser ready; start broker and backend. The gateways are left to start.

        Raises ChildError, BrokerError or FactoryError.
        """
        if self._image is None:
            async with asyncio.TaskGroup() as tasks:
                for dispenser in self.dispensers.values():
                    tasks.create_task(self._prepare(dispenser))
                tasks.create_task(self._serve())
        else:
            await self._make(self._image)
            await self._serve()
        ids = {name: dispenser.id for name, dispenser in self.dispensers.items()}
        loose = self._serial.loose_ms if self._serial else 0
        real = not self.virtual
        self.ledger.append(Meta(self.clock.now_ns, self.seed, ids, loose_ms=loose, real=real))

    async def _prepare(self, dispenser: Dispenser) -> None:
        await dispenser.power_on()
        await self.tech(dispenser, "flash")
        words = ["--registry", str(self.folder / REGISTRY), "--json"]
        if isinstance(dispenser.board, SerialBoard):  # it may have had a life before
            words += ["--again", "--lost", "a board of the simulator"]
        told = json.loads(await self.tech(dispenser, "provision", *words))
        dispenser.id, dispenser.epoch = told["dispenser"], told["epoch"]
        if isinstance(dispenser.board, SerialBoard):
            dispenser.board.restarted()
        dispenser.follow()

    async def _make(self, image: bytes) -> None:
        # one after the other where all wait for the same time
        at_once = asyncio.Semaphore(1 if self.virtual else _MADE_AT_ONCE)
        given = {name: factory.identity(self.seed, name) for name in self.dispensers}
        factory.register(self.folder / REGISTRY, list(given.values()))

        async def make(name: str, dispenser: Dispenser) -> None:
            dispenser.id, dispenser.epoch = given[name].id, given[name].epoch
            async with at_once:
                await factory.provision(dispenser.emulated, image, given[name], self.clock)
            dispenser.emulated.exits.clear()
            await dispenser.power_on()

        async with asyncio.TaskGroup() as tasks:
            for name, dispenser in self.dispensers.items():
                tasks.create_task(make(name, dispenser))

    async def tech(self, dispenser: Dispenser, what: str, *words: str) -> str:
        """Let a tech run `dosewire what --port ... words` on a dispenser; returns what it prints.

        Raises ChildError.
        """
        name = f"{what} of {dispenser.name}"
        self.ledger.append(Tech(t=self.clock.now_ns, dispenser=dispenser.name, tech=what))
        command = dosewire(what, "--port", str(dispenser.board.port), *words)
        log = self.logs / "tech.log"
        within = _TECH_WITHIN if self._serial is None else _REAL_TECH_WITHIN
        return await self.clock.paced(run(name, command, log, within))

    async def _serve(self) -> None:
        await self.broker.start()
        if self._with_cell:
            await self._lay_cell()
        for name in self.gateways:
            self.configure(name)
        configs.backend(self.folder, self.pki, self.broker.port, virtual=self.virtual)
        await self.backend.start()

    async def _lay_cell(self) -> None:
        clock = self.clock if self.virtual else None
        self.cell = make_cell((_HOST, self.broker.port), self.seed, clock=clock)
        if self._with_modem:
            self.modem = Installed(self.folder / "modem", self.seed, self.clock, self._awaits)
            modem = self.modem.modem
            self.cell.carries = lambda: modem.passes
            self.modem.start()
        await self.cell.start()
        for gateway in self.gateways.values():
            gateway.before = self.cell.command([])

    async def renew_broker(self) -> None:
        """Start the broker anew: its files are read again. Raises BrokerError."""
        await self.broker.kill()
        if self._network:
            self._network.let_go()
        await self.broker.start()

    def configure(self, gateway: str) -> None:
        """Write a gateway's configuration."""
        ports = [self.folder / "cables" / gateway / name for name in self.dispensers]
        here = (_HOST, self.broker.port)
        broker = here if self.cell is None else (self.cell.host, self.cell.port)
        first = self.gateways[gateway] is self.gateway
        modem = self._modem_table() if first else None
        configs.gateway(
            self.folder / f"{self.gateways[gateway].name}.toml", self.data(gateway), gateway,
            self.pki.gateways[gateway], self.pki, broker, ports, virtual=self.virtual,
            modem=modem,
        )  # fmt: skip

    def _modem_table(self) -> configs.Table | None:
        if self.modem is None or self.cell is None:
            return None
        # at IP level the cell's interface is the modem's
        way = {"interface": self.cell.interface} if self.cell.interface else {}
        return {**self.modem.table, **way}

    # --- what happens

    def fault(
        self, name: str, evidence: str, dispenser: str = "", epoch: int = 0, seq: int = -1,
        part: str = "",
    ) -> None:  # fmt: skip
        """Write a fault down, with what was in flight when it struck."""
        now = self.clock.now_ns
        self.ledger.append(Fault(now, name, evidence, dispenser, epoch, seq, part))

    def healed(self, name: str, observed: str, part: str = "") -> None:
        """Write down that a fault is over, and what came of it; what waited may be told now."""
        for dispenser in self.dispensers:
            self.look(dispenser)
        self.ledger.append(Healed(self.clock.now_ns, name, observed, part))

    def lost(self, dispenser: Dispenser, acknowledged: int) -> None:
        """Note that a dispenser is gone for ever; all below `acknowledged` must be stored."""
        self._lost.add(dispenser.name)
        self._measure(dispenser, acknowledged)

    def check(self) -> None:
        """Raise ChildError or WorldError if something broke that nobody broke."""
        for child in self.children:
            child.check()
        for dispenser in self.dispensers.values():
            dispenser.follow()

    async def watch(self) -> None:
        """Return never; raises what `check` raises, soon after it happened."""
        while True:
            self.check()
            await asyncio.sleep(0.2)

    # --- end

    async def finish(self) -> None:
        """Ask every dispenser where its journal ends: without that a run has come to no end.

        Raises WorldError if one does not answer or needs service.
        """
        for gateway in self.gateways.values():
            await gateway.stop()
        for name, dispenser in self.dispensers.items():
            if name not in self._lost:
                await self._ask(dispenser)
        await self.backend.stop()

    async def _ask(self, dispenser: Dispenser) -> None:
        try:
            hello = await self.clock.paced(ask(dispenser.board.port, _ANSWERS_WITHIN))
        except NoAnswerError as error:
            raise WorldError(str(error)) from error
        if hello.service != Service.ok:
            raise WorldError(f"{dispenser.name} needs service: {hello.service}")
        self._measure(dispenser, hello.next)

    def _measure(self, dispenser: Dispenser, end: int) -> None:
        measures = {"journal_next": end}
        if heap := dispenser.board.peak_heap_bytes:
            measures["peak_heap_bytes"] = heap
        for name, value in measures.items():
            self.ledger.append(Measure(self.clock.now_ns, dispenser.name, name, value))

    async def close(self) -> None:
        """End everything; nothing is left running."""
        for child in self.children:
            await child.kill()
        if self.modem:
            self.modem.close()
        if self.cell:
            await self.cell.stop()
        await self.broker.kill()
        if self._network:
            self._network.close()
        self.at_end.close()
        for child in self.children:
            child.close()
        for dispenser in self.dispensers.values():
            await dispenser.board.close()
        self.ledger.close()
