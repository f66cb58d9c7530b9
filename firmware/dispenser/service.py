# What a tech may ask: how the dispenser is, what its log holds (lines kept in memory only, the
# newest that fit: what happened, never who), for mode bench and for the prompt. What is left of an
# exception that ended the app: a digest for the record that the next start writes, and the trace
# in /crash.
import io
import sys
from hashlib import sha256

from micropython import const

from dispenser import wire

_HEAD = const(2)  # bytes of LOG before its text
_LONGEST = const(15)  # minutes
_ROOM = const(1000)  # bytes, so that all go into one message
_LINE = const(100)
_MOST = const(65535)
_CRASH = "/crash"
_TRACE = const(1000)


class Service:
    # `vitals()` gives the fields of STATUS up to its watermark; `enter(mode, minutes)` the mode
    # that records have then, None if there are none; `maintain(minutes)` raises
    def __init__(self, link, vitals, log, enter, maintain):
        self._link = link
        self._vitals = vitals
        self._log = log
        self._enter = enter
        self._maintain = maintain
        link.serve(wire.MESSAGE_STATUS, self._status)
        link.serve(wire.MESSAGE_LOG, self._send_log)
        link.serve(wire.MESSAGE_MODE, self._mode)
        link.serve(wire.MESSAGE_MAINTENANCE, self._maintenance)

    def _status(self, ref):
        link = self._link
        frames = link.deframer
        bad = min(frames.fcs + frames.short + frames.long + frames.foreign + link.refused, 65535)
        mark = link.watermark[0] if link.watermark else 0
        link.answer(wire.MESSAGE_STATUS, ref, *(self._vitals() + (bad, mark)))

    def _send_log(self, ref, window):
        text = self._log.text(min(window, wire.MAX_BODY) - _HEAD)
        self._link.answer(wire.MESSAGE_LOG, ref, self._log.dropped, text)

    def _mode(self, ref, mode, minutes):
        kind = wire.MESSAGE_MODE
        lasts = 1 <= minutes <= _LONGEST if mode == wire.MODE_BENCH else not minutes
        if mode not in (wire.MODE_BENCH, wire.MODE_PATIENT) or not lasts:
            self._link.refuse(ref, kind, wire.ERROR_OUT_OF_RANGE, b"bench 1 to 15, or patient 0")
            return
        now = self._enter(mode, minutes)
        if now is None:
            self._link.refuse(ref, kind, wire.ERROR_NOT_PROVISIONED, b"no journal")
        else:
            self._link.answer(kind, ref, now)

    def _maintenance(self, ref, minutes):
        if 1 <= minutes <= _LONGEST:
            self._maintain(minutes)
        self._link.refuse(ref, wire.MESSAGE_MAINTENANCE, wire.ERROR_OUT_OF_RANGE, b"1 to 15 min")


class Log:
    # `uptime()` gives (s, ms)
    def __init__(self, uptime):
        self._uptime = uptime
        self._lines = []
        self._size = 0
        self.dropped = 0

    def add(self, text):
        line = ("%d %s" % (self._uptime()[0], text)).encode()[:_LINE] + b"\n"
        self._lines.append(line)
        self._size += len(line)
        while self._size > _ROOM:
            self._size -= len(self._lines.pop(0))
            self.dropped = min(self.dropped + 1, _MOST)

    def text(self, limit):
        # whole lines, the newest that fit
        size = self._size
        lines = list(self._lines)
        while size > limit:
            size -= len(lines.pop(0))
        return b"".join(lines)


def keep_crash(error):
    # 32 bits that are the same for the same error at the same place, never 0
    text = io.StringIO()
    sys.print_exception(error, text)
    trace = text.getvalue()
    try:
        with open(_CRASH, "w") as file:
            file.write(trace[-_TRACE:])
    except OSError:
        pass
    return int.from_bytes(sha256(trace.encode()).digest()[:4], "big") or 1
