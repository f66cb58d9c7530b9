"""A running simulation: dispensers, a gateway, a broker and a backend, all in one run folder.

Boards are emulated; gateway and backend are the real processes; the broker is mosquitto. Whatever
happens to a board's power is written to the ledger here, whoever caused it.
"""

import asyncio
import errno
import json
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from hardware import board as hardware
from protocol.schema import Service
from sim.backend import registry
from sim.board.emulated import EmulatedBoard, Exit
from sim.board.launcher import SOFT_RESET
from sim.broker import Broker
from sim.certificates import Credentials, Pki, make_pki
from sim.child import Child, dosewire, run
from sim.hello import NoAnswerError, ask
from sim.ledger import Fault, Ledger, Measure, Meta, Power, PowerEvent, Stimulus, Tech
from sim.report import LEDGER, REGISTRY, SPOOL, STORE

GATEWAY = "gw-1"
_TECH_WITHIN = 40.0


class WorldError(RuntimeError):
    """Something in the world broke that nobody broke."""


class Dispenser:
    """One emulated dispenser: every edge and every loss of power is in the ledger.

    `active` are the inputs that are so now. `held` keeps others from touching it: a patient for
    each edge, whoever switches its power for as long as that takes.
    """

    def __init__(self, name: str, board: EmulatedBoard, cable: Path, ledger: Ledger) -> None:
        """`cable`: where the gateway finds the board's port."""
        self.name = name
        self.board = board
        self.cable = cable
        self.held = asyncio.Lock()
        self.id = ""
        self.epoch = 0
        self.active: set[str] = set()
        self._was_at_bench = False
        self._ledger = ledger
        self._logged = 0

    def touch(self, name: str, active: bool) -> int:
        """Make an input active or not; returns the true time in Unix ns."""
        self.follow()
        t = self.board.set_input(name, active)
        (self.active.add if active else self.active.discard)(name)
        self._ledger.append(Stimulus(t=t, dispenser=self.name, input=name, active=active))
        return t

    async def power_on(self) -> None:
        """Switch it on."""
        self.follow()
        self._ledger.append(Power(t=time.time_ns(), dispenser=self.name, power="on"))
        await self.board.power_on()

    async def cut(self) -> None:
        """Take its power now."""
        await self.board.power_cut()
        self.follow()

    async def to_bench(self) -> None:
        """Take its cable out of the gateway and into a tech's machine: the port is free then."""
        self._was_at_bench = True
        self._ledger.append(Tech(t=time.time_ns(), dispenser=self.name, tech="bench"))
        self.cable.unlink(missing_ok=True)
        await self.board.unplug()
        await self.board.plug()

    async def to_gateway(self) -> None:
        """Put its cable into the gateway, where it is at first."""
        await self.board.unplug()
        self.cable.unlink(missing_ok=True)
        self.cable.symlink_to(self.board.port)
        await self.board.plug()

    def follow(self) -> None:
        """Write down what has happened to its power since the last look.

        Raises WorldError if the interpreter died, or the watchdog bit though no tech was there.
        """
        for end in self.board.exits[self._logged :]:
            self._logged += 1
            if end.cause == "crash" or (end.cause == "watchdog" and not self._was_at_bench):
                raise WorldError(f"{self.name}: {end.cause}: see {self.board.folder}/console.log")
            # an armed cut has struck shortly before the process is seen to end
            struck = [cut.time_ns for cut in self.board.cuts if end.time_ns - 10**9 < cut.time_ns]
            t = min([end.time_ns, *struck])
            self._ledger.append(Power(t, self.name, _power(end)))


def _power(end: Exit) -> PowerEvent:
    if end.cause == "power cut":
        return "cut"
    # a soft reset into the raw prompt does not run main.py
    return "prompt" if end.code == SOFT_RESET + 1 else "reset"


