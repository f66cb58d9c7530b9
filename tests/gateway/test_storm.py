"""A storm: everything at once and in any order, and when it is over nothing is lost or doubled."""

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sim.certificates import Pki
from tests.support.chains import plain_chain
from tests.support.disks import fill, small_disk
from tests.support.dispenser import ScriptedDispenser
from tests.support.gateway import GATEWAY, Rig, rig, until

pytestmark = pytest.mark.slow
_EPOCH = 0x5708
_CHAIN = plain_chain(20_000, urgent=tuple(range(50, 20_000, 97)))
_BURST = 3
_WEATHER = 0.4
_LATE = 2.0


class _Storm:
    """What may happen, by name; `dice` decides when and to whom."""

    def __init__(self, r: Rig, dice: random.Random) -> None:
        self._r = r
        self._dice = dice
        self.trouble: dict[str, Callable[[], Awaitable[None]]] = {
            "gateway killed": self._kill,
            "gateway ended": self._end,
            "gateway stopped for a while": self._stop,
            "plug drawn": self._unplug,
            "port leads to another dispenser": self._swap,
            "dispenser reboots": self._reboot,
            "noise on the line": self._noise,
            "EVENTS lost": self._lose,
            "disk full": self._fill,
            "spool deleted": self._delete,
            "spool overwritten": self._overwrite,
            "broker killed": self._broker,
            "broker silent": self._silent,
            "backend away": self._backend,
            "backend restored from a copy": self._restore,
            "backend stores without a word": self._mute,
        }

    async def strike(self) -> str:
        """Do one thing, and return its name."""
        process = self._r.process
        assert process is not None and process.returncode is None, "it died"
        name = self._dice.choice(sorted(self.trouble))
        await self.trouble[name]()
        return name

    def _one(self) -> ScriptedDispenser:
        return self._dice.choice(self._r.dispensers)

    async def _moment(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.0, _WEATHER))

    async def _kill(self) -> None:
        await self._r.end_gateway(signal.SIGKILL)
        await self._r.run_gateway(confirm_timeout=_LATE)

    async def _end(self) -> None:
        # before it has said that it is ready, nothing needs to be put in order
        assert await self._r.end_gateway() in (0, -signal.SIGTERM)
        await self._r.run_gateway(confirm_timeout=_LATE)

    async def _stop(self) -> None:
        assert self._r.process is not None
        self._r.process.send_signal(signal.SIGSTOP)
        await self._moment()
        self._r.process.send_signal(signal.SIGCONT)

    async def _unplug(self) -> None:
        one = self._one()
        one.unplug()
        await self._moment()
        one.plug()

    async def _swap(self) -> None:
        # the names change places while both ports are open
        one, other = self._dice.sample(self._r.dispensers, 2)
        one.link, other.link = other.link, one.link
        targets = other.link.readlink(), one.link.readlink()
        for each, target in zip((one, other), targets, strict=True):
            new = each.link.with_suffix(".new")
            new.symlink_to(target)
            new.replace(each.link)

    async def _reboot(self) -> None:
        self._one().reboot()

    async def _noise(self) -> None:
        self._one().write(self._dice.randbytes(300))

    async def _lose(self) -> None:
        self._one().lose_events = self._dice.randrange(1, 4)

    async def _fill(self) -> None:
        filler = fill(self._r.spool.parent)
        await self._moment()
        filler.unlink()

    async def _delete(self) -> None:
        for file in self._r.spool.parent.glob("spool.db*"):
            file.unlink(missing_ok=True)

    async def _overwrite(self) -> None:
        with contextlib.suppress(FileNotFoundError), self._r.spool.open("r+b") as file:
            size = self._r.spool.stat().st_size
            file.seek(self._dice.randrange(1 + max(0, size - 4096)))
            file.write(self._dice.randbytes(4096))

    async def _broker(self) -> None:
        await self._r.broker.kill()
        await self._moment()
        await self._r.broker.start()

    async def _silent(self) -> None:
        self._r.broker.signal(signal.SIGSTOP)
        await self._moment()
        self._r.broker.signal(signal.SIGCONT)

    async def _backend(self) -> None:
        await asyncio.to_thread(self._r.backend.stop)
        await self._moment()
        await self._r.backend.start()

    async def _restore(self) -> None:
        backend = self._r.backend
        await asyncio.to_thread(backend.stop)
        for store in backend.stored.values():
            for seq in [seq for seq in store if seq >= len(store) // 2]:
                del store[seq]
        backend.store, backend.rev = backend.store + 1, 0
        await backend.start()
        for one in self._r.dispensers:
            backend.send_watermark(GATEWAY, (one.id, one.epoch))

    async def _mute(self) -> None:
        self._r.backend.answers_events = False
        await self._moment()
        self._r.backend.answers_events = True


async def _feed(r: Rig) -> None:
    while True:
        for one in r.dispensers:
            one.add(*_CHAIN[len(one.records) : len(one.records) + _BURST])
        await asyncio.sleep(0.02)


async def _storm(folder: Path, pki: Pki, seed: int, strikes: int) -> None:
    dice, struck = random.Random(seed), []
    async with rig(folder, pki) as r:
        for number in (1, 2, 3):
            one = r.dispenser(number, _EPOCH + number, _CHAIN[:20])
            # what is overwritten in the spool looks like a record now and then
            r.backend.truth[one.id, one.epoch] = dict(enumerate(_CHAIN))
        await r.run_gateway(confirm_timeout=_LATE)
        storm, feeding = _Storm(r, dice), asyncio.create_task(_feed(r))
        try:
            for _ in range(strikes):
                struck.append(await storm.strike())
                await asyncio.sleep(dice.uniform(0.0, _WEATHER))
        finally:
            feeding.cancel()
            print(f"seed {seed}: {'; '.join(struck)}")
        try:
            await until(lambda: all(r.stored(one) for one in r.dispensers))
        finally:
            for one in r.dispensers:
                stored = r.backend.next((one.id, one.epoch))
                print(f"{one.id}: {len(one.records)} records, {stored} stored, {one.acked[-1]=}")
        assert "Traceback" not in r.log.read_text()


@pytest.mark.parametrize(
    ("seed", "strikes"),
    [(1, 12), *(pytest.param(seed, 100, marks=pytest.mark.soak) for seed in range(2, 12))],
)
def test_after_the_storm(tmp_path: Path, pki: Pki, seed: int, strikes: int) -> None:
    with small_disk(tmp_path / "data", "64m"):
        asyncio.run(_storm(tmp_path, pki, seed, strikes))
