"""Tables of the store, and its rows as typed objects.

Times are unix time in µs. A dispenser's id is 16 hex digits; epoch and seq are the record's own.
A change here needs a step in `sim.backend.migrations`.
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

SCHEMA = 3
"""Version of these tables, kept in `meta`."""
VERIFIED = "verified"
FORK = "fork"

metadata = MetaData()


def _id() -> Column[int]:
    # SQLite counts by itself only in a column of just this type
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("id", kind, primary_key=True)


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
    # the journal gave the same bytes twice: the watermark passes this row, once a later record of
    # its epoch has verified
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
    # highest verified seq; -1 before the first
    Column("newest", BigInteger, nullable=False, default=-1),
    # the highest `next` in the claims of its gateways
    Column("claimed_next", BigInteger),
    # since when something is known of above `next` and `next` has not moved
    Column("behind_since", BigInteger, index=True),
)

claims = Table(
    "claims",
    metadata,
    *_stream(primary=True),
    Column("gateway", String(32), primary_key=True),
    _seq("first"),
    _seq("next"),
    Column("at", BigInteger, nullable=False),
)
"""The newest HELLO of a stream at each gateway: where it is heard of, proves nothing."""

gateways = Table(
    "gateways",
    metadata,
    Column("gateway", String(32), primary_key=True),
    Column("online", Boolean, nullable=False),
    # it said that it stays away until then
    Column("sleeping_until", BigInteger),
    # this state began
    Column("since", BigInteger, nullable=False),
    Column("heard_at", BigInteger, nullable=False),
    # as it came
    _bytes("body"),
)
"""What each gateway, or the broker in its name, said of itself last."""

commands = Table(
    "commands",
    metadata,
    _id(),
    Column("dispenser", String(16), nullable=False),
    Column("kind", String(8), nullable=False),
    _bytes("content"),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    # set once, before the first sending
    Column("counter", BigInteger),
    Column("body", LargeBinary),
    # where it was sent last, and when
    Column("gateway", String(32)),
    Column("sent_at", BigInteger),
    # the gateway says that the dispenser answered: proves nothing
    Column("answered_at", BigInteger),
    # how it ended: by which record, or by the gateway's word alone
    Column("ended_at", BigInteger),
    Column("reason", String(160)),
    Column("proof_epoch", BigInteger),
    Column("proof_seq", BigInteger),
    UniqueConstraint("dispenser", "counter"),
    Index("commands_by_state", "state", "dispenser"),
)
"""Commands to dispensers: `queued`, `signed`, `sent`, then `applied`, `refused` or `expired`."""

answers = Table(
    "answers",
    metadata,
    _id(),
    Column("dispenser", String(16), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("gateway", String(32), nullable=False),
    # of the command, as the gateway says
    Column("counter", BigInteger),
    _bytes("body"),
    Column("received_at", BigInteger, nullable=False),
    Index("answers_by_command", "dispenser", "counter"),
)
"""What dispensers answered to commands, as gateways say: proves nothing."""

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
    # what it told of is mended; None: it stands
    Column("cleared_at", BigInteger),
    Index("alarms_by_kind", "kind", "dispenser", "epoch", "seq"),
)

releases = Table(
    "releases",
    metadata,
    Column("manifest", LargeBinary(32), primary_key=True),
    _bytes("stream"),
    Column("made_at", BigInteger, nullable=False),
)
"""Firmware that commands announce, by the SHA-256 of its signed manifest; `protocol.pieces`."""


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
    newest: int
    claimed_next: int | None
    behind_since: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class StreamClaim:
    """A row of `claims`."""

    dispenser: str
    epoch: int
    gateway: str
    first: int
    next: int
    at: int


@dataclasses.dataclass(frozen=True, slots=True)
class GatewayState:
    """A row of `gateways`."""

    gateway: str
    online: bool
    sleeping_until: int | None
    since: int
    heard_at: int
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """A row of `commands`."""

    id: int
    dispenser: str
    kind: str
    content: bytes
    made_at: int
    expires_at: int
    state: str
    counter: int | None
    body: bytes | None
    gateway: str | None
    sent_at: int | None
    answered_at: int | None
    ended_at: int | None
    reason: str | None
    proof_epoch: int | None
    proof_seq: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A row of `answers`, without its id."""

    dispenser: str
    kind: str
    gateway: str
    counter: int | None
    body: bytes
    received_at: int


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """A row of `alarms`, without its id."""

    at: int
    kind: str
    dispenser: str
    epoch: int
    seq: int | None
    text: str
    cleared_at: int | None = None
