# Tags of the record chain (protocol/chain.py is the host's side). Keys move one way, and the
# newest is in the key store before its first tag is made.
from hashlib import sha256

from micropython import const

BLOCK_BITS = const(8)
FIRST_TAG = bytes(8)
_PAD = const(64)


def load(keystore):
    # the chain where the key store left it, None if there is no key
    slot = keystore.load()
    return Chain(keystore, *slot) if slot else None


class Chain:
    def __init__(self, keystore, epoch, index, key):
        self.epoch = epoch
        self.index = index  # key block, seq >> BLOCK_BITS
        self.faults = 0
        self._keystore = keystore
        self._key = key
        self._stored = True
        self._prepare()

    def tag(self, seq, previous, untagged):
        # tag of a record given without its tag; moves the key on when a block begins
        self._reach(seq >> BLOCK_BITS)
        return self._hmac(previous, untagged)

    def verifies(self, seq, previous, raw):
        # whether a record is whole; True as well where its key is gone, False where it is to come
        if seq >> BLOCK_BITS != self.index:
            return seq >> BLOCK_BITS < self.index
        return self._hmac(previous, raw[:-8]) == bytes(raw[-8:])

    def knows(self, seq):
        return seq >> BLOCK_BITS == self.index

    def _reach(self, block):
        if block < self.index:
            raise ValueError("key is gone")
        if block > self.index:
            while self.index < block:
                self._key = sha256(b"ratchet" + self._key).digest()
                self.index += 1
            self._prepare()
            self._stored = False
        if not self._stored:
            self._store()

    def _store(self):
        # a broken key store must not stop the records: tried again with the next one
        try:
            self._keystore.save(self.epoch, self.index, self._key)
            self._stored = True
        except OSError:
            self.faults += 1

    def _prepare(self):
        # HMAC by hand: the board has no hmac, and its pads hold for a whole block
        key = sha256(b"mac" + self._key).digest()
        key += bytes(_PAD - len(key))
        self._inner = bytes(byte ^ 0x36 for byte in key)
        self._outer = bytes(byte ^ 0x5C for byte in key)

    def _hmac(self, previous, untagged):
        inner = sha256(self._inner)
        inner.update(previous)
        inner.update(untagged)
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()[:8]
