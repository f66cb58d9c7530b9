# What a tech may ask: how the dispenser is, what its log holds, for mode bench and for the prompt.
from micropython import const

from dispenser import wire

_HEAD = const(2)  # bytes of LOG before its text
_LONGEST = const(15)  # minutes


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
