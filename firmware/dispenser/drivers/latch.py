# Edges of one input, taken in by a hard interrupt and kept until a task looks at them.
from array import array

from micropython import const

_ROOM = const(16)  # edges, a power of two


def latch(pin, wiring, flag, ticks_ms):
    # of an input as pins.py has it; `pin` is machine.Pin
    number, active, pull_up, _ = wiring
    line = pin(number, pin.IN, pin.PULL_UP) if pull_up else pin(number, pin.IN)
    return Latch(line, active, flag, ticks_ms)


class Latch:
    def __init__(self, pin, active, flag, ticks_ms):
        self._pin = pin
        self._active = active
        self._flag = flag
        self._ticks_ms = ticks_ms
        self._ticks = array("l", [0] * _ROOM)
        self._levels = bytearray(_ROOM)
        self._in = self._out = 0
        pin.irq(handler=self._edge, trigger=pin.IRQ_RISING | pin.IRQ_FALLING, hard=True)

    def active(self):
        return self._pin.value() == self._active

    def edges(self):
        # (tick, active) of each edge since the last look
        while self._out != self._in:
            at = self._out
            edge = self._ticks[at], self._levels[at] == self._active
            self._out = (at + 1) % _ROOM
            yield edge

    def _edge(self, pin):
        # must not allocate. When full the last level is found by looking at the pin
        at = self._in
        after = (at + 1) % _ROOM
        if after != self._out:
            self._ticks[at] = self._ticks_ms()
            self._levels[at] = pin.value()
            self._in = after
        self._flag.set()
