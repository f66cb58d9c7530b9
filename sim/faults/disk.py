"""Faults of a gateway's disk: full, and power lost before all was synced."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sim import trace
from sim.faults.base import Fault, FaultError, OfGateway
from sim.world import World

_ROOM = 2 << 20
"""Bytes beyond what is there: the kernel's own needs."""
_FILLED_EVERY_S = 2.0
_ROOM_AGAIN = "1g"
_SPOOL = "spool.db*"
_TRACED_WITHIN = 10.0
_OURS = "dosewire-sim-"
"""What a small disk is called, before the process whose run it belongs to."""


class GatewayDiskFull(OfGateway):
    """Its data folder is on a small disk, and others fill that as soon as there is room."""

    name = "gateway_disk_full"
    needs = frozenset({"small disk"})

    def check(self, world: World) -> None:
        """Mounting needs root."""
        super().check(world)
        if os.geteuid() != 0 or shutil.which("mount") is None:
            raise FaultError(f"{self.name}: only root may mount the small disk it needs")

    async def strike(self, world: World) -> None:
        """Move the folder to a small disk and fill that; the gateway is started anew.

        What its log had in reserve is gone: others had all the room there was.
        """
        self._folder = world.data(self.target)
        await self.gateway(world).kill()
        try:
            if not os.path.ismount(self._folder):
                _mount(self._folder)
                world.at_end.callback(_unmount, self._folder)
            _write_back(self._folder / "spool.db")
            _fill(self._folder / "filler")
            self._task = asyncio.create_task(self._keep_full(world))
            world.at_end.callback(self._task.cancel)
        finally:
            await self.gateway(world).start()

    async def _keep_full(self, world: World) -> None:
        while True:
            await world.clock.sleep(_FILLED_EVERY_S)
            _fill(self._folder / "filler")

    async def mend(self, _world: World) -> None:
        """Make room; the gateway must find out by itself."""
        self._task.cancel()
        (self._folder / "filler").unlink(missing_ok=True)
        _run("mount", "-o", f"remount,size={_ROOM_AGAIN}", str(self._folder))


def take_away_left(runs: Path, mounts: str | None = None) -> list[Path]:
    """Take away the small disks below `runs` that a killed run left; what they held is kept.

    `mounts` as proc(5) has them. Returns the folders they were at; raises FaultError.
    """
    told = Path("/proc/self/mounts").read_text() if mounts is None else mounts
    lines = [line.split()[:2] for line in told.splitlines()]
    ours = [(name.removeprefix(_OURS), at) for name, at in lines if name.startswith(_OURS)]
    dead = [Path(at.replace("\\040", " ")) for pid, at in ours if not Path("/proc", pid).exists()]
    left = [folder for folder in dead if folder.is_relative_to(runs.resolve())]
    for folder in left:
        _unmount(folder)
    return left


def _mount(folder: Path) -> None:
    kept = folder.with_name(f"{folder.name}-kept")
    _copy(folder, kept)
    size = _ROOM + sum(path.stat().st_size for path in kept.iterdir())
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", f"{_OURS}{os.getpid()}", str(folder))
    _copy(kept, folder)
    shutil.rmtree(kept)


def _unmount(folder: Path) -> None:
    kept = folder.with_name(f"{folder.name}-kept")
    (folder / "filler").unlink(missing_ok=True)
    _copy(folder, kept)
    _run("umount", "-l", str(folder))
    shutil.rmtree(folder)
    kept.rename(folder)


def _copy(folder: Path, to: Path) -> None:
    # a socket of a process that is gone is nothing to keep
    to.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy2(path, to)


def _write_back(spool: Path) -> None:
    # one that is spoilt stays as it is
    with contextlib.closing(sqlite3.connect(spool)) as db, contextlib.suppress(sqlite3.Error):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FaultError(f"{GatewayDiskFull.name}: {done.stderr.strip()}")


class UnsyncedLost(OfGateway):
    """Its power fails when healed: what it wrote meanwhile and had not synced is gone."""

    name = "gateway_unsynced_lost"
    needs = frozenset({"strace"})

    def check(self, world: World) -> None:
        """Its writes are seen by strace(1)."""
        super().check(world)
        if trace.STRACE is None:
            raise FaultError(f"{self.name}: strace is not installed: apt-get install strace")

    async def strike(self, world: World) -> None:
        """Start it anew under strace; what its disk holds now counts as synced."""
        gateway = self.gateway(world)
        await gateway.kill()
        self._data = world.data(self.target)
        self._disk = trace.Disk(self._data, begun=True)
        self._trace = world.logs / f"{self.target}.strace"
        gateway.before = trace.command(self._trace)
        await gateway.start()

    async def heal(self, world: World) -> None:
        """Cut its power, drop what was not synced, start it."""
        came = Fault.observed(self, world)
        await self.mend(world)
        told = f"{self.lost} of {self.held} records of the spool gone"
        world.healed(self.name, f"{came}; {told}" if came else "", self.target)

    async def mend(self, world: World) -> None:
        """As said; `held` and `lost` count records of the spool before and by it."""
        gateway = self.gateway(world)
        gateway.before = ()
        await gateway.kill()
        await world.clock.paced(trace.complete(self._trace, _TRACED_WITHIN))
        for call in trace.calls(self._trace):
            self._disk.apply(call)
        self._trace.unlink()
        self.held = _records(self._data)
        self._drop()
        self.lost = self.held - _records(self._data)
        await gateway.start()

    def _drop(self) -> None:
        durable = self._data.with_name(f"{self._data.name}-durable")
        self._disk.restore(durable)
        for path in self._data.glob(_SPOOL):
            path.unlink()
        for path in durable.glob(_SPOOL):
            path.rename(self._data / path.name)
        shutil.rmtree(durable)


def _records(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "spool.db")) as db:
        try:
            ((number,),) = db.execute("SELECT count(*) FROM records")
        except sqlite3.DatabaseError:
            return 0
    return int(number)


DISK: tuple[type[Fault], ...] = (GatewayDiskFull, UnsyncedLost)
