# Reads the journal from a seq on. Remembers where it was: a drain opens each file once.
from dispenser import records, wire
from dispenser.records import HEADER


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
