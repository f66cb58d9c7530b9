"""Commands to dispensers: queued, signed, sent, and what became of them.

    queued    waits for a gateway: the one of the newest verified record
    signed    has its counter, on disk before anything of it goes out
    sent      the broker took it for that gateway
    applied   a verified record says so; of a release: that it was confirmed after its trial
    refused   a verified record says so; without one (`proof_seq` empty) the gateway says so
    expired   nobody took it in time

What a verified record says always wins, also late. A gateway's word alone applies nothing.
"""

from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from protocol import schema, wire
from protocol.commands import Signer
from protocol.schema import Record, RecordType, RefusedReason, ReleaseAction
from sim.backend.tables import VERIFIED, Answer, Command, answers, commands, records

CONFIG, RELEASE, SEEN = "config", "release", "seen"
QUEUED, SIGNED, SENT = "queued", "signed", "sent"
APPLIED, REFUSED, EXPIRED = "applied", "refused", "expired"
OPEN = (QUEUED, SIGNED, SENT)
MAX_ANSWERS = 1000
"""Answers kept per dispenser, as gateways say; the oldest make room."""
MAX_OPEN = 8
"""Commands that may wait for one dispenser: a gateway keeps no more."""
_TELLING = {
    int(RecordType.settings_applied): CONFIG,
    int(RecordType.settings_refused): CONFIG,
    int(RecordType.release): RELEASE,
    int(RecordType.seen): SEEN,
}
_UNDER_WAY = (ReleaseAction.received, ReleaseAction.started)
_ERROR_TEXT = 60
_BY_ID = commands.c.id == bindparam("id_")
_OF_DISPENSER = commands.c.dispenser == bindparam("d")
_SIGNED = (
    select(commands)
    .where(_OF_DISPENSER & (commands.c.kind == bindparam("k")), commands.c.counter.is_not(None))
    .order_by(commands.c.counter)
)
_UNPROVEN = _SIGNED.where(commands.c.proof_seq.is_(None))


class TooManyError(ValueError):
    """This dispenser has too many commands waiting."""


def tells(kind: int) -> bool:
    """Tell whether records of this type say what became of a command."""
    return kind in _TELLING


def queue(
    db: Connection, now: int, dispenser: str, kind: str, content: bytes, expires: int
) -> int:
    """Add a command; returns its number. Raises TooManyError."""
    waiting = select(func.count()).where(_OF_DISPENSER, commands.c.state.in_(OPEN))
    if int(db.execute(waiting, {"d": dispenser}).scalar_one()) >= MAX_OPEN:
        raise TooManyError(f"{dispenser} has {MAX_OPEN} commands waiting: let one end first")
    row = {"dispenser": dispenser, "kind": kind, "content": content, "made_at": now}
    row |= {"expires_at": expires, "state": QUEUED}
    return int(db.execute(insert(commands).values(row).returning(commands.c.id)).scalar_one())


def sign(db: Connection, secret: bytes, command: Command) -> Command:
    """Give a queued command its counter and MAC; returns it as it is then.

    Raises WireError if the counter is used up or the content is none.
    """
    signer = Signer(secret, bytes.fromhex(command.dispenser), _own(db, command.dispenser))
    signer.reported(_reported(db, command.dispenser))
    body = wire.build(_message(signer, command))
    values = {"state": SIGNED, "counter": signer.counter, "body": body}
    db.execute(update(commands).where(_BY_ID).values(values), {"id_": command.id})
    return get(db, command.id)


def get(db: Connection, number: int) -> Command:
    """Return a command by its number."""
    row = db.execute(select(commands).where(_BY_ID), {"id_": number}).one()
    return _command(row)


def told(db: Connection, now: int, stream: tuple[str, int], record: Record) -> None:
    """Take note of a verified record that says what became of a command."""
    try:
        data: Any = wire.parse_data(record)
    except wire.WireError:
        return
    kind = _TELLING[record.type]
    if isinstance(data, schema.Release) and data.action in _UNDER_WAY:
        return
    reason = _reason(data)
    found = _meant(db, stream[0], kind, data, refused=reason is not None)
    if found is None:
        return
    values: dict[str, Any] = {"state": APPLIED if reason is None else REFUSED, "reason": reason}
    values |= {"ended_at": now, "proof_epoch": stream[1], "proof_seq": record.seq}
    db.execute(update(commands).where(_BY_ID).values(values), {"id_": found.id})


def answered(db: Connection, answer: Answer) -> None:
    """Keep what a dispenser answered, as its gateway says."""
    _make_room(db, answer.dispenser)
    names = ("dispenser", "kind", "gateway", "counter", "body", "received_at")
    db.execute(insert(answers), {name: getattr(answer, name) for name in names})
    query = select(commands).where(_OF_DISPENSER & (commands.c.counter == answer.counter))
    row = db.execute(query, {"d": answer.dispenser}).first()
    if row is None or row.proof_seq is not None:
        return
    values: dict[str, Any] = {"answered_at": answer.received_at}
    reason = _word(answer, row.counter)
    if reason is not None:
        values |= {"state": REFUSED, "reason": reason, "ended_at": answer.received_at}
    db.execute(update(commands).where(_BY_ID).values(values), {"id_": row.id})


