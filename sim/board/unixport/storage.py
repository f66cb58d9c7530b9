# Everything non-volatile goes through here: operations are counted, and power can die inside one.
# Nothing here allocates: a file is also closed, hence written, by the garbage collector, which has
# the heap locked, and on the chip that works.
from os import getenv

import bus
import control
import uctypes
from micropython import const

_LOCK = "\x01lock"
_UNLOCK = "\x01unlock"
_UNLOCK_AND_INTERRUPT = "\x01interrupt"

_left = 0  # the power dies inside the operation that brings this to 0
_bytes = 0  # so many bytes of it are still programmed
_done = False  # the operation under way is in the file
_LOOK = const(32)  # reads
_reads = 0
_message = bytearray(control.SIZE)
_fields = uctypes.struct(uctypes.addressof(_message), bus.FIELDS, uctypes.LITTLE_ENDIAN)


def _arm(ident, value, stamp):
    global _left, _bytes
    _left = value
    _bytes = stamp
    bus.send_raw(control.pack(control.CUT, ident, value, stamp))


bus.handlers[control.CUT] = _arm


def guarded(device, request, number, buffer, offset):
    # Run one driver call. Neither a callback nor a KeyboardInterrupt may come up in it: it would
    # run or jump through the file system's C frames. Callbacks are locked out by the launcher,
    # which answers these getenv calls. An interrupted call is repeatable and runs again, and the
    # Ctrl-C is raised after it. So nothing that looks for pending work, that is no jump, may come
    # before the try, here and in the callers, nor after the unlock.
    global _done
    getenv(_LOCK)
    _done = False
    unlock = _UNLOCK
    while True:
        try:
            if bus.halted:
                bus.halt()
            result = device.serve(request, number, buffer, offset)
            # interrupts are off while the chip erases and programs, not between two such calls
            bus.run_hard()
            getenv(unlock)
            return result
        except KeyboardInterrupt:
            unlock = _UNLOCK_AND_INTERRUPT
        except BaseException:
            getenv(_UNLOCK)
            raise


def load(file, position, buffer):
    # edges come in between reads, too, but to look for them takes longer than a read
    global _reads
    _reads += 1
    if _reads == _LOOK:
        _reads = 0
        bus.drain_if_possible()
    # unbuffered: what a file here has been given is in the kernel, and stays if this process dies
    file.seek(position)
    file.readinto(buffer)


def store(file, kind, where, position, data):
    # one program, erase or page write, of a guarded call: done once, however often it is repeated
    global _left, _done
    bus.drain_if_possible()
    if not _done:
        if _left == 1:
            _die(file, kind, where, position, data)
        file.seek(position)
        file.write(data)
        _left -= 1
        _done = True


def report(kind, where, size):
    _send(control.OPERATION, kind, where, size)


def _die(file, kind, where, position, data):
    # a torn erase is half a block, a torn program its first bytes
    torn = len(data) // 2 if kind == control.OP_ERASE else min(_bytes, len(data))
    bus.halted = True
    file.seek(position)
    file.write(data, torn)
    _send(control.CUT_DONE, kind, where, torn)
    bus.halt()


def _send(kind, ident, value, stamp):
    _fields.kind = kind
    _fields.ident = ident
    _fields.value = value
    _fields.stamp = stamp
    bus.send_raw(_message)
