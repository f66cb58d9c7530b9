# Tags of the record chain (protocol/chain.py is the host's side). Keys move one way, and the
# newest is in the key store before its first tag is made. HMAC-SHA256 (RFC 2104) by hand: the
# board has no hmac.
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
        self._marks = keystore.marks(epoch)
        self._marked = None  # first seq never written by the marks, None if not read yet
        self._key = key
        self._stored = True
        self._prepare()

    def reached(self):
        # no seq below this may be used again, whatever is found on flash
        if self._marked is None:
            try:
                self._marked = self._marks.load()
            except OSError:
                self.faults += 1
        return max(self._marked or 0, self.index << BLOCK_BITS)

    def note(self, next):
        # every seq below `next` is on flash
        self._marked = max(self._marked or 0, next)
        try:
            self._marks.note(next)
        except OSError:
            self.faults += 1

    def tag(self, seq, previous, untagged):
        # tag of a record given without its tag; moves the key on when a block begins
        self._reach(seq >> BLOCK_BITS)
        return self._mac.digest(previous, untagged)[:8]

    def verifies(self, seq, previous, raw):
        # whether a record is whole; True as well where its key is gone, False where it is to come
        if seq >> BLOCK_BITS != self.index:
            return seq >> BLOCK_BITS < self.index
        return self._mac.digest(previous, raw[:-8])[:8] == bytes(raw[-8:])

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
        # its pads hold for a whole block
        self._mac = Hmac(sha256(b"mac" + self._key).digest())


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
