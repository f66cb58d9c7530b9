"""`dosewire backend pages`: the glance pages as a process of their own, on loopback.

A process apart, so that pages never hold up what the backend stores and confirms.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from sim.backend.config import ConfigError, load
from sim.backend.evidence.entries import RuleError
from sim.backend.evidence.ledger import Ledger, LedgerError
from sim.backend.evidence.sources import place
from sim.backend.store import StoreError, open_store

HOST = "127.0.0.1"
PORT = 8042
_TOLD = """Serve one page for each patient and one for each site, from verified records alone.
They have no log-in: anybody on this machine can look. To show them elsewhere put a proxy before
them that encrypts and asks who it is. Ends on SIGTERM and Ctrl-C."""
_ENDS_WITHIN_S = 1.5
# it holds nothing that a kill could harm


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pages` to the commands of `dosewire backend`."""
    parser = commands.add_parser(
        "pages", help="serve a page a patient and site", description=_TOLD
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with [pages]")
    parser.add_argument("--store", metavar="STORE", help="verified records: file, postgresql://…")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="what people entered")
    parser.add_argument("--port", type=int, help=f"of {HOST}; {PORT} if not given")
    parser.add_argument("--while-stdin", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Serve until asked to end; returns 0, or 2 with one line for what is wrong or missing."""
    try:
        _serve(arguments)
    except (ConfigError, StoreError, LedgerError, RuleError, DatabaseError) as error:
        print(f"dosewire backend pages: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    return 0


def _serve(arguments: argparse.Namespace) -> None:
    store, ledger, port = _places(arguments)
    Ledger(ledger, _now_ms, create=False).close()
    open_store(store, readonly=True).close()
    _check_free(port)
    if arguments.while_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    # slow to import, and only needed now
    from sim.backend.pages.server import serve
    from sim.backend.pages.snapshot import Snapshot

    print(f"http://{HOST}:{port}/", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        # the server ends in good order, then raises the signal once more
        signal.signal(number, lambda *_: None)
    snapshot = Snapshot(lambda: open_store(store, readonly=True), ledger, _now_ms)
    serve(snapshot, HOST, port)


def _places(arguments: argparse.Namespace) -> tuple[Path | str, Path, int]:
    if arguments.config is not None:
        config = load(arguments.config)
        if config.pages is None:
            raise ConfigError(f"{arguments.config}: pages: not there; it needs port and ledger")
        port = config.pages.port if arguments.port is None else arguments.port
        return place(config.backend.store), config.pages.ledger, port
    if arguments.store is None or arguments.ledger is None:
        raise ConfigError("give --config, or --store and --ledger")
    port = PORT if arguments.port is None else arguments.port
    return place(arguments.store), arguments.ledger, port


def _check_free(port: int) -> None:
    if not 1 <= port <= 65535:
        raise ConfigError(f"port {port}: not from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"port {port}: {error.strerror}") from error


def _end_with_stdin() -> None:
    """End when whoever started this has ended, even by SIGKILL."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextlib.contextmanager
def beside(config: Path) -> Iterator[None]:
    """Serve the pages of a configuration in a process beside this one."""
    command = [sys.executable, "-m", "sim.backend.cli", "pages", "--config", str(config)]
    process = subprocess.Popen([*command, "--while-stdin"], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
