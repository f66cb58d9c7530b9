"""`dosewire backend ...`: the reference backend as a process of its own, and care of its store."""

import argparse
import contextlib
import fcntl
import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from sim.backend.config import Config, ConfigError, load
from sim.backend.connection import Connection
from sim.backend.ingest import Ingest
from sim.backend.pacer import Pacer
from sim.backend.registry import RegistryError, RegistryFile
from sim.backend.store import StoreError, StoreGoneError, now_us, open_store, renew
from sim.backend.subscriber import Stop, StopError, Subscriber, persist

_PER_MINUTE = 30
_COMMANDS = {
    "run": "take records off MQTT, verify, store and confirm them",
    "renew": "give the store a new id: needed after it was restored from a copy, before it runs,"
    " or gateways never send again what the copy lacks",
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
    command = {"run": _run, "renew": _renew}[arguments.command]
    try:
        config = load(arguments.config)
        with _alone(config.backend.store):
            return command(config)
    except (ConfigError, RegistryError, StoreError) as error:
        print(f"dosewire backend: {error}", file=sys.stderr)
        return 1 if isinstance(error, StoreGoneError) else 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dosewire backend", description="the reference RTM backend")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in _COMMANDS.items():
        command = commands.add_parser(name, help=told, description=told)
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="TOML file"
        )
    return parser


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep the store for one process: two under one certificate drive each other off the broker.

    Raises StoreError if another one has it.
    """
    try:
        lock = path.with_name(path.name + ".lock").open("a")
    except OSError as error:
        raise StoreError(f"store {path}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"store {path}: a running backend has it; stop that first") from None
        yield


def _renew(config: Config) -> int:
    try:
        old, new = renew(config.backend.store)
    except DatabaseError as error:
        raise StoreError(f"store {config.backend.store}: {error.orig}") from error
    print(f"store {old:08x} is now {new:08x}: gateways send again what it lacks")
    return 0


def _run(config: Config) -> int:
    _log_to_stderr()
    registry = RegistryFile(config.backend.registry)
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.request)
    try:
        store = persist(stop, lambda: open_store(config.backend.store), _tell)
    except StopError:
        return 0
    _LOG.info("store %08x in %s", store.id, config.backend.store)
    ingest = Ingest(store, registry, now_us, config.backend.refusal_grace)
    pacer = Pacer(config.backend.watermark_interval, config.backend.watermark_every)
    connection = Connection(config.mqtt, stop.inbox.put, stop.inbox.put)
    Subscriber(stop, store, ingest, pacer, connection).run()
    return 0


def _tell(error: Exception) -> None:
    _LOG.warning("store: %s, trying again", getattr(error, "orig", error))


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
