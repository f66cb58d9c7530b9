"""Gives a dispenser its id, a new epoch and its chain key; keeps the secret in the registry.

The registry is written first: a dispenser with a key that nobody knows would be lost, a key in
the registry that no dispenser has harms nobody.
"""

import asyncio
import dataclasses
import datetime
import secrets
import time
from pathlib import Path

from protocol.chain import root_key
from protocol.commands import command_key
from protocol.schema import EpochReason, Hello, Service
from sim.backend import registry
from sim.backend.registry import Entry, RegistryError, Retired
from sim.hello import NoAnswerError, ask
from tools import delivered, regimen
from tools.exits import Exit, ToolError
from tools.flash import restarted
from tools.port import check
from tools.prompt import Prompt
from tools.vault import Vault

_ANSWERS_WITHIN = 10.0


class ProvisionError(ToolError):
    """The dispenser cannot be, or was not, provisioned; one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Provisioned:
    """What a dispenser was given; `removed` counts the records of the journal that it had.

    `settings`: version of those that were put in force, 0: none.
    """

    dispenser: str
    epoch: int
    previous: int
    reason: EpochReason
    removed: int
    settings: int = 0


def provision(
    port: Path,
    vault: Vault,
    *,
    again: bool = False,
    store: str | None = None,
    lost: str = "",
    settings: Path | None = None,
    board: str = "",
) -> Provisioned:
    """Provision the dispenser on `port`; with `again` even if it works already: a new epoch.

    A journal whose records matter and are not at the clinic (`store`) is not replaced, unless
    `lost` says why they are given up. `settings` is a file with its first ones, `board` the name
    that it must have. Raises RegistryError or ToolError: ProvisionError, UndeliveredError,
    PortError, FlashError.
    """
    check(port)
    now = datetime.datetime.now(datetime.UTC)
    file = regimen.load(settings, now) if settings else None
    hello = answered(port)
    _is_board(port, hello, board)
    _may_begin(port, hello, again=again)
    if not lost:
        delivered.refuse(port, hello, store, ended(vault.load(), hello))
    try:
        given, key, command = _register(vault, hello, lost)
    except OSError as error:
        told = f"{error.strerror}; nothing was changed"
        raise RegistryError(f"registry {vault.path}: {told}") from error
    code = (
        "from dispenser import provision\n"
        f"provision.run({given.dispenser!r}, {given.epoch}, {given.previous}, "
        f"{int(given.reason)}, {key.hex()!r}, {command.hex()!r}, {again})"
    )
    with Prompt(port) as prompt:
        prompt.run(code)
        prompt.reset()
    _check(restarted(port), given)
    if file is None:
        return given
    secret = bytes.fromhex(vault.load().dispensers[given.dispenser].secret)
    try:
        applied = regimen.put(port, secret, bytes.fromhex(given.dispenser), file, now)
    except ToolError as error:
        told = f"{error}; {given.dispenser} is provisioned, without settings: again with --again"
        raise ProvisionError(told, error.exit) from error
    return dataclasses.replace(given, settings=applied.version)


def retire(port: Path, vault: Vault, *, store: str | None = None, lost: str = "") -> Hello:
    """Take the epoch on `port` out of use; returns its HELLO. The journal stays as it is.

    Raises UndeliveredError as long as the clinic lacks records that matter and `lost` is empty;
    ProvisionError, RegistryError, PortError.
    """
    check(port)
    hello = answered(port)
    name = hello.device_id.hex()
    if not vault.load().has_epoch(name, hello.epoch):
        told = "nothing to retire, or another bench's registry"
        raise ProvisionError(f"{port}: {name}, epoch {hello.epoch} is not in the registry: {told}")
    if not lost:
        delivered.refuse(port, hello, store, ended(vault.load(), hello))
    with vault.locked():
        known = vault.load()
        _end(known.dispensers[name], hello, lost)
        vault.save(known)
    return hello


def ended(known: registry.Registry, hello: Hello) -> Retired | None:
    """Return how the epoch of this dispenser was taken out of use, None if it was not."""
    entry = known.dispensers.get(hello.device_id.hex())
    found = [old for old in entry.retired if old.epoch == hello.epoch] if entry else []
    return found[-1] if found else None


def answered(port: Path) -> Hello:
    """Return the HELLO of a dispenser that runs; raises ProvisionError."""
    try:
        return asyncio.run(ask(port, _ANSWERS_WITHIN))
    except NoAnswerError as error:
        told = "unplug it and plug it in again; if that is no help, `dosewire flash`"
        raise ProvisionError(f"{error}: not flashed, or stopped at its prompt; {told}") from error


def _is_board(port: Path, hello: Hello, board: str) -> None:
    found = hello.board.rstrip(b"\0").decode("ascii", "replace")
    if board and found != board:
        told = f"{port}: its release is for {found}, not for {board}: flash the right one"
        raise ProvisionError(told, Exit.WRONG_BOARD)


def _may_begin(port: Path, hello: Hello, *, again: bool) -> None:
    if hello.service in (Service.ok, Service.key_lost) and not again:
        name = _name(hello.device_id.hex(), hello.epoch, hello.service)
        raise ProvisionError(
            f"{port}: is provisioned as {name}; --again begins a new epoch and removes its "
            f"{hello.next - hello.first} records for ever: let a gateway deliver them first",
            Exit.PROVISIONED,
        )


def _end(entry: Entry, hello: Hello, lost: str) -> None:
    entry.retired.append(Retired(hello.epoch, int(time.time()), hello.next, lost))


def _register(vault: Vault, hello: Hello, lost: str) -> tuple[Provisioned, bytes, bytes]:
    with vault.locked():
        known = vault.load()
        name = hello.device_id.hex()
        entry = known.dispensers.get(name)
        if entry is None:
            name = secrets.token_hex(8)
            entry = known.dispensers[name] = Entry(secrets.token_hex(32), [])
        elif hello.epoch in entry.epochs:
            _end(entry, hello, lost)
        epoch = 1 + secrets.randbelow(0xFFFFFFFF)
        previous = hello.epoch or (entry.epochs[-1] if entry.epochs else 0)
        entry.epochs.append(epoch)
        vault.save(known)
    reason = EpochReason.replaced if previous else EpochReason.provisioned
    secret, device = bytes.fromhex(entry.secret), bytes.fromhex(name)
    keys = root_key(secret, device, epoch), command_key(secret, device)
    return Provisioned(name, epoch, previous, reason, hello.next - hello.first), *keys


def _check(hello: Hello, given: Provisioned) -> None:
    found = (hello.device_id.hex(), hello.epoch, hello.service)
    if found != (given.dispenser, given.epoch, Service.ok):
        raise ProvisionError(
            f"after the restart it is {_name(*found)}, not {given.dispenser}, epoch {given.epoch}:"
            " does somebody else provision it too? run this again"
        )


def _name(device_id: str, epoch: int, service: Service) -> str:
    return f"{device_id}, epoch {epoch}, service {service.name}"
