"""`dosewire backend ...`: the reference backend as a process of its own, and care of its store."""

import argparse
import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from sqlalchemy.exc import DatabaseError

from sim.backend import database, send
from sim.backend.commands import TooManyError
from sim.backend.config import Config, ConfigError, load
from sim.backend.connection import Connection
from sim.backend.dispatch import Dispatcher
from sim.backend.duties import Announcer, MissingWatch
from sim.backend.ingest import Ingest
from sim.backend.pacer import Pacer
from sim.backend.pages import cli as pages
from sim.backend.registry import RegistryError, RegistryFile
from sim.backend.settings_file import SettingsError
from sim.backend.store import (
    Store,
    StoreError,
    StoreGoneError,
    now_us,
    open_alone,
    renew,
)
from sim.backend.subscriber import Stop, StopError, Subscriber, persist

_PER_MINUTE = 30
_LOOK_FILE = 600.0
_LOOK_SERVER = 2.0
_SENDING = (send.SendError, SettingsError, TooManyError)
_COMMANDS = {
    "run": "take records off MQTT, verify, store and confirm them",
    "renew": "give the store a new id after it was restored from a copy, before it runs, so that"
    " gateways send again what the copy lacks",
}
_LOG = logging.getLogger("dosewire.backend")


def main(argv: Sequence[str]) -> int:
    """Run a command; returns 0: done, 1: the store is gone, 2: wrong or missing configuration.

    What is not 0 is said in one line.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 2
    if arguments.command == "pages":
        return pages.run(arguments)
    try:
        config = load(arguments.config)
        if arguments.command in ("send", "commands"):
            return _for_a_person(config, arguments)
        with _alone(config.backend.where) as lock, _pages(config, arguments):
            return _renew(config) if arguments.command == "renew" else _run(config, lock)
    except (ConfigError, RegistryError, StoreError, *_SENDING) as error:
        print(f"dosewire backend: {error}", file=sys.stderr)
        return 1 if isinstance(error, StoreGoneError) else 2
    except KeyboardInterrupt:
        return 130


def _pages(
    config: Config, arguments: argparse.Namespace
) -> contextlib.AbstractContextManager[None]:
    served = arguments.command == "run" and config.pages is not None
    return pages.beside(arguments.config) if served else contextlib.nullcontext()


def _for_a_person(config: Config, arguments: argparse.Namespace) -> int:
    try:
        command = {"send": send.send, "commands": send.listing}[arguments.command]
        return command(config, arguments)
    except DatabaseError as error:
        raise StoreError(f"store: {_first_line(error)}; try again") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dosewire backend", description="the reference RTM backend")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in _COMMANDS.items():
        _add_config(commands.add_parser(name, help=told, description=told))
    send.add_parsers(commands, _add_config)
    pages.add_parser(commands)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="TOML file")


@contextlib.contextmanager
def _alone(path: Path | str) -> Iterator[IO[str] | None]:
    """Keep a store in a file for one process; a server's store is for many.

    Gives the locked file. Raises StoreError if another one has it.
    """
    if isinstance(path, str):
        yield None
        return
    try:
        lock = path.with_name(path.name + ".lock").open("a")
    except OSError as error:
        raise StoreError(f"store {path}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"store {path}: a running backend has it; stop that first") from None
        # the number of a process that has ended may be another one's by now
        lock.truncate(0)
        yield lock


def _renew(config: Config) -> int:
    try:
        old, new = renew(config.backend.where)
    except DatabaseError as error:
        raise StoreError(
            f"store {database.name(config.backend.where)}: {_first_line(error)}"
        ) from error
    print(f"store {old:08x} is now {new:08x}: gateways send again what it lacks")
    return 0


def _run(config: Config, lock: IO[str] | None) -> int:
    _log_to_stderr()
    registry = RegistryFile(config.backend.registry)
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.request)
    try:
        store = persist(stop, lambda: open_alone(config.backend.where, _tell_restored), _tell)
    except StopError:
        return 0
    _LOG.info("store %08x in %s", store.id, store.name)
    loop, dispatcher = _loop(config, stop, store, registry)
    signal.signal(send.WAKE, lambda *_: stop.inbox.put(dispatcher.wake))
    if lock is not None:
        # not before the signal is handled: who reads it may send one
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    loop.run()
    return 0


def _loop(
    config: Config, stop: Stop, store: Store, registry: RegistryFile
) -> tuple[Subscriber, Dispatcher]:
    own = config.backend
    ingest = Ingest(store, registry, now_us, own.refusal_grace)
    pacer = Pacer(own.watermark_interval, own.watermark_every)
    announcer = Announcer(store, pacer)

    def subscribed() -> None:
        dispatcher.wake()
        if own.announce:
            announcer.begin()

    connection = Connection(config.mqtt, stop.inbox.put, stop.inbox.put, subscribed)
    # who queues a command beside a file wakes its one worker; a server's workers have to look
    idle = _LOOK_FILE if isinstance(own.where, Path) else _LOOK_SERVER
    dispatcher = Dispatcher(store, registry, connection, now_us, idle)
    watch = MissingWatch(store, now_us, own.missing_after, own.missing_after / 10)
    duties = (announcer, dispatcher, watch)
    return Subscriber(stop, store, ingest, pacer, connection, duties), dispatcher


def _tell(error: Exception) -> None:
    _LOG.warning("store: %s, trying again", _first_line(error))


def _tell_restored(text: str) -> None:
    _LOG.warning("store: %s", text)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_Limit())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _Limit(logging.Filter):
    """Lets through so many lines of one kind a minute: bad input must not fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._minute = 0.0
        self._lines: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._minute >= 60:
            self._minute = now
            self._lines.clear()
        self._lines[record.msg] += 1
        if self._lines[record.msg] == _PER_MINUTE:
            record.msg = f"{record.msg} (no more of these lines within this minute)"
        return self._lines[record.msg] <= _PER_MINUTE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
