# Lines for a tech, the newest that fit: what happened, never who. Kept in memory only.
from micropython import const

_ROOM = const(1000)  # bytes, so that all go into one message
_LINE = const(100)
_MOST = const(65535)


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
