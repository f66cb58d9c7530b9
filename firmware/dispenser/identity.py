# Who the dispenser is. Its id is 8 bytes, kept as 16 hex digits outside of the slots.
from binascii import hexlify, unhexlify

from dispenser import VERSION, pins, wire
from dispenser.drivers import chip

_PATH = "/identity"


def load():
    # None if there is none
    try:
        with open(_PATH) as file:
            name = unhexlify(file.read().strip())
    except (OSError, ValueError):
        return None
    return name if len(name) == 8 else None


def store(name):
    with open(_PATH, "w") as file:
        file.write(hexlify(name).decode())


def service(name, found, keys, journal):
    if name is None:
        return wire.SERVICE_UNPROVISIONED
    if not found:
        return wire.SERVICE_JOURNAL_LOST
    if keys is None or journal.foreign:
        return wire.SERVICE_KEY_LOST
    return wire.SERVICE_OK


class About:
    # what HELLO tells besides the journal and the clock
    def __init__(self, name, service, boot):
        self.identity = name or bytes(8)
        self.board = pins.BOARD.encode()
        self.version = VERSION
        self.service = service
        self.boot = boot
        self.nonce = chip.nonce
