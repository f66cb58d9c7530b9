# Block device on the flash image, with the extended protocol and the NOR rules of the Pico's W25Q16
import control
import utime
from micropython import const
from storage import load, store

_PROGRAM = const(256)
_COUNT = const(4)
_SIZE = const(5)
_ERASE = const(6)


class Flash:
    def __init__(self, path, block, count, erase_ms):
        self._file = open(path, "r+b")
        self._block = block
        self._count = count
        self._erased = b"\xff" * block
        # views of the first n pages of a buffer, made now because a driver call must not allocate
        self._old = bytearray(block)
        pages = range(0, block + 1, _PROGRAM)
        self._old_pages = [memoryview(self._old)[:size] for size in pages]
        self._erased_pages = [memoryview(self._erased)[:size] for size in pages]
        self._after_erase = (lambda: utime.sleep_ms(erase_ms)) if erase_ms else None

    def readblocks(self, number, buffer, offset=0):
        load(self._file, number * self._block + offset, buffer)

    def writeblocks(self, number, buffer, offset=None):
        if offset is None:
            self.ioctl(_ERASE, number)
            offset = 0
        position = number * self._block + offset
        store(self._file, control.OP_PROGRAM, number, position, self._programmed(position, buffer))

    def _programmed(self, position, buffer):
        # programming only clears bits
        pages = len(buffer) // _PROGRAM
        old = self._old_pages[pages]
        load(self._file, position, old)
        if old == self._erased_pages[pages]:
            return buffer
        for index in range(len(buffer)):
            old[index] &= buffer[index]
        return old

    def ioctl(self, request, number):
        if request == _COUNT:
            return self._count
        if request == _SIZE:
            return self._block
        if request == _ERASE:
            position = number * self._block
            erase = control.OP_ERASE
            store(self._file, erase, number, position, self._erased, self._after_erase)
        return 0
