# AT24C32 beside the RTC: 4096 bytes, written a page of 32 at a time, deaf until that is done.
from errno import ETIMEDOUT
from time import sleep_ms

from micropython import const

_WRITE_MS = const(20)  # the data sheet allows 10


class At24c32:
    def __init__(self, i2c, address):
        self._i2c = i2c
        self._address = address
        self._writing = True  # as far as is known: whoever else, or before a reset

    def read(self, at, count):
        self._finish()
        return self._i2c.readfrom_mem(self._address, at, count, addrsize=16)

    def write(self, at, data):
        # data must not cross a page; returns when it is stored
        self.start(at, data)
        self._finish()

    def start(self, at, data):
        # as write, but returns when the chip has the data; what comes next waits
        self._finish()
        self._i2c.writeto_mem(self._address, at, data, addrsize=16)
        self._writing = True

    def _finish(self):
        if not self._writing:
            return
        self._writing = False
        for _ in range(_WRITE_MS):
            if self._answers():
                return
            sleep_ms(1)
        raise OSError(ETIMEDOUT)

    def _answers(self):
        try:
            self._i2c.readfrom(self._address, 1)
            return True
        except OSError:
            return False
