"""Dispensers as they leave the bench, without a tech: flashed once, provisioned from the seed.

The image comes from `dosewire flash` on an emulated board and is kept beside the runs, named by
the firmware's sources. Provisioning runs the firmware's own code on the dispenser's own board, so
that it works in any time; ids, keys and epochs come from the seed, so that a run is repeatable.
"""

import asyncio
import dataclasses
import fcntl
import hashlib
import os
import random
from pathlib import Path

from littlefs import LittleFS

from hardware import board as hardware
from protocol import chain, commands, schema
from sim.backend import registry
from sim.board.emulated import EmulatedBoard
from sim.child import dosewire, run
from sim.clock import Clock

_SOURCES = ("firmware", "hardware", "tools")
_ROOT = Path(__file__).parent.parent
_FLASHED_WITHIN = 60.0
_PROVISIONED_WITHIN = 60.0
_MAIN = "/main.py"
_DONE = b"provisioned "
_CODE = """
import sys
sys.path.insert(0, "/slots/a")
from dispenser import pins, provision
from dispenser.drivers import chip
from dispenser.drivers.rtc import Ds3231
Ds3231(chip.bus(), pins.DS3231).set({seconds})
print("provisioned", provision.run("{id}", {epoch}, 0, {reason}, "{key}", "{command}"))
"""


class FactoryError(RuntimeError):
    """A dispenser could not be made."""


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """What provisioning gives a dispenser: id (16 hex digits), secret K, epoch."""

    id: str
    secret: bytes
    epoch: int


def identity(seed: int, name: str) -> Identity:
    """Return the identity of a world's dispenser."""
    rng = random.Random(f"{seed} {name} identity")
    return Identity(rng.randbytes(8).hex(), rng.randbytes(32), rng.randrange(1, 1 << 32))


async def flashed(cache: Path) -> bytes:
    """Return the image of a flashed, unprovisioned dispenser.

    Made at the first call, and again when the sources have changed. Raises ChildError.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"flash-{_digest()}.img"
    with (cache / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not path.exists():
            await _flash(cache, path)
        return path.read_bytes()


async def _flash(cache: Path, path: Path) -> None:
    folder = cache / f"bench-{os.getpid()}"
    pico = hardware.load("pico")
    async with EmulatedBoard(folder, pico, name="factory") as board:
        command = dosewire("flash", "--port", str(board.port))
        await run("flash", command, cache / "flash.log", _FLASHED_WITHIN)
        await board.power_cut()
    (folder / "flash.img").rename(path)
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


def _digest() -> str:
    found = hashlib.sha256()
    for room in _SOURCES:
        for file in sorted((_ROOT / room).rglob("*")):
            if file.suffix in (".py", ".toml"):
                found.update(f"{file.relative_to(_ROOT)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:16]


async def provision(board: EmulatedBoard, image: bytes, given: Identity, clock: Clock) -> None:
    """Give a board that is off the image and the identity; leaves it off. Raises FactoryError."""
    path, console = board.folder / "flash.img", board.folder / "console.log"
    seconds = clock.now_ns // 10**9 - schema.TIME_BASE
    device = bytes.fromhex(given.id)
    key = chain.root_key(given.secret, device, given.epoch)
    command = commands.command_key(given.secret, device)
    reason = int(schema.EpochReason.provisioned)
    values = {"id": given.id, "epoch": given.epoch, "reason": reason, "seconds": seconds}
    code = _CODE.format(key=key.hex(), command=command.hex(), **values)
    path.write_bytes(image)
    final = _exchange(path, code.encode())
    await board.power_on()
    try:
        within = _PROVISIONED_WITHIN
        await clock.run_until(lambda: _DONE in console.read_bytes(), within)
    except TimeoutError:
        said = console.read_text(errors="replace")[-500:]
        raise FactoryError(f"{board.name} was not provisioned: {said}") from None
    finally:
        await board.power_cut()
    _exchange(path, final)


def _exchange(path: Path, main: bytes) -> bytes:
    """Put another main.py onto a flash image; returns the one before."""
    flash = hardware.load("pico").flash
    fs = LittleFS(
        block_size=flash.block_size, block_count=flash.blocks, prog_size=256, read_size=32,
        cache_size=1024, lookahead_size=32, mount=False,
    )  # fmt: skip
    fs.context.buffer[:] = path.read_bytes()
    fs.mount()
    with fs.open(_MAIN, "rb") as file:
        before = bytes(file.read())
    with fs.open(_MAIN, "wb") as file:
        file.write(main)
    path.write_bytes(fs.context.buffer)
    return before


def register(path: Path, given: list[Identity]) -> None:
    """Write the registry of these dispensers."""
    entries = {one.id: registry.Entry(one.secret.hex(), [one.epoch]) for one in given}
    registry.save(path, registry.Registry(entries))
