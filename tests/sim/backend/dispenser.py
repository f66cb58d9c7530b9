"""A dispenser on paper: writes real chains of records, without the code under test."""

import struct
from dataclasses import dataclass, field

from tests.support.chains import events_body, tagged, untagged

ZERO = bytes(8)
EPOCH, BOOT, TIME_SET, GAP, LID_OPENED, DOSE, RESPONSE = 1, 2, 3, 4, 0x20, 0x22, 0x24
TRIMMED, DAMAGED = 1, 2


@dataclass(frozen=True)
class Made:
    """A record as its dispenser made it."""

    seq: int
    previous: bytes
    raw: bytes

    @property
    def tag(self) -> bytes:
        return self.raw[-8:]


def events(epoch: int, made: list[Made]) -> bytes:
    """The EVENTS body that a gateway publishes for these records."""
    return events_body(epoch, made[0].previous, [record.raw for record in made])


def flipped(data: bytes, at: int) -> bytes:
    """`data` with one bit changed at byte `at`."""
    changed = bytearray(data)
    changed[at] ^= 0x01
    return bytes(changed)


def bad(made: Made, at: int = 7) -> Made:
    """`made` with one bit changed at byte `at`."""
    return Made(made.seq, made.previous, flipped(made.raw, at))


@dataclass
class Dispenser:
    """Writes records; `made` holds all of them, by seq."""

    id: str = "00112233445566aa"
    epoch: int = 0x1234ABCD
    secret: bytes = bytes(range(32))
    boot: int = 1
    next: int = 0
    tag: bytes = ZERO
    made: dict[int, Made] = field(default_factory=dict)

    def write(self, kind: int = LID_OPENED, data: bytes = b"\0\1", time: int = 7) -> Made:
        """Append a record."""
        body = untagged(self.next, kind, data, boot=self.boot, time=time)
        device = bytes.fromhex(self.id)
        raw = tagged(self.secret, device, self.epoch, self.tag, body)
        record = self.made[self.next] = Made(self.next, self.tag, raw)
        self.next += 1
        self.tag = record.tag
        return record

    def born(self) -> Made:
        """Write seq 0."""
        return self.write(EPOCH, struct.pack(">IIB8s", self.epoch, 0, 1, b"board..."))

    def run(self, count: int) -> list[Made]:
        """Write an ordinary run of records."""
        kinds = ((LID_OPENED, b"\0\1"), (DOSE, b"\0\1\2"), (BOOT, bytes([1, 0, 0, 0, 1, 0])))
        return [self.write(*kinds[self.next % 3], time=self.next) for _ in range(count)]

    def gap(self, first: int, last: int, cause: int) -> Made:
        """Write a GAP that names a range."""
        return self.write(GAP, struct.pack(">IIB", first, last, cause))

    def damage(self, lost: int) -> Made:
        """Lose the next `lost` seqs for ever and name them."""
        first = self.next
        self.next += lost
        return self.gap(first, self.next - 1, DAMAGED)

    def hello(self, next_seq: int | None = None, epoch: int | None = None) -> bytes:
        """The HELLO body that a gateway publishes."""
        return struct.pack(
            ">8s8sBBBBBHIII8sIIBI",
            *(bytes.fromhex(self.id), b"pico", 0, 1, 0, 1, 0, self.boot),
            *(self.epoch if epoch is None else epoch, 0),
            *(self.next if next_seq is None else next_seq, self.tag, 5, 5, 0, 99),
        )
