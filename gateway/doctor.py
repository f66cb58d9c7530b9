"""Looks at everything a gateway needs, from outside: the daemon is asked, never disturbed.

No serial port is opened, the spool is only measured, and the broker sees a TLS handshake without
MQTT: a CONNECT with our client id would throw the daemon off.
"""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway import findings, status
from gateway.clock import Clock, HostTime
from gateway.config import Config
from gateway.findings import Finding
from gateway.floor import Floor
from gateway.hotplug import ROOT
from gateway.usb import serial_ports

_WITHIN = 10.0
_REFUSED_WITHIN = 1.0


def examine(config: Config, tls: ssl.SSLContext, root: Path = ROOT) -> Iterator[Finding]:
    """Give a finding on every part, each as soon as it is known."""
    data = Path(config.gateway.data)
    yield from findings.credentials(config, time.time())
    yield _clock(config, data)
    yield findings.disk(data)
    yield from _ports(config, root)
    if config.modem is not None:
        # a gateway without a modem loads nothing of it
        from gateway.modem import doctor as modem

        yield from modem.examine(config.modem, root)
    yield broker(config, tls)
    yield from _daemon(data)


def broker(config: Config, tls: ssl.SSLContext, within: float = _WITHIN) -> Finding:
    """Reach the broker step by step: name, TCP, TLS with our certificate; say which fails."""
    host, port = config.uplink.host, config.uplink.port
    part, where = "broker", f"{host}:{port}"
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        remedy = "check uplink.host, and whether the modem is online (`getent hosts`)"
        return Finding(part, False, f"name {host!r} not found ({_plain(error)})", remedy)
    try:
        plain = socket.create_connection((host, port), within)
    except OSError as error:
        remedy = "check uplink.port, firewall, modem; is the broker running?"
        return Finding(part, False, f"no TCP connection to {where} ({_plain(error)})", remedy)
    with plain:
        return _handshake(plain, host, where, tls)


def _handshake(plain: socket.socket, host: str, where: str, tls: ssl.SSLContext) -> Finding:
    try:
        with tls.wrap_socket(plain, server_hostname=host) as line:
            refused = _refusal(line)
            how = f"{line.version()} {(line.cipher() or ('',))[0]}"
    except ssl.SSLCertVerificationError as error:
        text = f"{where} shows a certificate we do not trust ({error.verify_message})"
        return Finding(
            "broker", False, text, "uplink.ca must be its authority, uplink.host its name"
        )
    except OSError as error:
        text = f"no TLS with {where} ({_plain(error)})"
        return Finding("broker", False, text, "is that port MQTT over TLS (usually 8883)?")
    if refused:
        text = f"{where} refuses our certificate ({refused})"
        remedy = "is it expired, or signed by an authority the broker does not know?"
        return Finding("broker", False, text, remedy)
    return Finding("broker", True, f"{where} answers, each trusts the other", detail=how)


def _refusal(line: ssl.SSLSocket) -> str:
    # TLS 1.3 refuses a client's certificate after the handshake (RFC 8446, 4.4.2.4)
    line.settimeout(_REFUSED_WITHIN)
    try:
        return "" if line.recv(1) else "closed the connection"
    except TimeoutError:
        return ""
    except OSError as error:
        return _plain(error)


def _clock(config: Config, data: Path) -> Finding:
    file = data / "last_seen"
    # a floor of our own that is never written: the daemon keeps it
    floor = Floor(file, time.monotonic, keeps=False)
    trusted = config.time.uncertainty_ms if config.time.trust_clock else None
    given = HostTime(Clock(), trusted, floor=floor).now() is not None
    return findings.clock(given, floor.behind, file)


def _ports(config: Config, root: Path) -> Iterator[Finding]:
    for entry in config.dispenser:
        yield _port(Path(entry.port), entry.port)
    found = serial_ports(root)
    ours = [port for port in found if port.usb in config.usb]
    for port in ours:
        yield _port(port.node, str(port.path))
    if config.usb and not ours and not config.dispenser:
        remedy = "plug one in; `lsusb` must show " + " or ".join(sorted(config.usb))
        yield Finding("dispensers", False, "none on USB", remedy)
    yield from (findings.stranger(port) for port in found if port.usb not in config.usb)


def _port(node: Path, name: str) -> Finding:
    part = f"port {name}"
    if not node.exists():
        return Finding(part, False, "is not there", "plug the dispenser in, or correct the path")
    if not os.access(node, os.R_OK | os.W_OK):
        remedy = "run as the gateway's user, or `dosewire gateway install` for its udev rules"
        return Finding(part, False, "may not be opened by this user", remedy)
    return Finding(part, True, "is there and may be opened")


def _daemon(data: Path) -> Iterator[Finding]:
    try:
        state: dict[str, Any] = status.ask(data)
    except status.NoDaemonError as error:
        yield Finding("daemon", False, str(error), status.REMEDY)
        return
    bad = [f["part"] for f in state["findings"] if f["works"] is False]
    text = f"runs, and finds trouble with: {', '.join(bad)}" if bad else "runs, and all works"
    yield Finding("daemon", not bad, text, "`dosewire gateway status`" if bad else "")


def _plain(error: OSError) -> str:
    text = getattr(error, "reason", None) or error.strerror or str(error)
    return " ".join(str(text).split())
