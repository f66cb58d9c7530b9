# The EEPROM is deaf while it writes, whoever began it: another driver waits as the first would.
from dispenser.drivers.eeprom import At24c32

BUSY = 5  # questions until it answers again


class Bus:
    def __init__(self):
        self.busy = 0
        self._memory = bytearray(4096)

    def _answer(self):
        if self.busy:
            self.busy -= 1
            raise OSError(5)

    def readfrom(self, address, count):
        self._answer()
        return bytes(count)

    def readfrom_mem(self, address, at, count, addrsize):
        self._answer()
        return bytes(self._memory[at : at + count])

    def writeto_mem(self, address, at, data, addrsize):
        self._answer()
        self._memory[at : at + len(data)] = data
        self.busy = BUSY


bus = Bus()
At24c32(bus, 0x57).start(0, b"key")
print(At24c32(bus, 0x57).read(0, 3))
bus.busy = 1 << 20
try:
    print(At24c32(bus, 0x57).read(0, 3))
except OSError:
    print("gone")
