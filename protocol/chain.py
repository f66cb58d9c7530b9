"""Tags and keys of the record chain.

A record's tag is `HMAC-SHA256(M(seq >> 8), previous tag || record without its tag)[:8]` (RFC 2104,
truncated). Keys move one way: `R(0) = HMAC-SHA256(K, "chain" || device id || epoch)`,
`R(i+1) = SHA-256("ratchet" || R(i))`, `M(i) = SHA-256("mac" || R(i))`. K stays in the registry;
the dispenser holds the newest R only.
"""

import hashlib
import hmac
from collections import OrderedDict

from protocol.schema import TAG_SIZE
from protocol.wire import seq_of

BLOCK_BITS = 8
"""Records of 2**8 consecutive seqs share a tag key."""
_CACHED_KEYS = 64
_BLOCKS_AHEAD = 4096
"""A claimed seq over a million beyond the last proven one is refused before its key is derived."""


def root_key(secret: bytes, device_id: bytes, epoch: int) -> bytes:
    """Return R(0), the chain key given to a dispenser at provisioning: 32 bytes."""
    return hmac.digest(secret, b"chain" + device_id + epoch.to_bytes(4, "big"), "sha256")


def ratchet(chain_key: bytes) -> bytes:
    """Return R(i+1) from R(i)."""
    return hashlib.sha256(b"ratchet" + chain_key).digest()


def tag_key(chain_key: bytes) -> bytes:
    """Return M(i) from R(i)."""
    return hashlib.sha256(b"mac" + chain_key).digest()


def tag(key: bytes, previous: bytes, untagged: bytes) -> bytes:
    """Return the 8-byte tag of a record given without its tag."""
    return hmac.digest(key, previous + untagged, "sha256")[:TAG_SIZE]


class BlockKeys:
    """The tag keys of one epoch, derived when needed.

    Going back is possible only from R(0): the host's side, never the dispenser's.
    """

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._newest = (0, root)
        self._proven = 0
        self._cache: OrderedDict[int, bytes] = OrderedDict()

    def within_reach(self, block: int) -> bool:
        """Tell whether a block is near enough to the proven ones to be worth deriving."""
        return block <= self._proven + _BLOCKS_AHEAD

    def prove(self, block: int) -> None:
        """Note that a record of this block has verified."""
        self._proven = max(self._proven, block)

    def __getitem__(self, block: int) -> bytes:
        key = self._cache.get(block)
        if key is None:
            key = self._cache[block] = tag_key(self._chain_key(block))
            if len(self._cache) > _CACHED_KEYS:
                self._cache.popitem(last=False)
        return key

    def _chain_key(self, block: int) -> bytes:
        index, key = self._newest if block >= self._newest[0] else (0, self._root)
        for _ in range(block - index):
            key = ratchet(key)
        if block > self._newest[0]:
            self._newest = (block, key)
        return key


def verifies(keys: BlockKeys, previous: bytes, raw: bytes) -> bool:
    """Tell whether a record's tag fits its bytes and its predecessor's tag."""
    block = seq_of(raw) >> BLOCK_BITS
    if not keys.within_reach(block):
        return False
    expected = tag(keys[block], previous, raw[:-TAG_SIZE])
    if not hmac.compare_digest(expected, raw[-TAG_SIZE:]):
        return False
    keys.prove(block)
    return True
