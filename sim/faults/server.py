"""Faults beyond the uplink: the broker and the backend."""

import resource
import shutil
import signal

from sim.child import dosewire, run
from sim.faults.base import Fault, FaultError, OfServer
from sim.report import STORE
from sim.world import World

_RENEWED_WITHIN = 30.0


class BrokerDown(OfServer):
    """No broker: connections are refused; what it held is lost."""

    name = "broker_down"

    async def strike(self, world: World) -> None:
        """Kill it."""
        await world.broker.kill()

    async def mend(self, world: World) -> None:
        """Start it."""
        await world.broker.start()


class BrokerFrozen(OfServer):
    """The broker takes connections and says nothing."""

    name = "broker_frozen"

    async def strike(self, world: World) -> None:
        """Freeze it."""
        world.broker.signal(signal.SIGSTOP)

    async def mend(self, world: World) -> None:
        """Let it run on."""
        world.broker.signal(signal.SIGCONT)


class BackendDown(OfServer):
    """No backend: the broker finds no subscriber."""

    name = "backend_down"

    async def strike(self, world: World) -> None:
        """Kill it."""
        await world.backend.kill()

    async def mend(self, world: World) -> None:
        """Start it."""
        await world.backend.start()


class BackendFrozen(OfServer):
    """The backend is subscribed and does not answer."""

    name = "backend_frozen"

    async def strike(self, world: World) -> None:
        """Freeze it."""
        world.backend.freeze()

    async def mend(self, world: World) -> None:
        """Let it run on."""
        world.backend.thaw()


class BackendRestored(OfServer):
    """A backup is made when it strikes; when healed, the store is what it was then."""

    name = "backend_restored"

    async def strike(self, world: World) -> None:
        """Make the backup."""
        await world.backend.stop()
        self._backup = world.folder / "backup.db"
        shutil.copy(world.folder / STORE, self._backup)
        await world.backend.start()

    async def mend(self, world: World) -> None:
        """Stop it, put the backup in place, renew it as its operation says, start it."""
        await world.backend.stop()
        store = world.folder / STORE
        for suffix in ("-wal", "-shm"):
            store.with_name(store.name + suffix).unlink(missing_ok=True)
        shutil.copy(self._backup, store)
        command = dosewire("backend", "renew", "--config", str(world.folder / "backend.toml"))
        log = world.logs / "renew.log"
        await world.clock.paced(run("renew", command, log, _RENEWED_WITHIN))
        await world.backend.start()


class BrokerRefusing(OfServer):
    """The broker lets gateways connect and refuses all they publish (MQTT 5: PUBACK 0x87)."""

    name = "broker_refusing"

    async def strike(self, world: World) -> None:
        """Start it with an ACL that names no gateway."""
        await self._anew(world, refusing=True)

    async def mend(self, world: World) -> None:
        """Start it with its own ACL."""
        await self._anew(world, refusing=False)

    async def _anew(self, world: World, *, refusing: bool) -> None:
        world.broker.refusing = refusing
        await world.renew_broker()


class BackendRejecting(OfServer):
    """The backend can write no file: what comes is neither stored nor confirmed."""

    name = "backend_rejecting"

    async def strike(self, world: World) -> None:
        """Let each of its writes to a file fail (setrlimit(2), RLIMIT_FSIZE: EFBIG)."""
        self._pid = _pid(world)
        self._limits = resource.prlimit(self._pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (0, self._limits[1]))

    async def mend(self, world: World) -> None:
        """Let them work; a backend started since can write anyhow."""
        if world.backend.pid == self._pid:
            resource.prlimit(self._pid, resource.RLIMIT_FSIZE, self._limits)


def _pid(world: World) -> int:
    if world.backend.pid is None:
        raise FaultError(f"{BackendRejecting.name}: the backend is off")
    return world.backend.pid


SERVER: tuple[type[Fault], ...] = (
    BrokerDown, BrokerFrozen, BrokerRefusing, BackendDown, BackendFrozen, BackendRejecting,
    BackendRestored,
)  # fmt: skip
