# Flash and EEPROM in memory with a power switch. Runs under MicroPython; the parts without a file
# system also under CPython.
from binascii import hexlify

from dispenser.chain import Chain
from dispenser.journal import Journal
from dispenser.keystore import KeyStore

EPOCH = 0x11223344
ROOT_KEY = bytes(range(32))
BLOCK = 4096
CELLS = 1024  # bytes of the EEPROM that are used
ROOT = "/ram"


class PowerCut(Exception):
    pass


class Power:
    # counts flash and EEPROM operations; the one numbered `cut` is torn, later ones do nothing
    def __init__(self, cut=None):
        self.cut = cut
        self.done = 0
        self.on = True

    def strike(self):
        if not self.on:
            return True
        self.on = self.done != self.cut
        self.done += 1
        return not self.on


class Flash:
    def __init__(self, image, power):
        self.image = image
        self.power = power

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        buffer[:] = self.image[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        was_on = self.power.on
        if self.power.strike():
            if was_on:
                kept = len(buffer) * (self.power.done * 7919 % 97) // 97
                self.image[start : start + kept] = buffer[:kept]
            return -5
        self.image[start : start + len(buffer)] = buffer
        return 0

    def ioctl(self, request, argument):
        if request == 4:
            return len(self.image) // BLOCK
        if request == 5:
            return BLOCK
        if request == 6:
            return self._erase(argument)
        return 0

    def _erase(self, block):
        was_on = self.power.on
        struck = self.power.strike()
        if struck and not was_on:
            return -5
        size = BLOCK // 2 if struck else BLOCK
        self.image[block * BLOCK : block * BLOCK + size] = b"\xff" * size
        return -5 if struck else 0


class Eeprom:
    # tears a page somewhere in its middle; raises like a bus that has lost its supply
    def __init__(self, image, power):
        self.image = image
        self.power = power

    def read(self, at, count):
        return bytes(self.image[at : at + count])

    def start(self, at, data):
        self.write(at, data)

    def write(self, at, data):
        if at // 32 != (at + len(data) - 1) // 32:
            raise ValueError("crosses a page")
        was_on = self.power.on
        struck = self.power.strike()
        if struck and not was_on:
            raise PowerCut
        size = len(data) // 2 if struck else len(data)
        self.image[at : at + size] = data[:size]
        if struck:
            raise PowerCut


class Guard:
    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass


def open_journal(root, eeprom, limits):
    slot = KeyStore(eeprom).load()
    journal = Journal(root, Chain(KeyStore(eeprom), *slot), Guard(), limits)
    return journal, journal.open()


def dump(journal, at=0):
    # every record held from a seq on, as the link would send it: (previous tag, records) in hex
    parts = []
    while True:
        found = journal.read(at, 1000)
        if not found:
            return parts
        previous, blob, _, at = found
        parts.append([hexlify(previous).decode(), hexlify(blob).decode()])
