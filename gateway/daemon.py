"""The gateway's composition: one asyncio process, ended in order by SIGTERM or SIGINT."""

import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.clock import Clock, HostTime
from gateway.config import Config
from gateway.counters import Counters
from gateway.database import Database
from gateway.dispensers import PortTask
from gateway.publisher import Publisher
from gateway.spool import TABLES, Spool
from gateway.uplink import Uplink

_log = logging.getLogger(__name__)
_RESTART_AFTER = 1.0
_PUBACK_WITHIN = 1.0
_SPOOL_WITHIN = 0.8


async def run(config: Config, tls: ssl.SSLContext) -> None:
    """Run until SIGTERM or SIGINT, then end within 2 s: what was acknowledged is in the spool."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    counters = Counters()
    clock = Clock()
    spool = Spool(Database(config.spool, TABLES, counters), clock.unix)
    uplink = Uplink(config.uplink, config.gateway.id, tls, counters)
    publisher = Publisher(config.gateway.id, config.uplink, spool, uplink, counters, clock)
    host_time = HostTime(clock, config.time.uncertainty_ms if config.time.trust_clock else None)
    ports = [
        PortTask(Path(entry.port), spool, publisher, counters, clock, host_time)
        for entry in config.dispenser
    ]
    publishing = [
        _forever("uplink", lambda: uplink.run(publisher)),
        _forever("publisher", lambda: publisher.run(ports)),
    ]
    reading = [_forever("port", port.run) for port in ports]
    _log.info("ready: gateway=%s spool=%s ports=%d", config.gateway.id, config.spool, len(ports))
    await stop.wait()
    await _end(reading)
    await uplink.close(_PUBACK_WITHIN)
    await _end(publishing)
    await spool.close(_SPOOL_WITHIN)
    _log.info("stopped: %s", counters)


def _forever(name: str, start: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
    async def supervise() -> None:
        while True:
            try:
                await start()
            except Exception:
                # no input kills the process, not even one that finds a mistake of ours
                _log.exception("%s failed, beginning again", name)
            await asyncio.sleep(_RESTART_AFTER)

    return asyncio.create_task(supervise(), name=name)


async def _end(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
