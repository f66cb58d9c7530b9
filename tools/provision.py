"""Gives a dispenser its id, a new epoch and its chain key; keeps the secret in the registry.

The registry is written first: a dispenser with a key that nobody knows would be lost, a key in
the registry that no dispenser has harms nobody.
"""

import asyncio
import dataclasses
import fcntl
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from protocol.chain import root_key
from protocol.commands import command_key
from protocol.schema import EpochReason, Hello, Service
from sim.backend import registry
from sim.backend.registry import RegistryError
from sim.hello import NoAnswerError, ask
from tools.exits import ToolError
from tools.flash import restarted
from tools.port import check
from tools.prompt import Prompt

_ANSWERS_WITHIN = 10.0
_LOCKED_FOR = 10.0


class ProvisionError(ToolError):
    """The dispenser cannot be, or was not, provisioned; one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Provisioned:
    """What a dispenser was given; `removed` counts the records of the journal that it had."""

    dispenser: str
    epoch: int
    previous: int
    reason: EpochReason
    removed: int


def provision(port: Path, path: Path, *, again: bool) -> Provisioned:
    """Provision the dispenser on `port`; with `again` even if it works already: a new epoch.

    Raises ProvisionError, RegistryError, PortError or FlashError.
    """
    check(port)
    hello = _before(port, again=again)
    try:
        given, key, command = _register(path, hello)
    except OSError as error:
        raise RegistryError(f"registry {path}: {error.strerror}; nothing was changed") from error
    code = (
        "from dispenser import provision\n"
        f"provision.run({given.dispenser!r}, {given.epoch}, {given.previous}, "
        f"{int(given.reason)}, {key.hex()!r}, {command.hex()!r}, {again})"
    )
    with Prompt(port) as prompt:
        prompt.run(code)
        prompt.reset()
    _check(restarted(port), given)
    return given


def _before(port: Path, *, again: bool) -> Hello:
    try:
        hello = asyncio.run(ask(port, _ANSWERS_WITHIN))
    except NoAnswerError as error:
        told = "unplug it and plug it in again; if that is no help, `dosewire flash`"
        raise ProvisionError(f"{error}: not flashed, or stopped at its prompt; {told}") from error
    if hello.service in (Service.ok, Service.key_lost) and not again:
        name = _name(hello.device_id.hex(), hello.epoch, hello.service)
        raise ProvisionError(
            f"{port}: is provisioned as {name}; --again begins a new epoch and removes its "
            f"{hello.next - hello.first} records for ever: let a gateway deliver them first"
        )
    return hello


def _register(path: Path, hello: Hello) -> tuple[Provisioned, bytes, bytes]:
    with _locked(path):
        known = registry.load(path) if path.exists() else registry.Registry()
        name = hello.device_id.hex()
        entry = known.dispensers.get(name)
        if entry is None:
            name = secrets.token_hex(8)
            entry = registry.Entry(secrets.token_hex(32), [])
        epoch = 1 + secrets.randbelow(0xFFFFFFFF)
        previous = hello.epoch or (entry.epochs[-1] if entry.epochs else 0)
        known.dispensers[name] = registry.Entry(entry.secret, [*entry.epochs, epoch])
        registry.save(path, known)
    reason = EpochReason.replaced if previous else EpochReason.provisioned
    secret, device = bytes.fromhex(entry.secret), bytes.fromhex(name)
    keys = root_key(secret, device, epoch), command_key(secret, device)
    return Provisioned(name, epoch, previous, reason, hello.next - hello.first), *keys


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep others who provision at the same bench out meanwhile."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        end = time.monotonic() + _LOCKED_FOR
        while not _lock(lock):
            if time.monotonic() > end:
                raise RegistryError(f"registry {path}: another command has it; run this again")
            time.sleep(0.05)
        yield


def _lock(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _check(hello: Hello, given: Provisioned) -> None:
    found = (hello.device_id.hex(), hello.epoch, hello.service)
    if found != (given.dispenser, given.epoch, Service.ok):
        raise ProvisionError(
            f"after the restart it is {_name(*found)}, not {given.dispenser}, epoch {given.epoch}:"
            " does somebody else provision it too? run this again"
        )


def _name(device_id: str, epoch: int, service: Service) -> str:
    return f"{device_id}, epoch {epoch}, service {service.name}"