class World:
    """All parts by name: `dispensers`, and `parts` (gateway, broker, backend)."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        dispensers: Iterable[str] = ("d1", "d2"),
        *,
        log_publishes: bool = False,
    ) -> None:
        """Lay out the run folder; nothing runs yet. Raises FileExistsError if it is in use."""
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(errno.EEXIST, "this run folder is in use", str(folder))
        self.folder = folder.resolve()
        self.seed = seed
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        (self.folder / SPOOL).parent.mkdir()
        self.ledger = Ledger(self.folder / LEDGER)
        self._pki = make_pki(self.folder / "pki", [GATEWAY])
        self.broker = Broker(self.folder, self._pki, log_publishes=log_publishes)
        registry.save(self.folder / REGISTRY, registry.Registry())
        self.dispensers = {name: self._dispenser(name) for name in dispensers}
        self.gateway = self._child("gateway", self.folder / "gateway.toml")
        self.backend = self._child("backend", self.folder / "backend.toml")

    def _dispenser(self, name: str) -> Dispenser:
        log = logging.getLogger(f"board.{name}")
        log.setLevel(logging.INFO)
        log.propagate = False
        log.handlers = [logging.FileHandler(self.logs / f"{name}.log")]
        board = EmulatedBoard(
            self.folder / name, hardware.load("pico"), name=f"{self.seed}-{name}", log=log
        )
        cable = self.folder / "cables" / name
        cable.parent.mkdir(exist_ok=True)
        cable.symlink_to(board.port)
        return Dispenser(name, board, cable, self.ledger)

    def _child(self, name: str, config: Path) -> Child:
        command = dosewire(name, "run", "--config", str(config))
        return Child(name, command, self.logs / f"{name}.log")

    async def begin(self) -> None:
        """Flash and provision every dispenser as a tech would; start broker and backend.

        The gateway is left to start. Raises ChildError or BrokerError.
        """
        async with asyncio.TaskGroup() as tasks:
            for dispenser in self.dispensers.values():
                tasks.create_task(self._prepare(dispenser))
            tasks.create_task(self._serve())
        ids = {name: dispenser.id for name, dispenser in self.dispensers.items()}
        self.ledger.append(Meta(t=time.time_ns(), seed=self.seed, dispensers=ids))

    async def _prepare(self, dispenser: Dispenser) -> None:
        await dispenser.power_on()
        await self.tech(dispenser, "flash")
        words = ("--registry", str(self.folder / REGISTRY), "--json")
        told = json.loads(await self.tech(dispenser, "provision", *words))
        dispenser.id, dispenser.epoch = told["dispenser"], told["epoch"]
        dispenser.follow()

    async def tech(self, dispenser: Dispenser, what: str, *words: str) -> str:
        """Let a tech run `dosewire what --port ... words` on a dispenser; returns what it prints.

        Raises ChildError.
        """
        name = f"{what} of {dispenser.name}"
        self.ledger.append(Tech(t=time.time_ns(), dispenser=dispenser.name, tech=what))
        command = dosewire(what, "--port", str(dispenser.board.port), *words)
        return await run(name, command, self.logs / "tech.log", _TECH_WITHIN)

    async def _serve(self) -> None:
        await self.broker.start()
        port = self.broker.port
        ports = [dispenser.cable for dispenser in self.dispensers.values()]
        _write(self.folder / "gateway.toml", _gateway(self.folder, self._pki, port, ports))
        _write(self.folder / "backend.toml", _backend(self.folder, self._pki, port))
        await self.backend.start()

    def fault(
        self, name: str, evidence: str, dispenser: str = "", epoch: int = 0, seq: int = -1
    ) -> None:
        """Write a fault down, with what was in flight when it struck."""
        self.ledger.append(Fault(time.time_ns(), name, evidence, dispenser, epoch, seq))

    def check(self) -> None:
        """Raise ChildError or WorldError if something broke that nobody broke."""
        self.gateway.check()
        self.backend.check()
        for dispenser in self.dispensers.values():
            dispenser.follow()

    async def watch(self) -> None:
        """Return never; raises what `check` raises, soon after it happened."""
        while True:
            self.check()
            await asyncio.sleep(0.2)

    async def finish(self) -> None:
        """Ask every dispenser where its journal ends: without that a run has come to no end.

        Raises WorldError if one does not answer or needs service.
        """
        await self.gateway.stop()
        for dispenser in self.dispensers.values():
            try:
                hello = await ask(dispenser.board.port, 10)
            except NoAnswerError as error:
                raise WorldError(str(error)) from error
            if hello.service != Service.ok:
                raise WorldError(f"{dispenser.name} needs service: {hello.service}")
            heap = dispenser.board.peak_heap_bytes
            for name, value in (("journal_next", hello.next), ("peak_heap_bytes", heap)):
                self.ledger.append(Measure(time.time_ns(), dispenser.name, name, value))
        await self.backend.stop()

    async def close(self) -> None:
        """End everything; nothing is left running."""
        for end in (self.gateway.kill, self.backend.kill, self.broker.kill):
            await end()
        for dispenser in self.dispensers.values():
            await dispenser.board.close()
        self.ledger.close()


Value = str | int | float | bool
Table = Mapping[str, Value]


def _gateway(folder: Path, pki: Pki, port: int, ports: Iterable[Path]) -> list[tuple[str, Table]]:
    uplink = _mqtt(pki, pki.gateways[GATEWAY], port)
    return [
        ("[gateway]", {"id": GATEWAY, "data": str((folder / SPOOL).parent)}),
        (
            "[uplink]",
            {**uplink, "confirm_timeout": 2, "retry_min": 0.2, "retry_max": 2, "probe_max": 2},
        ),
        ("[publishing]", {"coalesce": 0.2}),
        ("[time]", {"trust_clock": True, "uncertainty_ms": 50}),
        *(("[[dispenser]]", {"port": str(path)}) for path in ports),
    ]


def _backend(folder: Path, pki: Pki, port: int) -> list[tuple[str, Table]]:
    files = {"store": str(folder / STORE), "registry": str(folder / REGISTRY)}
    return [
        ("[backend]", {**files, "watermark_interval": 1}),
        ("[mqtt]", {**_mqtt(pki, pki.backend, port), "retry_min": 0.2, "retry_max": 2}),
    ]


def _mqtt(pki: Pki, own: Credentials, port: int) -> dict[str, Value]:
    files = {"ca": str(pki.ca), "cert": str(own.cert), "key": str(own.key)}
    return {"host": "127.0.0.1", "port": port, **files}


def _write(path: Path, tables: Iterable[tuple[str, Table]]) -> None:
    # JSON's strings, numbers and booleans are TOML's
    lines = []
    for head, values in tables:
        lines += [head, *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    path.write_text("\n".join(lines))
