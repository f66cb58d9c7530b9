"""`dosewire backend send ...` and `commands`: queue a command, see what became of it.

Queued in the store: the running backend signs and sends it, to the gateway of the dispenser's
newest verified record only.
"""

import argparse
import contextlib
import datetime
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol import wire
from protocol.manifest import ManifestError, SignatureError
from protocol.schema import MAC_SIZE, MAX_BODY, Settings
from sim.backend import commands, releases, settings_file
from sim.backend.commands import CONFIG, OPEN, RELEASE, SEEN
from sim.backend.config import Config
from sim.backend.registry import RegistryFile
from sim.backend.store import Store, now_us, open_store
from sim.backend.tables import Command, Stream

if TYPE_CHECKING:
    from protocol.bundle import Release

WAKE = signal.SIGUSR1
"""Tells a running backend that a command was queued; its process id is in the store's lock."""
EXIT_REFUSED = 3
EXIT_OPEN = 4
_POLL_S = 0.2
# counter and MAC go before the settings
_COMMAND_HEAD = 4 + MAC_SIZE
_PROGRESS_S = 1.0
_KINDS = {
    "settings": "put settings in force: dose windows, questions, quiet hours, from a TOML file",
    "seen": "tell the patient that the clinic has seen what is stored (or all before --next)",
    "release": "announce a release to the dispenser: a bundle made by `dosewire release`",
}


class SendError(ValueError):
    """The command cannot be queued; one line, says what to do."""