def expire(db: Connection, now: int) -> int:
    """End what nobody took in time; returns how many."""
    late = commands.c.state.in_(OPEN) & (commands.c.expires_at <= now)
    return db.execute(update(commands).where(late).values(state=EXPIRED, ended_at=now)).rowcount


def settings_versions(db: Connection, dispenser: str) -> list[int]:
    """Return the versions of settings that verified records say were applied."""
    query = select(records.c.data).where(
        records.c.dispenser == dispenser,
        records.c.status == VERIFIED,
        records.c.type == int(RecordType.settings_applied),
    )
    return [int.from_bytes(data[:2], "big") for data in db.execute(query).scalars()]


def _own(db: Connection, dispenser: str) -> int:
    largest = select(func.max(commands.c.counter)).where(_OF_DISPENSER)
    return int(db.execute(largest, {"d": dispenser}).scalar() or 0)


def _reported(db: Connection, dispenser: str) -> int:
    # only what the dispenser itself said: an answer that a gateway tells could use the counter up
    query = select(records.c.raw).where(
        records.c.dispenser == dispenser,
        records.c.status == VERIFIED,
        records.c.type.in_(_TELLING),
    )
    return max((_counter(raw) for raw in db.execute(query).scalars()), default=0)


def _counter(raw: bytes) -> int:
    try:
        data: Any = wire.parse_data(wire.record_of(raw))
    except wire.WireError:
        return 0
    return int(data.counter)


def _message(signer: Signer, command: Command) -> Any:
    content = command.content
    if command.kind == CONFIG:
        return signer.config_put(wire.parse(schema.Settings, content))
    if command.kind == RELEASE:
        return signer.release_begin((content[0], content[1], content[2]), content[3], content[4:])
    return signer.seen(int.from_bytes(content[:4], "big"), int.from_bytes(content[4:], "big"))


def _reason(data: Any) -> str | None:
    if isinstance(data, schema.SettingsApplied):
        return None
    if isinstance(data, schema.Release) and data.action != ReleaseAction.refused:
        return "reverted" if data.action == ReleaseAction.reverted else None
    return _named(int(data.reason))


def _named(code: int) -> str | None:
    return str(RefusedReason(code).name or f"reason {code}") if code else None


def _meant(
    db: Connection, dispenser: str, kind: str, data: Any, *, refused: bool
) -> Command | None:
    installed = isinstance(data, schema.Release) and not refused
    rows = db.execute(_SIGNED if installed else _UNPROVEN, {"d": dispenser, "k": kind})
    found = [_command(row) for row in rows]
    if installed:
        # after a file that was refused and asked for again; by a later command's counter, too
        found = [c for c in found if c.counter is not None and c.counter <= data.counter]
        return next((c for c in reversed(found) if _is_about(c, data)), None)
    if not refused:
        return next((c for c in found if c.counter == data.counter), None)
    # a refusal carries the last counter accepted, not its own: told by what it was about; what
    # could not be read was the oldest, since a gateway gives one at a time
    out = [c for c in found if c.state in (SENT, SIGNED)] or found
    about = [c for c in out if _is_about(c, data)]
    unreadable = isinstance(data, schema.SettingsRefused) and data.version == 0
    return next(iter(about or (out if unreadable else [])), None)


def _is_about(command: Command, data: Any) -> bool:
    content = command.content
    if isinstance(data, schema.SettingsRefused):
        return int.from_bytes(content[:2], "big") == int(data.version)
    if isinstance(data, schema.Release):
        return content[:3] == bytes((data.major, data.minor, data.patch))
    return int.from_bytes(content[4:8], "big") == int(data.next)


def _word(answer: Answer, counter: int) -> str | None:
    """Return why a command was refused, by the gateway's word; None if it was not."""
    try:
        if answer.kind == CONFIG:
            config = wire.parse(schema.Config, answer.body)
            return None if config.counter == counter else "not taken, says the gateway"
        if answer.kind == RELEASE:
            return _named(int(wire.parse(schema.ReleaseProgress, answer.body).refused))
        if answer.kind == SEEN:
            return _named(int(wire.parse(schema.SeenNow, answer.body).refused))
        error = wire.parse(schema.Error, answer.body)
    except wire.WireError:
        return "an answer that nobody can read, says the gateway"
    text = error.text.decode("ascii", "replace")[:_ERROR_TEXT]
    return f"{error.code.name}: {text}, says the gateway"


def _make_room(db: Connection, dispenser: str) -> None:
    mine = answers.c.dispenser == dispenser
    if int(db.execute(select(func.count()).where(mine)).scalar_one()) >= MAX_ANSWERS:
        oldest = select(func.min(answers.c.id)).where(mine).scalar_subquery()
        db.execute(delete(answers).where(answers.c.id == oldest))


def _command(row: Any) -> Command:
    return Command(**row._mapping)
