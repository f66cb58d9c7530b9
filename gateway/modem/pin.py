"""The SIM's PIN: tried once, never twice, never with fewer than two tries left; no PUK, ever."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from gateway.modem.rungs import write_durably

LEAST_LEFT = 2


class PinGuard:
    """Remembers the try of a PIN across restarts; its file holds neither PIN nor ICCID."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def refusal(self, pin: str, iccid: str, left: int | None) -> str:
        """Return why the PIN must not be sent now, "" if it may. `left`: None: not known."""
        if not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 8):
            return "the PIN must be 4 to 8 digits"
        if left is None:
            return "the modem does not tell how many tries are left"
        if left < LEAST_LEFT:
            return f"only {left} tries left"
        try:
            tried = self._tried()
        except (OSError, ValueError):
            return f"{self._path} cannot be read: it tells which PIN was tried"
        if tried is None or tried[0] != _digest(pin, iccid):
            return ""
        # a right PIN sets the counter back: as many left as before the try means it was right
        return "" if left >= tried[1] else "this PIN was tried on this SIM already and was wrong"

    def note(self, pin: str, iccid: str, left: int) -> None:
        """Write down the try before it is made; raises OSError: then do not make it."""
        write_durably(self._path, json.dumps({"pin": _digest(pin, iccid), "left": left}))

    def _tried(self) -> tuple[str, int] | None:
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
            return str(held["pin"]), int(held["left"])
        except FileNotFoundError:
            return None
        except (KeyError, TypeError) as error:
            raise ValueError("not a record of a try") from error


@lru_cache(maxsize=4)
def _digest(pin: str, iccid: str) -> str:
    return hashlib.scrypt(pin.encode(), salt=iccid.encode(), n=2**12, r=8, p=1).hex()
