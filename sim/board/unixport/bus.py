# The board's end of the control channel, and the points at which pin interrupts are delivered.
# Host messages wait in a pipe, as edges are latched in the chip while interrupts are off; they are
# taken in at fixed points only (poller, sleep, Pin.value, machine.idle): a run is deterministic.
import select
import sys
from os import getenv

import control
import micropython
import uctypes
import utime

_rx = _tx = _wake = _poll = None
page = None  # virtual time: what the launcher shares
_seen = -1  # its turn in which nothing was left to read
_held = False  # a message is read but not yet applied: survives a KeyboardInterrupt
_draining = False
_in_irq = False
masked = False  # machine.disable_irq()
halted = False  # nothing of the firmware runs any more
# the header of a message, field by field without allocating
FIELDS = {
    "kind": uctypes.UINT8 | 0,
    "ident": uctypes.UINT8 | 1,
    "length": uctypes.UINT16 | 2,
    "value": uctypes.INT32 | 4,
    "stamp": uctypes.INT64 | 8,
}
_PAGE = {
    "starves": uctypes.INT64 | control.STARVES_AT,
    "turn": uctypes.INT64 | control.TURN_AT,
    "now": uctypes.INT64 | control.NOW_AT,
    "free": uctypes.INT64 | control.FREE_AT,
    "heard": uctypes.INT64 | control.HEARD_AT,
    "boot": uctypes.INT64 | control.BOOT_AT,
}
_in = bytearray(control.SIZE)
_in_fields = uctypes.struct(uctypes.addressof(_in), FIELDS, uctypes.LITTLE_ENDIAN)
_out = bytearray(control.SIZE)
_out_fields = uctypes.struct(uctypes.addressof(_out), FIELDS, uctypes.LITTLE_ENDIAN)
handlers = {}
latched = []  # pins with an interrupt to deliver


def attach(rx, tx, wake_rx, wake_tx):
    global _rx, _tx, _poll, _wake, _wake_rx, page
    address = getenv("\x01page")
    if address:
        page = uctypes.struct(int(address), _PAGE, uctypes.LITTLE_ENDIAN)
    _rx = open(rx, "rb")
    _tx = open(tx, "wb")
    _wake_rx = open(wake_rx, "rb")
    _wake = open(wake_tx, "wb")
    _poll = select.poll()
    register(_poll)


def register(poll):
    poll.register(_rx, select.POLLIN)
    poll.register(_wake_rx, select.POLLIN)


def owns(stream):
    return stream is _rx or stream is _wake_rx


def send(kind, ident=0, value=0):
    # from hard handlers too, so without allocating; nothing can come between fill and write
    _out_fields.kind = kind
    _out_fields.ident = ident
    _out_fields.value = value
    _out_fields.stamp = utime.time_ns()
    _tx.write(_out)


def send_output(kind, ident, value, payload):
    if page and not page.heard:
        return
    _tx.write(control.pack(kind, ident, value, utime.time_ns(), payload))


def send_raw(message):
    _tx.write(message)


def wake():
    # lets a blocked poller look again; called from timer callbacks
    _wake.write(b"!")


def drain():
    # apply what the supervisor has sent, without running handlers; safe to be interrupted anywhere
    global _held, _draining, _seen
    if _draining or _in_irq or (page and page.turn == _seen):
        return
    _draining = True
    try:
        turn = page and page.turn
        while True:
            if not _held:
                _held = _rx.readinto(_in)
                if not _held:
                    _seen = turn
                    return
            message = _in_fields
            handlers[message.kind](message.ident, message.value, message.stamp)
            _held = False
    finally:
        _draining = False


def drain_if_possible():
    # with the heap locked a message may have to wait: it is held and applied later
    try:
        drain()
    except MemoryError:
        pass


def run_latched():
    global _in_irq
    while latched and not (_in_irq or masked or halted):
        _in_irq = True
        try:
            latched.pop(0).deliver()
        finally:
            _in_irq = False


def run_hard():
    # hard handlers alone: the others wait for the program's next step
    global _in_irq
    at = 0
    while at < len(latched) and not (_in_irq or masked or halted):
        if not latched[at].hard():
            at += 1
            continue
        _in_irq = True
        try:
            latched.pop(at).deliver()
        finally:
            _in_irq = False


def pump():
    if not page or page.turn != _seen:
        drain()
    if latched:
        run_latched()


def call(handler, argument, hard):
    # as on rp2: no allocation in a hard handler; an exception is printed; False = failed
    try:
        if hard:
            micropython.heap_lock()
            try:
                handler(argument)
            finally:
                micropython.heap_unlock()
        else:
            handler(argument)
        return True
    except KeyboardInterrupt:
        raise
    except Exception as error:
        print("Uncaught exception in IRQ callback handler")
        sys.print_exception(error)
        return False


def wait(ms):
    # sleep until a message comes or the time is over
    if masked or not latched:
        for stream, _ in _poll.poll(ms):
            clear_wake(stream)
    pump()


def clear_wake(stream):
    if stream is _wake_rx:
        stream.read(64)


def halt():
    # the processor has stopped: only the supervisor's SIGKILL ends this
    global halted
    halted = True
    while True:
        try:
            utime.sleep(3600)
        except KeyboardInterrupt:
            pass