def add_parsers(commands_: Any, config: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add `send` and `commands` to the parsers of `dosewire backend`."""
    told = "send a command to a dispenser through its gateway, signed by the running backend"
    send = commands_.add_parser("send", help=told, description=told)
    kinds = send.add_subparsers(dest="kind", required=True)
    for kind, what in _KINDS.items():
        parser = kinds.add_parser(kind, help=what, description=what)
        config(parser)
        parser.add_argument("dispenser", help="16 hex digits")
        _add_own(parser, kind)
        parser.add_argument("--days", type=float, default=7.0, help="kept so long (default 7)")
        parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS")
        parser.add_argument("--json", action="store_true", help="one JSON object")
    told = "what became of commands: queued, signed, sent, applied, refused, expired"
    listed = commands_.add_parser("commands", help=told, description=told)
    config(listed)
    listed.add_argument("--dispenser", help="of this one only")
    listed.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_own(parser: argparse.ArgumentParser, kind: str) -> None:
    if kind == "settings":
        parser.add_argument("file", type=Path, help="TOML; keys: docs/backend.md")
    elif kind == "seen":
        parser.add_argument("--next", type=int, help="first seq not seen (default: all stored)")
    else:
        parser.add_argument("bundle", type=Path, help="the release in one file")
        parser.add_argument("--key", type=Path, required=True, help="public release key")


def send(config: Config, arguments: argparse.Namespace) -> int:
    """Queue a command; returns 0, or after --wait 3: refused or expired, 4: not answered yet.

    Raises SendError, SettingsError or TooManyError with one line.
    """
    registry = RegistryFile(config.backend.registry)
    dispenser = str(arguments.dispenser)
    if not registry.knows(dispenser):
        raise SendError(f"{dispenser} is not in the registry {config.backend.registry}")
    if not 0 < arguments.days <= 3650:
        raise SendError("--days: more than 0, at most 3650")
    store = open_store(config.backend.where)
    try:
        release = None
        if arguments.kind == "release":
            release = _release(arguments.bundle, arguments.key)
            kind, content = RELEASE, releases.announcement(release)
        else:
            kind, content = _content(store, registry, dispenser, arguments)
        expires = now_us() + round(arguments.days * 86_400e6)
        with store.writing() as transaction:
            db = transaction.db
            if release is not None:
                releases.keep(db, now_us(), release)
            number = commands.queue(db, now_us(), dispenser, kind, content, expires)
        _wake(config.backend.where)
        command = _waited(store, number, arguments.wait)
    finally:
        store.close()
    print(json.dumps(_told(command)) if arguments.json else _line(command))
    return _exit(command, waited=arguments.wait > 0)


def listing(config: Config, arguments: argparse.Namespace) -> int:
    """Print what became of commands."""
    where = {} if arguments.dispenser is None else {"dispenser": arguments.dispenser}
    store = open_store(config.backend.where, readonly=True)
    try:
        for command in store.commands(**where):
            print(json.dumps(_told(command)) if arguments.json else _line(command))
    finally:
        store.close()
    return 0


def _wake(where: Path | str) -> None:
    """Tell the running backend, or the person that none runs; a server's workers look anyway."""
    if isinstance(where, str):
        return
    with (
        contextlib.suppress(OSError, ValueError),
        where.with_name(where.name + ".lock").open() as f,
    ):
        try:
            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.kill(int(f.read()), WAKE)
            return
    print("no backend is running on this store: the command waits for one", file=sys.stderr)


def _content(
    store: Store, registry: RegistryFile, dispenser: str, arguments: argparse.Namespace
) -> tuple[str, bytes]:
    if arguments.kind == "settings":
        file = settings_file.load(arguments.file)
        now = datetime.datetime.now(datetime.UTC)
        built = settings_file.settings(file, _next_version(store, dispenser), now)
        return CONFIG, _fitting(built, arguments.file)
    stream = _newest_stream(store, registry, dispenser)
    following = stream.next if arguments.next is None else arguments.next
    if not 0 <= following <= stream.next:
        raise SendError(f"--next: only what is stored can be seen: 0 to {stream.next}")
    return SEEN, stream.epoch.to_bytes(4, "big") + following.to_bytes(4, "big")


def _fitting(built: Settings, file: Path) -> bytes:
    try:
        content = wire.build(built)
    except wire.WireError as error:
        raise SendError(f"{file}: {str(error).splitlines()[0]}") from error
    if len(content) > MAX_BODY - _COMMAND_HEAD:
        raise SendError(f"{file}: {len(content)} bytes, at most {MAX_BODY - _COMMAND_HEAD}")
    return content


def _release(bundle: Path, key: Path) -> "Release":
    # only who sends a release needs cryptography
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from protocol.bundle import fits, unpack

    try:
        public = load_pem_public_key(key.read_bytes())
        if not isinstance(public, Ed25519PublicKey):
            raise SendError(f"{key}: not an Ed25519 public key")
        return fits(unpack(bundle.read_bytes(), public))
    except OSError as error:
        raise SendError(f"{error.filename}: {error.strerror}") from error
    except (ManifestError, SignatureError, ValueError) as error:
        raise SendError(f"{bundle}: {error}") from error


def _newest_stream(store: Store, registry: RegistryFile, dispenser: str) -> Stream:
    order = registry.epochs_of(dispenser)
    found = [s for s in store.streams(dispenser=dispenser) if s.epoch in order and s.newest >= 0]
    if not found:
        raise SendError(f"{dispenser}: nothing verified is stored of it yet")
    return max(found, key=lambda stream: order.index(stream.epoch))


def _next_version(store: Store, dispenser: str) -> int:
    # a version names one content for ever, also of those that a bench put in force
    sent = [command.content[:2] for command in store.commands(dispenser=dispenser, kind=CONFIG)]
    with store.reading() as db:
        applied = commands.settings_versions(db, dispenser)
    known = [int.from_bytes(head, "big") for head in sent] + applied
    return 1 + max(known, default=0) % 0xFFFF


def _waited(store: Store, number: int, seconds: float) -> Command:
    until = time.monotonic() + seconds
    told_at, shown = time.monotonic() + _PROGRESS_S, ""
    while True:
        with store.reading() as db:
            command = commands.get(db, number)
        if command.state not in OPEN or time.monotonic() >= until:
            return command
        if time.monotonic() >= told_at and command.state != shown:
            shown = command.state
            print(f"{_line(command)} ...", file=sys.stderr)
        time.sleep(min(_POLL_S, max(0.0, until - time.monotonic())))


def _exit(command: Command, *, waited: bool) -> int:
    if not waited or command.state == commands.APPLIED:
        return 0
    return EXIT_OPEN if command.state in OPEN else EXIT_REFUSED


def _told(command: Command) -> dict[str, Any]:
    names = ("id", "dispenser", "kind", "state", "reason", "counter", "gateway")
    times = ("made_at", "sent_at", "answered_at", "ended_at", "expires_at")
    told = {name: getattr(command, name) for name in (*names, *times)}
    proof = {"epoch": command.proof_epoch, "seq": command.proof_seq}
    return told | {"proof": proof if command.proof_seq is not None else None}


def _line(command: Command) -> str:
    words = [f"command {command.id}", command.dispenser, command.kind, command.state]
    if command.reason:
        words.append(f"({command.reason})")
    if command.gateway:
        words.append(f"by {command.gateway}")
    if command.proof_seq is not None:
        words.append(f"proved by record {command.proof_seq}")
    return " ".join(words)
