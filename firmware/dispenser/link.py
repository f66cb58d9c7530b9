# The session with the host: answers its messages and sends records against its credit. Never
# writes unasked. No input or output here: bytes in by feed(), frames out by pending().
from micropython import const

from dispenser import wire
from dispenser.framing import Deframer, encode

_HEAD = const(13)  # bytes of EVENTS before its records
_BODY = wire.MAX_BODY
_NO_TAG = bytes(8)
_WAITING = const(8)  # answers kept for a host that does not read


class Link:
    # `about` knows identity, board, version, service, boot and nonce(); `journal` is None without
    # one; `on_time(time, ms, uncertainty, source)` sets the clock, False if it cannot be that time
    def __init__(self, about, journal, clock, on_time):
        self._about = about
        self._journal = journal
        self._clock = clock
        self._on_time = on_time
        self._out = []
        self._reading = None  # [ref, next seq to send, window]
        self._unacked = []  # (next seq, bytes of the body) of EVENTS under way
        self.watermark = None
        self.away = 0  # minutes for which the host has had no way to the clinic's side
        self.deframer = Deframer()
        self.refused = self.dropped = 0
        self._answers = {
            wire.MESSAGE_HELLO: self._hello,
            wire.MESSAGE_READ: self._read,
            wire.MESSAGE_ACK: self._ack,
            wire.MESSAGE_WATERMARK: self._watermark,
            wire.MESSAGE_TIME: self._time,
            wire.MESSAGE_ERROR: self._error,
        }

    def serve(self, kind, answer):
        # `answer(ref, *fields)` is called for each message of that type
        self._answers[kind] = answer

    def feed(self, data):
        for version, ref, kind, body in self.deframer.feed(data):
            self._message(version, ref, kind, body)

    def holds(self, epoch, next):
        # whether all records before `next` are, or were, in this journal
        journal = self._journal
        return bool(journal) and epoch == journal.epoch and next <= journal.next

    def pending(self):
        # the next frame to write, None if there is nothing or no credit
        if self._out:
            return self._out.pop(0)
        return self._events() if self._reading else None

    def _message(self, version, ref, kind, body):
        answer = self._answers.get(kind)
        if answer is None or (version != wire.VERSION and kind != wire.MESSAGE_HELLO):
            self.refuse(ref, kind, wire.ERROR_UNKNOWN_MESSAGE, b"type or version")
            return
        if kind == wire.MESSAGE_HELLO:
            body += b"\0"  # an older host says nothing of its way
        try:
            values, _ = wire.unpack(wire.RX[kind], body)
        except ValueError:
            self.refuse(ref, kind, wire.ERROR_MALFORMED, b"too short")
            return
        answer(ref, *values)

    def answer(self, kind, ref, *values):
        if len(self._out) < _WAITING:
            self._out.append(encode(kind, ref, wire.pack(wire.TX[kind], *values)))
        else:
            self.dropped += 1

    def refuse(self, ref, kind, code, text):
        self.refused += 1
        self.answer(wire.MESSAGE_ERROR, ref, code, kind, text)

    # ---- messages ----------------------------------------------------------------------------

    def _hello(self, ref, oldest, newest, away):
        if not oldest <= wire.VERSION <= newest:
            self.refuse(ref, wire.MESSAGE_HELLO, wire.ERROR_OUT_OF_RANGE, b"protocol version")
            return
        self.away = away
        about, journal, clock = self._about, self._journal, self._clock
        held = (0, 0, 0, _NO_TAG)
        if journal:
            held = (journal.epoch, journal.first, journal.next, journal.tag)
        board = about.board + bytes(8 - len(about.board))
        head = (about.identity, board) + about.version + (wire.VERSION, about.service, about.boot)
        times = (clock.uptime()[0], clock.time()[0], clock.quality, about.nonce())
        self.answer(wire.MESSAGE_HELLO, ref, *(head + held + times))

    def _read(self, ref, epoch, start, window):
        kind = wire.MESSAGE_READ
        if self._fits(ref, kind, epoch):
            if start > self._journal.next:
                self.refuse(ref, kind, wire.ERROR_OUT_OF_RANGE, b"start is beyond next")
                return
            self._reading = [ref, start, min(window, wire.MAX_WINDOW)]
            self._unacked = []

    def _ack(self, ref, epoch, next):
        kind = wire.MESSAGE_ACK
        if self._fits(ref, kind, epoch):
            if next > self._journal.next:
                self.refuse(ref, kind, wire.ERROR_OUT_OF_RANGE, b"next is beyond next")
                return
            self._unacked = [sent for sent in self._unacked if sent[0] > next]

    def _watermark(self, ref, epoch, *values):
        if self._fits(ref, wire.MESSAGE_WATERMARK, epoch):
            self.watermark = values

    def _time(self, ref, time, ms, uncertainty, source):
        if ms > 999:
            self.refuse(ref, wire.MESSAGE_TIME, wire.ERROR_MALFORMED, b"ms is above 999")
            return
        if not self._on_time(time, ms, uncertainty, source):
            self.refuse(ref, wire.MESSAGE_TIME, wire.ERROR_OUT_OF_RANGE, b"cannot be")

    def _error(self, ref, code, kind, text):
        self.refused += 1

    def _fits(self, ref, kind, epoch):
        if not self._journal:
            self.refuse(ref, kind, wire.ERROR_NOT_PROVISIONED, b"no journal")
        elif epoch != self._journal.epoch:
            self.refuse(ref, kind, wire.ERROR_WRONG_EPOCH, b"another epoch")
        else:
            return True
        return False

    # ---- records -----------------------------------------------------------------------------

    def _events(self):
        ref, start, window = self._reading
        credit = window - sum([size for _, size in self._unacked])
        if self._unacked and credit < _BODY // 2:
            return None  # rather one big frame after the ACK than a small one now
        found = self._journal.read(start, min(credit, _BODY) - _HEAD)
        if not found:
            return None
        previous, blob, count, after = found
        self._reading[1] = after
        self._unacked.append((after, _HEAD + len(blob)))
        body = wire.pack(wire.TX[wire.MESSAGE_EVENTS], self._journal.epoch, previous, count, blob)
        return encode(wire.MESSAGE_EVENTS, ref, body)
