# Reads the journal back: from a seq on (and remembers where it was: a drain opens each file once),
# what it still knows of the patient's day after a boot, and a file at a time while there is
# nothing else to do: what is damaged there, and no GAP tells yet, is told by one. Tags are checked
# where the key still is.
import struct

from micropython import const

from dispenser import records, wire
from dispenser.records import HEADER

_RECORDS = const(64)  # the newest
_BYTES = const(1000)  # read at once
_PATIENT = const(0x20)
_DATA_AT = const(14)
_TAG = const(8)
_GAPS = const(64)  # remembered during one pass
_TOLD_AT_ONCE = const(8)  # GAP records of one pass


class Reader:
    def __init__(self, journal, segment_limit):
        self._journal = journal
        self._buffer = bytearray(segment_limit)
        self.forget()

    def forget(self):
        self._file = None  # first seq of the file in the buffer
        self._size = 0
        self._position = None  # (file, seq, byte) after the last read

    def read(self, start, limit):
        journal = self._journal
        if limit < wire.MAX_RECORD:
            return None
        seq = max(start, journal.first)
        while seq < journal.next:
            first, data = self.load(seq)
            found = self._cut(first, data, seq, limit)
            if found or first == journal.tail_first:
                return found
            seq = max(seq, journal.end_of(first))
        return None

    def load(self, seq):
        # (first seq, bytes) of the file that should hold it
        journal = self._journal
        known = None if seq >= journal.tail_first else journal.file_of(seq)
        if known is None:
            return journal.tail_first, journal.tail()
        first, size, path = known
        if self._file != first or self._size < size:
            self._file = None
            with open(path, "rb") as file:
                self._size = file.readinto(self._buffer)
            self._file = first
        return first, memoryview(self._buffer)[: self._size]

    def _cut(self, first, data, seq, limit):
        start, expected = self._find(first, data, seq)
        if start is None:
            return None
        at = start
        count = 0
        end = self._journal.end_of(first)
        while count < 255 and expected < end:
            size = records.size_at(data, at, len(data))
            if not size or records.seq_at(data, at) != expected or at + size - start > limit:
                break
            at += size
            count += 1
            expected += 1
        self._position = (first, expected, at)
        previous = bytes(data[start - 8 : start])
        return (previous, bytes(data[start:at]), count, expected) if count else None

    def _find(self, first, data, seq):
        # (byte, seq) of the first record from `seq` on; (None, 0) if the file has none
        at, expected = HEADER, None
        if self._position and self._position[0] == first and self._position[1] <= seq:
            _, expected, at = self._position
        while True:
            size = records.size_at(data, at, len(data))
            if not size:
                return None, 0
            found = records.seq_at(data, at)
            # a file begins at or, repeating the one before it, below its name
            if found > seq if expected is None else found != expected:
                return None, 0
            if found >= seq:
                return at, found
            at += size
            expected = found + 1


def recent(journal):
    # (type, values, s of the day) of the patient's newest records, the oldest first
    at = max(journal.first, journal.next - _RECORDS)
    while at < journal.next:
        found = journal.read(at, _BYTES)
        if not found:
            return
        _, blob, _, at = found
        start = 0
        while start < len(blob):
            size = _DATA_AT + blob[start + _DATA_AT - 1] + _TAG
            told = _told(blob[start : start + size])
            if told:
                yield told
            start += size


def _told(raw):
    time, stamp, kind = struct.unpack_from(">LHB", raw, 6)
    layout = wire.DATA.get(kind)
    if kind < _PATIENT or layout is None or stamp >> 14 == wire.QUALITY_UPTIME:
        return None
    try:
        return kind, wire.unpack(layout, raw[:-_TAG], _DATA_AT)[0], time
    except ValueError:
        return None  # written by an older release


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
