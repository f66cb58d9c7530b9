# AT24C32: 4096 bytes in pages of 32; a write wraps within its page, then the chip is busy
import control
import utime
from storage import guarded, load, report, store

_SIZE = 4096
_PAGE = 32
_BUSY_MS = 5  # write cycle; the datasheet allows 10


class At24c32:
    def __init__(self, path):
        self._file = open(path, "r+b")
        self._pointer = 0
        self._busy_until = 0
        self.present = True

    def answers(self):
        return self.present and utime.ticks_ms() >= self._busy_until

    def read(self, count):
        data = bytearray(count)
        first = min(count, _SIZE - self._pointer)
        view = memoryview(data)
        load(self._file, self._pointer, view[:first])
        load(self._file, 0, view[first:])
        self._pointer = (self._pointer + count) % _SIZE
        return bytes(data)

    def write(self, data):
        if len(data) >= 2:
            self._pointer = (data[0] << 8 | data[1]) % _SIZE
        if len(data) > 2:
            self._write_page(data[2:])

    def _write_page(self, data):
        page = self._pointer // _PAGE
        for offset, run in _runs(self._pointer % _PAGE, data):
            guarded(self, 0, page, run, offset)
        self._pointer = page * _PAGE + (self._pointer + len(data)) % _PAGE
        self._busy_until = utime.ticks_ms() + _BUSY_MS

    def serve(self, request, page, data, offset):
        store(self._file, control.OP_EEPROM, page, page * _PAGE + offset, data)
        report(control.OP_EEPROM, page, len(data))


def _runs(offset, data):
    # the page as it ends up, as at most two runs of bytes: what wraps overwrites what came first
    page = {}
    for index, byte in enumerate(data):
        page[(offset + index) % _PAGE] = byte
    head = bytes(page[at] for at in range(offset, _PAGE) if at in page)
    tail = bytes(page[at] for at in range(offset) if at in page)
    return [run for run in ((offset, head), (0, tail)) if run[1]]
