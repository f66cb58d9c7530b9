# The dispenser's id: 8 bytes, kept as 16 hex digits outside of the slots.
from binascii import hexlify, unhexlify

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
