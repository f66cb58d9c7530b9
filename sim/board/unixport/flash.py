# Block device on the flash image, with the extended protocol and the NOR rules of the Pico's W25Q16
import control
import utime
from storage import Image, Operation, whole

_COUNT = 4
_SIZE = 5
_ERASE = 6


class Flash:
    def __init__(self, path, block, count, erase_ms):
        self._image = Image(path)
        self._block = block
        self._count = count
        self._erase_ms = erase_ms
        self._erased = b"\xff" * block

    def readblocks(self, number, buffer, offset=0):
        whole(self._image.read, number * self._block + offset, buffer)

    def writeblocks(self, number, buffer, offset=None):
        if offset is None:
            self.ioctl(_ERASE, number)
            offset = 0
        position = number * self._block + offset
        operation = Operation(self._image, control.OP_PROGRAM, number, position, buffer)
        whole(self._program, operation)
        whole(operation.report)

    def _program(self, operation):
        # programming only clears bits
        if not operation.done:
            old = bytearray(len(operation.data))
            self._image.read(operation.position, old)
            if old != self._erased[: len(old)]:
                operation.data = bytes(a & b for a, b in zip(old, operation.data))
        operation.run()

    def ioctl(self, request, number):
        if request == _COUNT:
            return self._count
        if request == _SIZE:
            return self._block
        if request == _ERASE:
            position = number * self._block
            operation = Operation(self._image, control.OP_ERASE, number, position, self._erased)
            whole(self._erase, operation)
            whole(operation.report)
        return 0

    def _erase(self, operation):
        operation.run()
        if self._erase_ms:
            utime.sleep_ms(self._erase_ms)
