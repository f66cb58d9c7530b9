# Records in the journal's files, as bytes. A file is a header (epoch, tag of the record before its
# first) and records of contiguous seq.
import struct

from micropython import const

from dispenser import wire

HEADER = const(12)
MIN_RECORD = const(22)
_LENGTH_AT = const(13)
_BOOT_AT = const(4)
_TIME_AT = const(6)
_STAMP_AT = const(10)
_TYPE_AT = const(12)
_DATA_AT = const(14)
_PATIENT = const(0x20)  # types from here on are about the patient


def header(epoch, previous):
    return struct.pack(">L8s", epoch, previous)


def size_at(data, at, end):
    # bytes of the record there, 0 if there is no whole one
    if at + MIN_RECORD > end:
        return 0
    size = MIN_RECORD + data[at + _LENGTH_AT]
    return size if size <= wire.MAX_RECORD and at + size <= end else 0


def seq_at(data, at):
    return struct.unpack_from(">L", data, at)[0]


def could_hold(size):
    # most records that so many bytes could have been
    return (size + MIN_RECORD - 1) // MIN_RECORD


class Scan:
    # what a file holds up to its last verifiable record
    def __init__(self, data, chain, least=0):
        self.size = len(data)
        self._least = least  # lowest seq it can begin with
        self.epoch = self.first = self.last = None
        self.end = 0  # byte after the last verifiable record
        self.tag = None
        self.boot = 0
        self.synced = 0  # time of the last record whose clock was right
        self.quiet = 0  # BOOT records after the last one about the patient
        self.patient = False
        self.proven = False  # at least one tag verified
        self.gaps = []  # (first, last, cause)
        if self.size > HEADER:
            self.epoch, self.tag = struct.unpack_from(">L8s", data, 0)
            self._walk(data, chain)

    def holds(self):
        return self.first is not None

    def rest(self):
        # bytes that are no verifiable records
        return self.size - self.end

    def reject(self):
        self.first = self.last = None
        self.end = 0
        self.gaps = []

    def _walk(self, data, chain):
        self.end = at = HEADER
        size = size_at(data, at, self.size)
        while size and self._verifies(data[at : at + size], chain):
            self._note(data[at : at + size])
            at += size
            self.end = at
            size = size_at(data, at, self.size)

    def _verifies(self, raw, chain):
        seq = seq_at(raw, 0)
        if seq < self._least or (self.last is not None and seq != self.last + 1):
            return False
        if chain is None:
            return True
        if not chain.verifies(seq, self.tag, raw):
            return False
        self.proven |= chain.knows(seq)
        return True

    def _note(self, raw):
        self.last = seq_at(raw, 0)
        if self.first is None:
            self.first = self.last
        self.tag = bytes(raw[-8:])
        self.boot = struct.unpack_from(">H", raw, _BOOT_AT)[0]
        if raw[_STAMP_AT] >> 6 == wire.QUALITY_SYNCED:
            self.synced = struct.unpack_from(">L", raw, _TIME_AT)[0]
        kind = raw[_TYPE_AT]
        if kind == wire.BOOT:
            self.quiet += 1
        elif kind >= _PATIENT:
            self.quiet = 0
            self.patient = True
        elif kind == wire.GAP:
            self.gaps.append(tuple(wire.unpack(wire.DATA[kind], raw, _DATA_AT)[0]))
