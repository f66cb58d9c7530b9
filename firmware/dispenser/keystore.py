# What is in the EEPROM of the RTC module. The keys: each in two slots, one of which is always
# whole; a slot overwrites the old key in place, which a file in a copying file system could not.
# And how far the journal has come: a flipped bit can let littlefs fall back to an older state of a
# file, which looks whole. A ring of pages, one written with each record, so that none wears out:
# 16 pages of a million writes each.
import struct
from binascii import crc32

from micropython import const

_FORM = ">4sLL32s"  # magic, epoch, key block, key; crc32 follows
_CHAIN = b"DWK1"
_COMMAND = b"DWC1"
_SIZE = const(48)
_PAGE = const(32)  # the EEPROM writes whole pages
_CHAIN_SLOTS = (0, 64)
_COMMAND_SLOTS = (128, 192)
_EIO = const(5)
_MARKS = const(256)  # behind the keys
_PAGES = const(16)
_MARK = ">LL"  # epoch, next seq; crc32 follows
_MARK_SIZE = const(12)


class KeyStore:
    def __init__(self, eeprom):
        self._eeprom = eeprom

    def load(self):
        # (epoch, block, key) of the newest whole slot, None without one; repairs the other
        return self._load(_CHAIN_SLOTS, _CHAIN)

    def save(self, epoch, block, key):
        # OSError if the EEPROM does not hold it afterwards
        self._save(_CHAIN_SLOTS, _CHAIN, epoch, block, key)

    def load_command(self):
        # the command key, None without one
        slot = self._load(_COMMAND_SLOTS, _COMMAND)
        return slot[2] if slot else None

    def save_command(self, key):
        self._save(_COMMAND_SLOTS, _COMMAND, 0, 0, key)

    def marks(self, epoch):
        return Marks(self._eeprom, epoch)

    def _load(self, places, magic):
        slots = [self._read(at, magic) for at in places]
        whole = [slot for slot in slots if slot]
        if not whole:
            return None
        newest = max(whole, key=lambda slot: slot[1])
        if slots != [newest, newest]:
            self._repair(places, magic, newest)
        return newest

    def _save(self, places, magic, epoch, block, key):
        data = struct.pack(_FORM, magic, epoch, block, key)
        data += crc32(data).to_bytes(4, "big")
        for at in places:
            self._write(at, data)

    def _repair(self, places, magic, newest):
        # a key that can be read is worth more than one that could be written: no error
        try:
            self._save(places, magic, *newest)
        except OSError:
            pass

    def _read(self, at, wanted):
        data = self._eeprom.read(at, _SIZE)
        if crc32(data[:-4]).to_bytes(4, "big") != data[-4:]:
            return None
        magic, epoch, block, key = struct.unpack(_FORM, data[:-4])
        return (epoch, block, key) if magic == wanted else None

    def _write(self, at, data):
        for offset in range(0, _SIZE, _PAGE):
            self._eeprom.write(at + offset, data[offset : offset + _PAGE])
        if self._eeprom.read(at, _SIZE) != data:
            raise OSError(_EIO)


class Marks:
    def __init__(self, eeprom, epoch):
        self._eeprom = eeprom
        self._epoch = epoch

    def load(self):
        # first seq that was never written, as far as the marks know
        data = self._eeprom.read(_MARKS, _PAGES * _PAGE)
        return max([self._read(data[at : at + _MARK_SIZE]) for at in range(0, len(data), _PAGE)])

    def note(self, next):
        # not waited for: a mark that is torn leaves the one before it
        data = struct.pack(_MARK, self._epoch, next)
        page = next % _PAGES * _PAGE
        self._eeprom.start(_MARKS + page, data + crc32(data).to_bytes(4, "big"))

    def _read(self, data):
        if crc32(data[:-4]).to_bytes(4, "big") != data[-4:]:
            return 0
        epoch, next = struct.unpack(_MARK, data[:-4])
        return next if epoch == self._epoch else 0
