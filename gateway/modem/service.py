"""The modem's part of the daemon: keeps it connected, carries the uplink, tells how it is.

Health is real traffic: what the uplink's own connection heard, if that goes over the modem. A
gateway that sleeps on purpose is taken for connected, so that nothing is sent to find out.
"""

import logging
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway import config
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.findings import Finding
from gateway.modem import path
from gateway.modem.driver import Driver, Sim
from gateway.modem.figures import Figures, shared, signal_dbm, technology
from gateway.modem.host import LinuxHost
from gateway.modem.keeper import Backend, Keeper
from gateway.modem.manager import Manager
from gateway.modem.opener import Opener
from gateway.modem.pin import PinGuard
from gateway.modem.probe import Probe
from gateway.modem.profiles import by_usb
from gateway.modem.rungs import Budgets, Rung
from gateway.modem.supervisor import Fault, Order, Policy, Seen, Supervisor

_log = logging.getLogger(__name__)
PATIENCE = 900.0
"""Seconds that one look and one rung may take: registering anew alone may take 390."""
_FIRST_ATTACH = 300.0
_COMMANDS = {Rung.INTERFACE: "renew", Rung.POWER: "power", Rung.REBOOT: "reboot"}


class Cellular:
    """A modem and all that keeps it connected.

    broker: host and port. connected, asleep, heard: how the uplink's session is; renew ends it,
    with a reason, to be begun anew. root: the host's.
    """

    def __init__(
        self,
        settings: config.Modem,
        data: Path,
        broker: tuple[str, int],
        counters: Counters,
        clock: Clock,
        root: Path = Path("/"),
        dry: bool = False,
    ) -> None:
        self.connected: Callable[[], bool] = lambda: False
        self.asleep: Callable[[], bool] = lambda: False
        self.heard: Callable[[], float | None] = lambda: None
        self.renew: Callable[[str], None] = lambda reason: None
        self.over_other = False
        self._address = ""
        self.figures = Figures()
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._root = root
        self._started = clock.monotonic()
        self._opener = Opener(Path(settings.port) if settings.port else None, root)
        witnesses = [_host_port(text) for text in settings.witness]
        self._probe = Probe([broker, *witnesses], settings.interface, clock.monotonic)
        self.keeper = self._assemble(data, dry)

    def _assemble(self, data: Path, dry: bool) -> Keeper:
        settings, unix = self._settings, self._clock.unix
        words = {rung: getattr(settings, key) for rung, key in _COMMANDS.items()}
        host = LinuxHost(
            {rung: argv for rung, argv in words.items() if argv},
            lambda: self._opener.device,
            self._probe.passes,
            self._over_modem,
            lambda: None if self.over_other else self.heard(),
            self._root,
            lambda: self.over_other and self.connected(),
        )
        sim = Sim(settings.apn, settings.cid, settings.pin)
        guard = PinGuard(data / "modem_pin")
        self._driver: Backend = (
            Manager(host, sim, guard, dry=dry)
            if settings.manager
            else Driver(self._opener, host, sim, guard, self._clock.monotonic, self._opener.deaf)
        )
        self._supervisor = Supervisor(
            Policy(settings.roaming, host.rungs),
            Budgets(data / "modem_budgets", unix(), keeps=not dry),
            random.Random(random.random()),  # spreads waits, keeps no secret
        )
        keeper = Keeper(self._driver, self._supervisor, unix, dry)
        keeper.on_order = self._note
        return keeper

    def _over_modem(self) -> bool:
        return self.asleep() or (self.connected() and not self.over_other)

    def _note(self, seen: Seen, order: Order) -> None:
        if order.rung is Rung.CONTEXT:
            self._counters.add("modem_sessions")
        if order.rung is not None and order.rung > Rung.DIAGNOSE:
            self._counters.add("modem_recoveries")
            self._probe.doubt()
        self.figures.note(self._clock.monotonic(), seen, order)
        self._compare_addresses()

    def _compare_addresses(self) -> None:
        # the kernel would try for a minute to send from an address that is gone
        if self.over_other or not self.connected() or "." not in self._address:
            return
        now = path.address(self._settings.interface)
        if now is not None and now != self._address:
            self.renew("the modem's interface has another address now")

    # ---- the uplink's connections -----------------------------------------------------------

    def dial(self, host: str, port: int, within: float) -> socket.socket:
        """Connect over the modem's interface, another way only if that is allowed.

        Called in a thread of the uplink's. Raises OSError.
        """
        interface = self._settings.interface
        try:
            made = path.connect(host, port, within, interface)
        except OSError as error:
            if not self._settings.other_uplink:
                raise
            made = path.connect(host, port, within)
            _log.warning("uplink: not over %s (%s), another way", interface, error)
            self._counters.add("other_uplinks")
            self.over_other = True
        else:
            self.over_other = False
        self._address = made.getsockname()[0] if interface else ""
        return made

    def close(self) -> None:
        """Give its port up."""
        self._driver.close()

    # ---- how it is --------------------------------------------------------------------------

    def owns(self, usb: str) -> bool:
        """Tell whether a USB id is that of a known modem."""
        return by_usb(usb) is not None

    def findings(self) -> list[Finding]:
        """Judge modem, interface and way."""
        found = [self._judge()]
        if self._settings.interface:
            found.append(path.judge(self._settings.interface, self._way()))
        if not self._probe.names_resolve:
            text = "names are not resolved over this way"
            remedy = "`getent hosts` with the broker's name; look at /etc/resolv.conf"
            found.append(Finding("name server", False, text, remedy))
        if self.over_other and self.connected():
            remedy = "allowed by [modem] other_uplink; it may cost, and the modem does not work"
            found.append(
                Finding("way", None, "the uplink goes another way than the modem", remedy)
            )
        return found

    def _judge(self) -> Finding:
        fault, alarm = self._supervisor.fault, self.keeper.alarm
        detail = ", ".join(self._words())
        if not self.keeper.looked:
            return Finding("modem", None, "is looked for")
        if self.works:
            return Finding("modem", True, fault.value, detail=detail)
        young = self._clock.monotonic() - self._started < _FIRST_ATTACH
        if young and not alarm and not self.figures.was_well:
            remedy = "a first connection takes up to five minutes"
            return Finding("modem", None, f"not connected yet: {fault.value}", remedy, detail)
        remedy = alarm or "nothing here: it recovers by itself; `dosewire modem status` says how"
        return Finding("modem", False, fault.value, remedy, detail)

    def _words(self) -> list[str]:
        facts = self._driver.facts
        dbm = signal_dbm(facts)
        signal = None if dbm is None else f"{dbm:.0f} dBm"
        told = (facts.get("model"), technology(facts), signal, facts.get("port"))
        return [str(word) for word in told if word]

    @property
    def port(self) -> str:
        """Why its command port is of no use, "" if it is."""
        return str(self._driver.facts.get("port", ""))

    def _way(self) -> path.Way:
        return path.look(self._settings.interface, self._root)

    def state(self) -> dict[str, Any]:
        """Return all that is known, for this host alone: numbers of SIM, module and cell too."""
        facts, figures = self._driver.facts, self.figures
        return {
            "fault": self._supervisor.fault.value,
            "alarm": self.keeper.alarm,
            "model": facts.get("model"),
            "technology": technology(facts),
            "signal_dbm": signal_dbm(facts),
            "signal": facts.get("signal"),
            "iccid": facts.get("iccid"),
            "imei": facts.get("imei"),
            "cell": facts.get("cell"),
            "area": facts.get("area"),
            "port": facts.get("port", ""),
            "attach_seconds": figures.attach_seconds,
            "recovery_seconds": figures.recovery_seconds,
            "rungs": dict(figures.rungs),
            "other_uplink": self.over_other,
        }

    def shared(self) -> dict[str, Any]:
        """Return what may leave this gateway, for its state on the broker."""
        told = shared(self._driver.facts)
        return {"modem": told | ({"other_uplink": True} if self.over_other else {})}

    def gauges(self) -> list[dict[str, Any]]:
        """Return figures for metrics: name, meaning, value."""
        way, figures = self._way(), self.figures
        values = (
            ("modem_works", "1 if the modem gives a connection", int(self.works)),
            ("modem_signal_dbm", "strength of the signal", signal_dbm(self._driver.facts)),
            ("modem_technology", "<AcT> of 3GPP TS 27.007", self._driver.facts.get("technology")),
            ("modem_attach_seconds", "last search for a network", figures.attach_seconds),
            ("modem_recovery_seconds", "last time without data", figures.recovery_seconds),
            ("modem_received_bytes", "by its interface, since it is there", _some(way.received)),
            ("modem_sent_bytes", "by its interface, since it is there", _some(way.sent)),
        )
        return [
            {"name": name, "means": means, "value": value}
            for name, means, value in values
            if value is not None
        ]

    @property
    def works(self) -> bool:
        """Tell whether the modem gives a connection."""
        return self.keeper.looked and self._supervisor.fault in (Fault.NONE, Fault.SERVER)

    @property
    def ill_since(self) -> float | None:
        """Monotonic seconds since when it has given none, None while it does."""
        since = self.figures.ill_since
        return None if self.works else self._started if since is None else since


def _some(count: int) -> int | None:
    return count or None


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
