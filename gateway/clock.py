"""The host's clocks, and whether its time is good enough to give to dispensers.

The kernel tells by adjtimex(2) whether its clock is synchronised: status bit STA_UNSYNC, and
`maxerror` as the bound of the error (RFC 5905, appendix A.5: the kernel clock model).
"""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.floor import Floor
from protocol import schema

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
_LATEST = schema.TIME_BASE + 0xFFFFFFFF
_MAX_UNCERTAINTY_MS = 0xFFFFFFFF


class _Timex(ctypes.Structure):
    # the head of struct timex; the kernel writes more behind it
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def kernel_uncertainty_ms() -> int | None:
    """Return the kernel's bound of its clock's error in ms, None if it is not synchronised."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state in (-1, _TIME_ERROR) or timex.status & _STA_UNSYNC:
        return None
    return max(1, int(timex.maxerror) // 1000)


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic and civil time in seconds; replaced by the world's clock in a simulation."""

    monotonic: Callable[[], float] = time.monotonic
    unix: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class HostTime:
    """The time for dispensers, or none: no confident lie about time.

    trusted_ms: uncertainty in ms that the configuration vouches for, None: ask the kernel.
    floor: what no time may be below, None: nothing but the protocol's range.
    """

    clock: Clock
    trusted_ms: int | None = None
    kernel: Callable[[], int | None] = kernel_uncertainty_ms
    floor: Floor | None = None

    def now(self) -> schema.Time | None:
        """Return the TIME message for now, None if the host's clock cannot be trusted."""
        kernel = self.kernel()
        uncertainty = self.trusted_ms if self.trusted_ms is not None else kernel
        unix = self.clock.unix()
        if uncertainty is None or not schema.TIME_BASE < unix < _LATEST:
            if self.floor is not None:
                self.floor.doubt()
            return None
        if self.floor is not None and not self.floor.passes(unix, kernel is not None):
            return None
        ms = int((unix - schema.TIME_BASE) * 1000)
        return schema.Time(
            time=ms // 1000,
            ms=ms % 1000,
            uncertainty=min(uncertainty, _MAX_UNCERTAINTY_MS),
            source=schema.TimeSource.gateway,
        )
