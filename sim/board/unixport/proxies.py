# Built-in modules whose Unix form differs from rp2: the same names, a few replaced
import gc
import os
import termios
from os import getenv

import bus
import micropython
from micropython import const

_ISIG = 1
_LFLAG = 3
# virtual time: so many times the garbage is left to lie before it is collected, for that takes a
# third of the time a board needs
_SELDOM = const(8)

allowed = 0  # bytes of garbage that the firmware lets lie, 0 = as they come


def _copy(module, names):
    for name in dir(module):
        if not name.startswith("__"):
            setattr(names, name, getattr(module, name))
    return names


def kbd_intr(char):
    # the Unix port would let SIGINT kill the process; here the terminal makes 0x03 data or Ctrl-C
    # first of all, for this is to be as quick as on a chip
    getenv("\x01data")
    if char == 3:
        settings = termios.tcgetattr(0)
        settings[_LFLAG] |= _ISIG
        termios.tcsetattr(0, termios.TCSANOW, settings)


class Micropython:
    pass


class Os:
    pass


class Gc:
    pass


def threshold(*amount):
    global allowed
    if not amount:
        return allowed or -1
    allowed = max(amount[0], 0)
    gc.threshold(amount[0] * _SELDOM if bus.page else amount[0])


def uname():
    return ("rp2", "rp2", "1.29.0", "1.29.0 emulated", "Raspberry Pi Pico with RP2040")


def sync():
    pass


_copy(micropython, Micropython)
_copy(os, Os)
_copy(gc, Gc)
Gc.threshold = threshold
Micropython.kbd_intr = kbd_intr
Os.uname = uname
Os.sync = sync
for _name in ("getenv", "putenv", "unsetenv", "system", "errno"):
    if hasattr(Os, _name):
        delattr(Os, _name)
