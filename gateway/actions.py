"""What a session asks to be done: the only way it touches the world."""

from dataclasses import dataclass

from gateway.orders import Order
from gateway.spool import Link
from protocol import schema
from protocol.framing import Frame


@dataclass(frozen=True, slots=True)
class Send:
    """Write this frame to the port."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class Greeted:
    """A dispenser said who it is; `resumed()` is to follow with its cursor."""

    dispenser: str
    hello: schema.Hello
    body: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """Store these records and move the cursor to `following` (None: a detour, leave it).

    `committed()` or `failed()` is to follow. `acked` is the first seq not yet read by this READ,
    `ref` that of the READ: it is a detour or it is not.
    """

    dispenser: str
    epoch: int
    links: tuple[Link, ...]
    following: int | None
    ref: int
    acked: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A dispenser answered a command: `kind` is that of the order, or `error`."""

    dispenser: str
    order: Order
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reopen:
    """The port is silent: close it and open it again, its path may lead elsewhere by now."""

    reason: str


Action = Send | Greeted | Commit | Answered | Reopen
