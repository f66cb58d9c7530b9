"""Tables of the store, and its rows as typed objects.

Times are unix time in µs. A dispenser's id is 16 hex digits; epoch and seq are the record's own.
"""

import dataclasses

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

SCHEMA = 1
"""Version of these tables, kept in `meta`."""
VERIFIED = "verified"
FORK = "fork"

metadata = MetaData()


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _stream(*, primary: bool = False) -> list[Column[str] | Column[int]]:
    return [
        Column("dispenser", String(16), primary_key=primary, nullable=False),
        Column("epoch", BigInteger, primary_key=primary, nullable=False, autoincrement=False),
    ]


def _seq(name: str = "seq", *, primary: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=primary, nullable=False, autoincrement=False)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


records = Table(
    "records",
    metadata,
    *_stream(primary=True),
    _seq(primary=True),
    Column("boot", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("stamp", Integer, nullable=False),
    Column("type", Integer, nullable=False),
    _bytes("data"),
    _bytes("raw"),
    _bytes("previous"),
    Column("gateway", String(32), nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("status", String(8), nullable=False),
    sqlite_with_rowid=False,
)
"""Records whose tag verified; `fork`: another one with the same key verified too."""

forks = Table(
    "forks",
    metadata,
    _id(),
    *_stream(),
    _seq(),
    _bytes("raw"),
    _bytes("previous"),
    Column("gateway", String(32), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("dispenser", "epoch", "seq", "raw"),
)
"""Every version of a key that has more than one: none of them is evidence."""

refused = Table(
    "refused",
    metadata,
    _id(),
    *_stream(),
    _seq(),
    _bytes("raw"),
    _bytes("previous"),
    Column("reason", String(24), nullable=False),
    Column("gateway", String(32), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # a WATERMARK naming this seq as refused went out; None: not yet
    Column("named_at", BigInteger),
    # asked for again, and not yet answered by anything that lets the watermark pass
    Column("open", Boolean, nullable=False),
    # the journal gave the same bytes twice: the watermark passes this row
    Column("stored", Boolean, nullable=False),
    Index("refused_by_key", "dispenser", "epoch", "seq"),
)

gaps = Table(
    "gaps",
    metadata,
    *_stream(primary=True),
    _seq(primary=True),
    _seq("first"),
    _seq("last"),
    Column("cause", Integer, nullable=False),
)
"""Ranges that verified GAP records name, by the GAP's own seq."""

spans = Table(
    "spans",
    metadata,
    *_stream(primary=True),
    _seq("first", primary=True),
    _seq("last"),
)
"""What the watermark may pass, as maximal closed ranges of seqs: no two touch."""

streams = Table(
    "streams",
    metadata,
    *_stream(primary=True),
    _seq("next"),
    _bytes("tag"),
    Column("rev", BigInteger, nullable=False),
    # of the newest verified record; empty before the first
    Column("gateway", String(32), nullable=False),
    # what a HELLO said: proves nothing
    Column("claimed_next", BigInteger),
    Column("claimed_gateway", String(32)),
    Column("claimed_at", BigInteger),
)

meta = Table(
    "meta",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(48), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

alarms = Table(
    "alarms",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(24), nullable=False),
    *_stream(),
    Column("seq", BigInteger),
    Column("text", String(160), nullable=False),
    Index("alarms_by_kind", "kind", "dispenser", "epoch", "seq"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class StoredRecord:
    """A row of `records`."""

    dispenser: str
    epoch: int
    seq: int
    boot: int
    time: int
    stamp: int
    type: int
    data: bytes
    raw: bytes
    previous: bytes
    gateway: str
    stored_at: int
    status: str


@dataclasses.dataclass(frozen=True, slots=True)
class ForkVersion:
    """A row of `forks`, without its id."""

    dispenser: str
    epoch: int
    seq: int
    raw: bytes
    previous: bytes
    gateway: str
    received_at: int


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A row of `refused`, without its id."""

    dispenser: str
    epoch: int
    seq: int
    raw: bytes
    previous: bytes
    reason: str
    gateway: str
    received_at: int
    named_at: int | None
    open: bool
    stored: bool


@dataclasses.dataclass(frozen=True, slots=True)
class StoredGap:
    """A row of `gaps`."""

    dispenser: str
    epoch: int
    seq: int
    first: int
    last: int
    cause: int


@dataclasses.dataclass(frozen=True, slots=True)
class Stream:
    """A row of `streams`."""

    dispenser: str
    epoch: int
    next: int
    tag: bytes
    rev: int
    gateway: str
    claimed_next: int | None
    claimed_gateway: str | None
    claimed_at: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """A row of `alarms`, without its id."""

    at: int
    kind: str
    dispenser: str
    epoch: int
    seq: int | None
    text: str
