# The journal on flash. The newest records are in an inline file alone in its directory (tail);
# when it is full they join the active segment, likewise alone; full segments move into the archive
# by rename. A file is replaced or extended by one close, which littlefs does wholly or not at all.
import errno
import os

from micropython import const

from dispenser import records, wire
from dispenser.chain import FIRST_TAG
from dispenser.reader import Reader
from dispenser.records import HEADER, Scan

TAIL_LIMIT = const(486)  # longest file that littlefs keeps inline
SEGMENT_LIMIT = const(4096)
ARCHIVE_LIMIT = const(160)
_TAIL = "/tail/records"
_ACTIVE = "/active/records"


class Journal:
    # `guard` is a context manager that keeps Ctrl-C away: an interrupted write would be committed

    def __init__(self, root, chain, guard, limits=(TAIL_LIMIT, SEGMENT_LIMIT, ARCHIVE_LIMIT)):
        self._root = root
        self._chain = chain
        self._guard = guard
        self._tail_limit, self._segment_limit, self._archive_limit = limits
        self._tail = bytearray(self._tail_limit)
        self._reader = Reader(self, self._segment_limit)
        self.epoch = chain.epoch if chain else 0
        self._forget()

    def _forget(self):
        self.next = 0
        self.tag = FIRST_TAG
        self.boot = 0  # of the last record
        self.synced = 0  # time of the last record whose clock was right, as far as can be seen
        self.quiet = 0  # boots since the last record about the patient, as far as can be seen
        self.foreign = False  # made with another key than ours
        self._segments = []  # first seq of each archived file, oldest first
        self._active_first = self._active_size = 0
        self._lost = []  # (first, last) still to be told by a GAP
        self.trimmed = -1  # a GAP up to here has been written
        self._stale = False
        self._reader.forget()
        self._empty_tail()

    def create(self):
        # a new journal; its first record must be EPOCH
        self._make_folders()
        self._forget()

    def _make_folders(self):
        for path in ("", "/tail", "/active", "/archive"):
            try:
                os.mkdir(self._root + path)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise

    def open(self):
        # finds the end of the journal on flash; False if there is none
        self._forget()
        self._segments = self._listed()
        newest = self._segments[-1] if self._segments else -1
        active, tail = self._scan(_ACTIVE, newest + 1), self._scan(_TAIL, max(newest, 0))
        if not (active.size or tail.size or self._segments):
            return False
        self._make_folders()  # a damaged one may be gone
        base, loose = self._base(active)
        if not _follows(tail, base):
            tail.reject()
        self._adopt(base, tail, loose)
        self._settle(active, tail, base)
        return True

    def damaged(self):
        # records are gone and the GAP that tells it is not yet written
        return bool(self._lost)

    @property
    def first(self):
        # first seq held
        if self._segments:
            return self._segments[0]
        return self._active_first if self._active_size else self.tail_first

    def append(self, boot, seconds, stamp, kind, data):
        # the record is on flash when this returns. After an error all is read again from flash.
        with self._guard:
            if self._stale and not self.open():
                raise OSError(errno.ENOENT)
            self._stale = True
            for first, last in self._lost:
                self._put_gap(boot, seconds, stamp, first, last, wire.GAP_DAMAGED)
            self._lost = []
            if kind:
                self._put(boot, seconds, stamp, kind, data)
            while len(self._segments) > self._archive_limit:
                self._trim(boot, seconds, stamp)
            self._stale = False

    def tell(self, boot, seconds, stamp):
        # writes the GAP records of what is damaged
        self.append(boot, seconds, stamp, 0, b"")

    def miss(self, ranges):
        # (first, last) of records that turned out to be gone; their file is closed for ever
        self._lost.extend(ranges)
        if ranges and self._active_size and ranges[-1][1] >= self._active_first:
            with self._guard:
                self._archive()

    def read(self, start, limit):
        # (previous tag, records, count, next seq) from `start` or the first held, at most `limit`
        # bytes and never over a jump of seqs; None if there is nothing
        return self._reader.read(start, limit)

    # ---- files by seq, for the reader --------------------------------------------------------

    def tail(self):
        return memoryview(self._tail)[: self._tail_end]

    def file_of(self, seq):
        # (first seq, size if known, path) of the newest file that begins at or before seq
        if self._active_size and seq >= self._active_first:
            return self._active_first, self._active_size, self._root + _ACTIVE
        for first in reversed(self._segments):
            if first <= seq:
                return first, 0, self._archived(first)
        return None

    def end_of(self, first):
        # seq that the file which begins at `first` cannot reach: the next file's first
        if first == self.tail_first:
            return self.next
        for other in self._segments:
            if other > first:
                return other
        if self._active_size and self._active_first > first:
            return self._active_first
        return self.tail_first

    def examine(self, first):
        # Scan of the file that begins there, empty if it cannot be read
        try:
            data = self._reader.load(first)[1]
        except OSError:
            data = b""
        return Scan(data, self._chain)

    # ---- writing -----------------------------------------------------------------------------

    def _put(self, boot, seconds, stamp, kind, data):
        seq = self.next
        raw = wire.pack(wire.RECORD, seq, boot, seconds, stamp, kind, data, FIRST_TAG)[:-8]
        if len(raw) + 8 > wire.MAX_RECORD:
            raise ValueError("record")
        raw += self._chain.tag(seq, self.tag, raw)
        if self._tail_end + len(raw) > self._tail_limit:
            self._spill()
        end = self._tail_end + len(raw)
        self._tail[self._tail_end : end] = raw
        self._write(_TAIL, "wb", memoryview(self._tail)[:end])
        self._tail_end = end
        self.next = seq + 1
        self.tag = raw[-8:]
        self.boot = boot
        if stamp >> 14 == wire.QUALITY_SYNCED:
            self.synced = seconds
        self._chain.note(self.next)

    def _put_gap(self, boot, seconds, stamp, first, last, cause):
        data = wire.pack(wire.DATA[wire.GAP], first, last, cause)
        self._put(boot, seconds, stamp, wire.GAP, data)

    def _spill(self):
        # the tail's records join the active segment; those that it cannot take begin a new one
        at = HEADER
        while at < self._tail_end:
            if not self._active_size:
                self._begin_segment(at)
            end = self._fitting(at, self._segment_limit - self._active_size)
            if end > at:
                self._extend_segment(at, end)
                at = end
            if at < self._tail_end:
                self._archive()
        self._empty_tail()

    def _fitting(self, at, room):
        # end of the tail's records from `at` that fit there
        start = at
        while True:
            size = records.size_at(self._tail, at, self._tail_end)
            if not size or at + size - start > room:
                return at
            at += size

    def _begin_segment(self, at):
        previous = self._tail[4:HEADER] if at == HEADER else self._tail[at - 8 : at]
        self._head = records.header(self.epoch, bytes(previous))
        self._active_first = records.seq_at(self._tail, at)
        self._active_size = HEADER

    def _extend_segment(self, at, end):
        new = self._active_size == HEADER
        chunk = memoryview(self._tail)[at:end]
        if new:
            chunk = self._head + bytes(chunk)
        self._write(_ACTIVE, "wb" if new else "ab", chunk)
        self._active_size += end - at

    def _archive(self):
        os.rename(self._root + _ACTIVE, self._archived(self._active_first))
        self._segments.append(self._active_first)
        self._active_size = 0
        self._reader.forget()

    def _trim(self, boot, seconds, stamp):
        # told first, then done
        first, last = self._segments[0], self._segments[1] - 1
        if self.trimmed < last:
            self._put_gap(boot, seconds, stamp, first, last, wire.GAP_TRIMMED)
            self.trimmed = last
        os.remove(self._archived(first))
        self._segments.pop(0)

    def _write(self, name, mode, data):
        with open(self._root + name, mode) as file:
            file.write(data)

    def _empty_tail(self):
        self._tail[:HEADER] = records.header(self.epoch, self.tag)
        self._tail_end = HEADER
        self.tail_first = self.next

    def _archived(self, first):
        return "%s/archive/%08x" % (self._root, first)

    # ---- finding the end ---------------------------------------------------------------------

    def _listed(self):
        try:
            names = os.listdir(self._root + "/archive")
        except OSError:
            return []
        return sorted(int(name, 16) for name in names if len(name) == 8)

    def _scan(self, name, least):
        try:
            with open(self._root + name, "rb") as file:
                return Scan(file.read(), self._chain, least)
        except OSError:
            return Scan(b"", self._chain)

    def _base(self, active):
        # newest segment that holds a verifiable record, and the bytes after that record
        if active.holds():
            return active, active.rest()
        loose = active.size
        for first in reversed(self._segments):
            scan = self._scan("/archive/%08x" % first, 0)
            loose += scan.rest()
            # one that was closed may hold no more than what is in the file before it
            if scan.holds() and scan.last >= first:
                return scan, loose
        return Scan(b"", self._chain), loose

    def _adopt(self, base, tail, loose):
        # the last verifiable record, and how far seqs could have gone beyond it
        held = [scan for scan in (base, tail) if scan.holds()]
        last = -1
        for scan in held:
            if last >= 0 and scan.first > last + 1:
                self._miss(last + 1, scan.first - 1, base.gaps + tail.gaps)
            if scan.last > last:
                last, self.tag, self.boot = scan.last, scan.tag, scan.boot
        if tail.holds():
            reach = last + records.could_hold(tail.rest())
        else:
            lost = tail.size if tail.size > HEADER else self._tail_limit
            reach = base.last if base.holds() else -1
            reach += records.could_hold(loose) + records.could_hold(lost - HEADER)
        if self._chain:
            reach = max(reach, self._chain.reached() - 1)
        self.next = reach + 1
        if reach > last:
            self._lost.insert(0, (last + 1, reach))
        self._judge(base, tail)

    def _miss(self, first, last, gaps):
        for told_first, told_last, _ in gaps:
            if told_first <= first and last <= told_last:
                return
        self._lost.append((first, last))

    def _judge(self, base, tail):
        scans = (base, tail)
        self.synced = tail.synced or base.synced
        self.quiet = tail.quiet + (0 if tail.patient else base.quiet)
        if not self.epoch:
            self.epoch = tail.epoch or base.epoch or 0
        known = [scan for scan in scans if scan.epoch == self.epoch or scan.proven]
        self.foreign = not known and base.size + tail.size > 0
        for gap in base.gaps + tail.gaps:
            if gap[2] == wire.GAP_TRIMMED:
                self.trimmed = max(self.trimmed, gap[1])

    def _settle(self, active, tail, base):
        # files with bytes that do not verify, or before a jump, are closed for ever
        jump = bool(self._lost) and self._lost[0][1] == self.next - 1
        close_tail = tail.size > HEADER and (jump or tail.rest())
        if active.size > HEADER:
            self._active_first = active.first if active.holds() else self._free_name(base)
            self._active_size = active.size
            if active.rest() or jump or close_tail:
                self._archive()
        if close_tail:
            self._close_tail(tail, base)
        elif tail.holds():
            self._keep_tail(base.last if base.holds() else -1)
        else:
            self._empty_tail()

    def _close_tail(self, tail, base):
        name = self._free_name(base)
        if tail.holds() and tail.first > name:
            name = tail.first
        os.rename(self._root + _TAIL, self._archived(name))
        self._segments.append(name)
        self._empty_tail()

    def _free_name(self, base):
        name = base.last + 1 if base.holds() else 0
        while name in self._segments:
            name += 1
        return name

    def _keep_tail(self, last):
        # what a cut left in both files is dropped from the tail
        with open(self._root + _TAIL, "rb") as file:
            data = file.read()
        at = HEADER
        while at < len(data) and records.seq_at(data, at) <= last:
            at += records.size_at(data, at, len(data))
        self._empty_tail()
        if at == len(data):
            return
        self._tail[4:HEADER] = data[4:HEADER] if at == HEADER else data[at - 8 : at]
        self.tail_first = records.seq_at(data, at)
        self._tail_end = HEADER + len(data) - at
        self._tail[HEADER : self._tail_end] = data[at:]


def _follows(tail, base):
    # a tail may repeat the end of the segment before it, but never falls short of it
    if not (tail.holds() and base.holds()) or tail.last > base.last:
        return True
    return tail.last == base.last and tail.tag == base.tag
