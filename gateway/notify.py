"""Tells systemd that the daemon is ready, alive or ending: sd_notify(3), without its library."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends to the socket of $NOTIFY_SOCKET; without one it does nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # "@" stands for the zero byte of an abstract address (unix(7))
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = _watchdog(environ)
        """Seconds within which systemd wants to hear of life, None if it does not."""
        self._told = ""

    def ready(self) -> None:
        """Say that the service runs."""
        self._send("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        if self.watchdog is not None:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in one line how it is; the same line is not said twice."""
        if text != self._told:
            self._told = text
            self._send(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, line: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(line.encode(), self._address)
            except OSError:
                # a supervisor that does not listen is no reason to stop reading dispensers
                self._told = ""


def _watchdog(environ: Mapping[str, str]) -> float | None:
    # sd_watchdog_enabled(3): meant for another process if WATCHDOG_PID is not ours
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdigit() and int(text) else None
