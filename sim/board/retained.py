"""What a board keeps over a reset, but not without power; as control messages."""

from __future__ import annotations

from sim.board import control

RESET_TIME = 1_609_459_200  # machine.RTC after a hard reset: 2021-01-01


class Retained:
    """Cause of the boot and scratch registers, and over a soft reset also clock and outputs.

    `boot_ns` is the monotonic clock at the last hard reset.
    """

    def __init__(self, now_ns: int) -> None:
        """As after power-up; `now_ns` by the monotonic clock."""
        self.reason = control.REASON_POWER
        self._scratch = [0] * 8
        self.reset(now_ns)

    def reset(self, now_ns: int) -> None:
        """Forget what a hard reset forgets."""
        self.boot_ns = now_ns
        self._clock = RESET_TIME * 10**9 - now_ns
        self._levels: dict[int, int] = {}

    def set_clock(self, offset_ns: int) -> None:
        """Note what machine.RTC shows when the monotonic clock shows 0."""
        self._clock = offset_ns

    def set_scratch(self, register: int, value: int) -> None:
        """Note a scratch register."""
        self._scratch[register] = value

    def set_level(self, pin: int, level: int) -> None:
        """Note the level of an output."""
        self._levels[pin] = level

    def all(self) -> list[bytes]:
        """Everything, for a board that starts."""
        scratch = enumerate(self._scratch)
        messages = [control.pack(control.SCRATCH, number, value) for number, value in scratch]
        for pin, level in self._levels.items():
            messages.append(control.pack(control.OUTPUT, pin, level))
        return [*messages, control.pack(control.CLOCK, 0, 0, self._clock)]
