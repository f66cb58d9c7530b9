# HMAC-SHA256 (RFC 2104) by hand: the board has no hmac.
from hashlib import sha256

from micropython import const

_PAD = const(64)


class Hmac:
    def __init__(self, key):
        key += bytes(_PAD - len(key))
        self._inner = bytes(byte ^ 0x36 for byte in key)
        self._outer = bytes(byte ^ 0x5C for byte in key)

    def digest(self, *parts):
        inner = sha256(self._inner)
        for part in parts:
            inner.update(part)
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()
