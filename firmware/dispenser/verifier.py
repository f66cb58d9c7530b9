# Looks through the journal a file at a time, while there is nothing else to do: what is damaged
# there, and no GAP tells yet, is told by one. Tags are checked where the key still is.
from micropython import const

from dispenser import wire

_GAPS = const(64)  # remembered during one pass
_TOLD_AT_ONCE = const(8)  # GAP records of one pass


class Verifier:
    def __init__(self, journal):
        self._journal = journal
        self.restart()

    def restart(self):
        self._at = self._next = self._journal.first
        self._gaps = []
        self._trimmed = -1  # last seq that a GAP says may be gone
        self._missing = []
        self.done = False

    def step(self):
        # examines one file; after the last one the journal knows what is missing
        journal = self._journal
        if journal.damaged():
            return
        at = max(self._at, journal.first)  # what was trimmed meanwhile is told
        self._next = max(self._next, journal.first)
        last = at >= journal.tail_first
        end = journal.end_of(at)
        self._examine(journal.examine(at), end)
        self._at = end
        if last:
            self._finish()

    def _examine(self, scan, end):
        if scan.holds():
            self._lack(scan.first)
            self._next = max(self._next, scan.last + 1)
        self._lack(end)
        for gap in scan.gaps:
            if gap[2] == wire.GAP_DAMAGED:
                self._gaps = self._gaps[1 - _GAPS :] + [gap]
            else:
                self._trimmed = max(self._trimmed, gap[1])

    def _lack(self, end):
        # records from the next one expected up to `end` are not there
        if self._next < end:
            self._missing.append((self._next, end - 1))
            self._next = end

    def _finish(self):
        oldest = max(self._trimmed, self._journal.trimmed) + 1
        if oldest < self._journal.first:
            self._missing.insert(0, (oldest, self._journal.first - 1))
        untold = [lost for lost in self._missing if not self._told(*lost)]
        self._journal.miss(untold[:_TOLD_AT_ONCE])
        self.done = True

    def _told(self, first, last):
        for gap in self._gaps:
            if gap[0] <= first and last <= gap[1]:
                return True
        return False
