# Block device on the flash image: extended protocol, and the NOR rules of the Pico's W25Q16
import control
import utime
from micropython import const
from storage import guarded, load, report, store

_PROGRAM = const(256)
# requests: those of the block protocol's ioctl, and two of our own
_COUNT = const(4)
_SIZE = const(5)
_ERASE = const(6)
_READ = const(100)
_WRITE = const(101)


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
        self._erase_ms = erase_ms

    def readblocks(self, number, buffer, offset):
        return guarded(self, _READ, number, buffer, offset)

    def writeblocks(self, number, buffer, offset):
        return guarded(self, _WRITE, number, buffer, offset)

    def ioctl(self, request, number):
        return guarded(self, request, number, None, 0)

    def serve(self, request, number, buffer, offset):
        position = number * self._block + offset
        if request == _READ:
            load(self._file, position, buffer)
        elif request == _WRITE:
            self._program(number, position, buffer)
        elif request == _ERASE:
            store(self._file, control.OP_ERASE, number, position, self._erased)
            if self._erase_ms:
                utime.sleep_ms(self._erase_ms)
            report(control.OP_ERASE, number, self._block)
        elif request == _COUNT:
            return self._count
        elif request == _SIZE:
            return self._block
        return 0

    def _program(self, number, position, buffer):
        # programming only clears bits
        pages = len(buffer) // _PROGRAM
        old = self._old_pages[pages]
        data = buffer
        load(self._file, position, old)
        if old != self._erased_pages[pages]:
            for index in range(len(buffer)):
                old[index] &= buffer[index]
            data = old
        store(self._file, control.OP_PROGRAM, number, position, data)
        report(control.OP_PROGRAM, number, len(buffer))
