"""How late the firmware's watchdog is fed, as the app itself sees it: told on the console."""

import ast
import re
from collections import Counter
from collections.abc import Mapping

# printed now and then, for a power cut takes what is not
PROBE = b"""
        from dispenser import pulse
        step, late = pulse.Pulse.step, {}
        def probed(self):
            if self._due:
                ms = max(pulse.elapsed_ms(self._due, self._clock.uptime()), 0)
                late[ms] = late.get(ms, 0) + 1
            if sum(late.values()) == 100:
                print("late", late)
                late.clear()
            return step(self)
        pulse.Pulse.step = probed
        dispenser.run()
"""


def probed(main: bytes) -> bytes:
    """Return main.py with the probe in it."""
    plain = b"        dispenser.run()\n"
    assert main.count(plain) == 1
    return main.replace(plain, PROBE)


def told(console: bytes) -> Counter[int]:
    """Return how often a feed was late by so many ms, of all that the board has printed."""
    found: Counter[int] = Counter()
    for text in re.findall(rb"late (\{[0-9:, ]+\})", console):
        found.update(ast.literal_eval(text.decode()))
    return found


def percentile(late: Mapping[int, int], share: float) -> int:
    """Return the ms that so large a share of the feeds did not exceed."""
    total, seen = sum(late.values()), 0
    for ms in sorted(late):
        seen += late[ms]
        if seen >= total * share:
            return ms
    raise AssertionError("nothing was told")
