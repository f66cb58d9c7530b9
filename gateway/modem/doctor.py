"""The modem's part of `gateway doctor`: its command port and its interface, from outside.

Nothing is opened: the daemon holds the port.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from gateway import config
from gateway.findings import Finding
from gateway.modem import path
from gateway.modem.find import candidates

_ACCESS = "add the gateway's user to the port's group (`ls -l` names it), or a udev rule that does"


def examine(settings: config.Modem, root: Path) -> Iterator[Finding]:
    """Give a finding on the command port, and on the interface if one is named."""
    yield _port(settings, root)
    if settings.interface:
        yield path.judge(settings.interface, path.look(settings.interface, root))


def _port(settings: config.Modem, root: Path) -> Finding:
    if settings.port:
        node, name = Path(settings.port), settings.port
        if not node.exists():
            remedy = "plug the modem in, or correct modem.port; without the key it is found by USB"
            return Finding("modem port", False, f"{name} is not there", remedy)
    else:
        found = candidates(root)
        if not found:
            remedy = "`lsusb` must show a known modem; of another kind: name its port, modem.port"
            return Finding("modem port", False, "no known modem on USB", remedy)
        node, name = found[0].node, f"{found[0].node} ({found[0].profile.name})"
    if not os.access(node, os.R_OK | os.W_OK):
        return Finding("modem port", False, f"{name} may not be opened by this user", _ACCESS)
    return Finding("modem port", True, "is there and may be opened", detail=name)
