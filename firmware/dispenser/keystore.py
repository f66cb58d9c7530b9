# The chain key in the EEPROM of the RTC module: two slots, one of which is always whole. Writing
# a slot overwrites the old key in place, which a file in a copying file system could not.
import struct
from binascii import crc32

from micropython import const

from dispenser.marks import Marks

_FORM = ">4sLL32s"  # magic, epoch, key block, chain key; crc32 follows
_MAGIC = b"DWK1"
_SIZE = const(48)
_PAGE = const(32)  # the EEPROM writes whole pages
_SLOTS = (0, 64)
_EIO = const(5)


class KeyStore:
    def __init__(self, eeprom):
        self._eeprom = eeprom

    def load(self):
        # (epoch, block, key) of the newest whole slot, None without one; repairs the other
        slots = [self._read(at) for at in _SLOTS]
        whole = [slot for slot in slots if slot]
        if not whole:
            return None
        newest = max(whole, key=lambda slot: slot[1])
        if slots != [newest, newest]:
            self._repair(newest)
        return newest

    def save(self, epoch, block, key):
        # OSError if the EEPROM does not hold it afterwards
        for at in _SLOTS:
            self._write(at, _slot(epoch, block, key))

    def marks(self, epoch):
        return Marks(self._eeprom, epoch)

    def _repair(self, newest):
        # a key that can be read is worth more than one that could be written: no error
        try:
            self.save(*newest)
        except OSError:
            pass

    def _read(self, at):
        data = self._eeprom.read(at, _SIZE)
        if crc32(data[:-4]).to_bytes(4, "big") != data[-4:]:
            return None
        magic, epoch, block, key = struct.unpack(_FORM, data[:-4])
        return (epoch, block, key) if magic == _MAGIC else None

    def _write(self, at, data):
        for offset in range(0, _SIZE, _PAGE):
            self._eeprom.write(at + offset, data[offset : offset + _PAGE])
        if self._eeprom.read(at, _SIZE) != data:
            raise OSError(_EIO)


def _slot(epoch, block, key):
    data = struct.pack(_FORM, _MAGIC, epoch, block, key)
    return data + crc32(data).to_bytes(4, "big")
