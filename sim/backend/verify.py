"""Verifies records from the predecessor tag that travels with them; needs no other record.

A batch is judged record by record: a bad one never takes the good ones down with it.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Sequence

from protocol.chain import BLOCK_BITS, BlockKeys, root_key, verifies
from protocol.schema import MAX_RECORD, Events, Record
from protocol.wire import (
    WireError,
    build,
    events_records,
    parse,
    record_of,
    seq_of,
    split_records,
    tag_of,
)
from sim.backend.registry import RegistryFile

BAD_TAG = "bad_tag"
CUT = "cut"
OUT_OF_REACH = "out_of_reach"
UNKNOWN_DISPENSER = "unknown_dispenser"
UNKNOWN_EPOCH = "unknown_epoch"
_KEPT = 4096


class Keys:
    """Tag keys of every registered dispenser and epoch, made when needed.

    `newest` tells the highest verified seq of a stream, so that a restart does not shorten the
    reach of `BlockKeys`.
    """

    def __init__(self, registry: RegistryFile, newest: Callable[[str, int], int]) -> None:
        self._registry = registry
        self._newest = newest
        self._kept: OrderedDict[tuple[str, int, bytes], BlockKeys] = OrderedDict()

    def of(self, dispenser: str, epoch: int) -> BlockKeys | None:
        """Return the keys of a stream, None if the registry does not know it."""
        secret = self._registry.secret_for(dispenser, epoch)
        if secret is None:
            return None
        keys = self._kept.pop((dispenser, epoch, secret), None)
        if keys is None:
            keys = BlockKeys(root_key(secret, bytes.fromhex(dispenser), epoch))
            keys.prove(self._newest(dispenser, epoch) >> BLOCK_BITS)
        self._kept[dispenser, epoch, secret] = keys
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return keys

    def why_unknown(self, dispenser: str) -> str:
        """Return the reason to refuse a stream that has no keys."""
        return UNKNOWN_EPOCH if self._registry.knows(dispenser) else UNKNOWN_DISPENSER


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """One record of a batch: `record` if it verified, else `reason`.

    `seq` is the record's own if it verified; else the one by which its sender will know it.
    """

    seq: int
    previous: bytes
    raw: bytes
    record: Record | None
    reason: str | None


def pieces(events: Events) -> tuple[list[bytes], bytes]:
    """Cut EVENTS into records; second what cannot be cut: a record that ends too late or never."""
    try:
        return split_records(events.records), b""
    except WireError:
        pass
    records: list[bytes] = []
    rest = events.records
    while rest:
        try:
            size = len(build(parse(Record, rest)))
        except WireError:
            break
        if size > MAX_RECORD:
            break
        records.append(rest[:size])
        rest = rest[size:]
    return records, rest


def oddity(events: Events) -> str | None:
    """Return what is wrong with a batch as a whole, None if nothing is."""
    try:
        events_records(events)
    except WireError as error:
        return str(error)
    return None


def judge(events: Events, keys: BlockKeys) -> list[Claim]:
    """Verify each record of EVENTS by itself, in the order of the batch."""
    whole, rest = pieces(events)
    good = [False] * len(whole)
    before = [events.previous, *(tag_of(raw) for raw in whole)]
    for i, raw in enumerate(whole):
        good[i] = verifies(keys, before[i], raw)
    raws = [*whole, rest[:MAX_RECORD]] if len(rest) >= 4 else whole
    claims = []
    for i, raw in enumerate(raws):
        if i < len(whole) and good[i]:
            claims.append(Claim(seq_of(raw), before[i], raw, record_of(raw), None))
            continue
        reason = CUT if i == len(whole) else _why(raw, keys)
        claims.append(Claim(_known_as(i, raws, good), before[i], raw, None, reason))
    return claims


def unjudged(events: Events, reason: str) -> list[Claim]:
    """Return the records of EVENTS for which there are no keys."""
    whole, _ = pieces(events)
    before = [events.previous, *(tag_of(raw) for raw in whole)]
    return [
        Claim(seq_of(raw), tag, raw, None, reason) for raw, tag in zip(whole, before, strict=False)
    ]


def _why(raw: bytes, keys: BlockKeys) -> str:
    return BAD_TAG if keys.within_reach(seq_of(raw) >> BLOCK_BITS) else OUT_OF_REACH


def _known_as(index: int, raws: Sequence[bytes], good: Sequence[bool]) -> int:
    # a bad record may have lost its own seq: its neighbours that verified tell its place
    own = seq_of(raws[index])
    places = [
        seq_of(raws[i]) + index - i
        for i in (
            _nearest(range(index - 1, -1, -1), good),
            _nearest(range(index, len(good)), good),
        )
        if i is not None
    ]
    places = [seq for seq in places if seq >= 0]
    return own if own in places or not places else places[0]


def _nearest(indices: range, good: Sequence[bool]) -> int | None:
    return next((i for i in indices if good[i]), None)
