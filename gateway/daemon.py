"""The gateway's composition: one asyncio process, ended in order by SIGTERM or SIGINT."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import findings, metrics, status
from gateway.clock import Clock, HostTime
from gateway.commands import Commands
from gateway.config import Config
from gateway.counters import Counters
from gateway.database import Database, SpoolError
from gateway.deliveries import Deliveries
from gateway.dispensers import PortTask
from gateway.findings import Finding
from gateway.floor import Floor
from gateway.health import Health
from gateway.heart import Heart
from gateway.hotplug import Hotplug
from gateway.incidents import Incidents
from gateway.mailbox import Mailbox
from gateway.notify import Notifier
from gateway.publisher import Publisher
from gateway.reach import away
from gateway.resumption import ResumingContext
from gateway.spool import TABLES, Spool
from gateway.stock import Stock
from gateway.switchboard import Switchboard
from gateway.traffic import Traffic
from gateway.uplink import Uplink

if TYPE_CHECKING:
    from gateway.modem.service import Cellular

_log = logging.getLogger(__name__)
_RESTART_AFTER = 1.0
_PUBACK_WITHIN = 1.0
_SPOOL_WITHIN = 0.8
_PULSE_EVERY = 10.0
_LOOK_AT_CREDENTIALS_EVERY = 60.0
_COUNT_EVERY = 60.0
_SAVE_EVERY = 15


async def run(config: Config, tls: ResumingContext) -> None:
    """Run until SIGTERM or SIGINT, then end within 2 s: what was acknowledged is in the spool.

    Raises MetricsError if metrics are asked for and cannot be served.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Gateway(config, tls, Clock(), Notifier()).run(stop)


