# How far the journal has come, in the EEPROM: a flipped bit can let littlefs fall back to an older
# state of a file, which looks whole. A ring of pages, one written with each record, so that none
# wears out: 16 pages of a million writes each.
import struct
from binascii import crc32

from micropython import const

_AT = const(256)  # behind the keys
_PAGE = const(32)
_PAGES = const(16)
_FORM = ">LL"  # epoch, next seq; crc32 follows
_SIZE = const(12)


class Marks:
    def __init__(self, eeprom, epoch):
        self._eeprom = eeprom
        self._epoch = epoch

    def load(self):
        # first seq that was never written, as far as the marks know
        data = self._eeprom.read(_AT, _PAGES * _PAGE)
        return max([self._read(data[at : at + _SIZE]) for at in range(0, len(data), _PAGE)])

    def note(self, next):
        # not waited for: a mark that is torn leaves the one before it
        data = struct.pack(_FORM, self._epoch, next)
        page = next % _PAGES * _PAGE
        self._eeprom.start(_AT + page, data + crc32(data).to_bytes(4, "big"))

    def _read(self, data):
        if crc32(data[:-4]).to_bytes(4, "big") != data[-4:]:
            return 0
        epoch, next = struct.unpack(_FORM, data[:-4])
        return next if epoch == self._epoch else 0
