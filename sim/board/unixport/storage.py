# Everything non-volatile goes through here: operations are counted, and power can die inside one
from os import getenv

import bus
import control

_left = 0  # the power dies inside the operation that brings this to 0
_bytes = 0
_LOCK = "\x01lock"
_UNLOCK = "\x01unlock"
_UNLOCK_AND_INTERRUPT = "\x01interrupt"


def _arm(ident, value, stamp):
    global _left, _bytes
    _left = value
    _bytes = stamp
    bus.send_raw(control.pack(control.CUT, ident, value, stamp))


bus.handlers[control.CUT] = _arm


class Image:
    # unbuffered file; what is written here is in the kernel, and stays there if this process dies
    def __init__(self, path):
        self._file = open(path, "r+b")

    def read(self, position, buffer):
        self._file.seek(position)
        self._file.readinto(buffer)

    def write(self, position, data):
        self._file.seek(position)
        self._file.write(data)


def whole(action, *arguments):
    # Run a driver call to its end. Neither a callback nor a KeyboardInterrupt may come up inside, it
    # would run or jump through the file system's C frames: callbacks are locked out by the launcher
    # (which answers these getenv calls), an interrupted action (written to be repeatable) runs again
    # and the Ctrl-C is raised afterwards. Nothing that looks for pending work may follow the unlock.
    getenv(_LOCK)
    unlock = _UNLOCK
    while True:
        try:
            if bus.halted:
                bus.halt()
            result = action(*arguments)
            getenv(unlock)
            return result
        except KeyboardInterrupt:
            unlock = _UNLOCK_AND_INTERRUPT
        except BaseException:
            getenv(_UNLOCK)
            raise


class Operation:
    # One program, erase or page write; a torn erase is half a block, a torn program its first bytes
    def __init__(self, image, kind, where, position, data):
        self.image = image
        self.kind = kind
        self.where = where
        self.position = position
        self.data = data
        self.done = False

    def run(self):
        # repeatable: the count goes down and `done` goes up without a point of interruption between
        global _left
        bus.drain()
        if not self.done:
            if _left == 1:
                self._die()
            self.image.write(self.position, self.data)
            _left -= 1
            self.done = True

    def _die(self):
        bus.halted = True
        torn = len(self.data) // 2 if self.kind == control.OP_ERASE else min(_bytes, len(self.data))
        self.image.write(self.position, memoryview(self.data)[:torn])
        while True:
            try:
                bus.send(control.CUT_DONE, self.kind, self.where)
                break
            except KeyboardInterrupt:
                pass
        bus.halt()

    def report(self):
        size = len(self.data)
        bus.send_raw(control.pack(control.OPERATION, self.kind, self.where, size))