class Gateway:
    """Every part, made and joined; times are those of `clock`."""

    def __init__(
        self, config: Config, tls: ResumingContext, clock: Clock, notifier: Notifier
    ) -> None:
        self._config = config
        self._clock = clock
        self._notifier = notifier
        self._counters = counters = Counters()
        self._database = Database(
            config.spool, TABLES, counters, max_bytes=config.spool_limits.max_bytes
        )
        self._database.on_anew = self._anew
        self._spool = Spool(self._database, clock.unix)
        self._incidents = Incidents(clock.monotonic)
        self._traffic = Traffic(config.publishing.daily_bytes, counters, clock.unix)
        name = config.gateway.id
        self._modem = _cellular(config, counters, clock)
        dial = None if self._modem is None else self._modem.dial
        profile = config.publishing.profile
        self._uplink = Uplink(
            config.uplink, name, tls, counters, clock, self._traffic, dial, profile
        )
        self._publisher = Publisher(
            name,
            config.uplink,
            self._spool,
            self._uplink,
            counters,
            clock,
            config.publishing,
            self._incidents,
        )
        mailbox = Mailbox(self._database, clock.unix)
        stock = Stock(Path(config.gateway.data) / "releases", config.release_key)
        deliveries = Deliveries(name, stock, self._uplink, counters, clock.monotonic)
        self._commands = Commands(name, mailbox, self._uplink, counters, deliveries)
        self._switchboard = Switchboard(self._publisher, self._commands)
        self._floor_file = Path(config.gateway.data) / "last_seen"
        self._floor = Floor(self._floor_file, clock.monotonic)
        trusted = config.time.uncertainty_ms if config.time.trust_clock else None
        self._host_time = HostTime(clock, trusted, floor=self._floor)
        self._heart = Heart(clock.monotonic)
        fixed = [Path(entry.port) for entry in config.dispenser]
        self._hotplug = Hotplug(fixed, config.usb, self._make_port, self._start_port, counters)
        self._health = Health(
            config.gateway.id, self._judge, self._heart, notifier, counters, clock, self._more
        )
        self._credentials: list[Finding] = []
        self._credentials_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set."""
        self._listen_to_hearts()
        server = status.Server(Path(self._config.gateway.data), self._look_and_tell)
        close_metrics = self._serve_metrics()
        publishing = [
            _forever("uplink", lambda: self._uplink.run(self._switchboard)),
            _forever("commands", lambda: self._commands.run(self._hotplug.ports)),
            _forever("publisher", lambda: self._publisher.run(self._hotplug.ports)),
        ]
        watching = [
            _forever("hotplug", self._hotplug.run),
            _forever("pulse", self._pulse),
            _forever("traffic", self._count_traffic),
            _forever("health", self._health.run),
        ]
        watching += self._keep_modem()
        await self._begin(server)
        await stop.wait()
        self._notifier.stopping()
        await _end(watching)
        await self._hotplug.close()
        await self._uplink.close(_PUBACK_WITHIN)
        await _end(publishing)
        await self._spool.close(_SPOOL_WITHIN)
        self._floor.keep()
        await server.close()
        close_metrics()
        _log.info("stopped: %s", self._counters)

    async def _begin(self, server: status.Server) -> None:
        try:
            await server.start()
        except OSError as error:
            _log.error("status: %s", error)
        self._health.look()
        self._notifier.ready()
        gateway, ports = self._config.gateway.id, len(self._config.dispenser)
        _log.info("ready: gateway=%s spool=%s ports=%d", gateway, self._config.spool, ports)

    # ---- parts ------------------------------------------------------------------------------

    def _make_port(self, path: Path) -> PortTask:
        port = PortTask(
            path,
            self._spool,
            self._switchboard,
            self._counters,
            self._clock,
            self._host_time,
            self._config.discovery.prompt_after,
            self._incidents,
        )
        port.beat = self._heart.loop(f"port {path}")
        port.session.away = self._away
        return port

    def _start_port(self, port: PortTask) -> "asyncio.Task[None]":
        task = _forever("port", port.run)
        task.add_done_callback(lambda _: self._heart.forget(f"port {port.path}"))
        return task

    def _away(self) -> int:
        # a modem that carries has done its part: a broker that is away is nothing for patients
        lost = [self._uplink.lost_at, *([self._modem.ill_since] if self._modem else [])]
        return away(self._clock.monotonic(), *lost)

    def _keep_modem(self) -> "list[asyncio.Task[None]]":
        if self._modem is None:
            return []
        from gateway.modem.service import PATIENCE

        modem, uplink = self._modem, self._uplink
        modem.connected, modem.heard = lambda: uplink.connected, uplink.heard
        modem.asleep, modem.renew = lambda: uplink.asleep, uplink.renew
        uplink.tells = modem.shared
        modem.keeper.beat = self._heart.loop("modem", PATIENCE)
        return [_forever("modem", modem.keeper.run)]

    def _listen_to_hearts(self) -> None:
        self._uplink.beat = self._heart.loop("uplink")
        self._publisher.beat = self._heart.loop("publisher")
        self._commands.beat = self._heart.loop("commands")
        self._hotplug.beat = self._heart.loop("hotplug")

    async def _pulse(self) -> None:
        # the spool's writer is a thread: it proves its life by answering
        beat = self._heart.loop("spool")
        while True:
            with contextlib.suppress(SpoolError):
                await self._database.run(lambda _: None, writes=False)
            beat()
            await asyncio.sleep(_PULSE_EVERY)

    async def _count_traffic(self) -> None:
        with contextlib.suppress(SpoolError):
            day = int(self._clock.unix()) // 86_400
            self._traffic.begin(day, await self._spool.traffic(day))
        while True:
            for _ in range(_SAVE_EVERY):
                await asyncio.sleep(_COUNT_EVERY)
                self._uplink.sample()
            with contextlib.suppress(SpoolError):
                await self._spool.save_traffic(self._traffic.day, self._traffic.today)

    def _anew(self) -> None:
        for port in self._hotplug.ports:
            port.anew()
        self._publisher.anew()

    def _serve_metrics(self) -> Callable[[], None]:
        if self._config.metrics is None:
            return lambda: None
        return metrics.serve(self._config.metrics, self._health.state)

    # ---- how it is --------------------------------------------------------------------------

    def _look_and_tell(self) -> dict[str, Any]:
        # who asks wants to know how it is now
        self._health.look()
        return self._health.state()

    def _judge(self) -> list[Finding]:
        address = f"{self._config.uplink.host}:{self._config.uplink.port}"
        return [
            *(findings.port(port) for port in self._hotplug.ports),
            *self._no_ports(),
            findings.uplink(
                self._uplink, self._publisher.paused, self._publisher.unanswered, address
            ),
            *findings.budget(self._traffic.today, self._traffic.budget),
            findings.spool(self._database.trouble),
            self._judge_clock(),
            findings.disk(Path(self._config.gateway.data)),
            *self._judge_credentials(),
            *self._judge_modem(),
            *(findings.incident(i, self._incidents.is_open(i)) for i in self._incidents),
        ]

    def _judge_modem(self) -> list[Finding]:
        modem, strangers = self._modem, self._hotplug.strangers
        if modem is None:
            return [findings.stranger(found) for found in strangers]
        others = [found for found in strangers if not modem.owns(found.usb)]
        return [*modem.findings(), *map(findings.stranger, others)]

    def _more(self) -> dict[str, Any]:
        modem = self._modem
        return {} if modem is None else {"modem": modem.state(), "gauges": modem.gauges()}

    def _no_ports(self) -> list[Finding]:
        if self._hotplug.ports:
            return []
        remedy = "plug one in; if it is: `lsusb` must show " + " or ".join(self._config.usb)
        return [Finding("dispensers", False, "none on USB", remedy)]

    def _judge_clock(self) -> Finding:
        given = self._host_time.now() is not None
        return findings.clock(given, self._floor.behind, self._floor_file)

    def _judge_credentials(self) -> list[Finding]:
        now = self._clock.monotonic()
        if now - self._credentials_at >= _LOOK_AT_CREDENTIALS_EVERY:
            self._credentials_at = now
            self._credentials = list(findings.credentials(self._config, self._clock.unix()))
        return self._credentials


def _cellular(config: Config, counters: Counters, clock: Clock) -> "Cellular | None":
    if config.modem is None:
        return None
    # a gateway without a modem loads nothing of it
    from gateway.modem.service import Cellular

    broker = config.uplink.host, config.uplink.port
    return Cellular(config.modem, Path(config.gateway.data), broker, counters, clock)


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
