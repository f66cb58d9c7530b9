"""`dosewire backend run --config FILE`: the reference backend as a process of its own."""

import argparse
import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sim.backend.config import Config, ConfigError, load
from sim.backend.connection import Connection
from sim.backend.ingest import Ingest
from sim.backend.registry import RegistryError, RegistryFile
from sim.backend.store import StoreError, now_us, open_store
from sim.backend.subscriber import Stop, StopError, Subscriber, persist
from sim.backend.watermark import Pacer

_PER_MINUTE = 30
_LOG = logging.getLogger("dosewire.backend")


def main(argv: Sequence[str]) -> int:
    """Run the command; 0: ended as asked, 2: wrong or missing configuration, said in one line."""
    parser = argparse.ArgumentParser("dosewire backend", description="the reference RTM backend")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="take records off MQTT, verify, store and confirm them")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="TOML file")
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 2
    try:
        return _run(load(arguments.config))
    except (ConfigError, RegistryError, StoreError) as error:
        print(f"dosewire backend: {error}", file=sys.stderr)
        return 2


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
