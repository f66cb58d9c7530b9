"""Recorded conversations, explained: what the engine and the parser make of a command's bytes."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.modem.at import Engine, Reply, Urc
from gateway.modem.grammar import command
from gateway.modem.parse import Meaning, meaning, to_json, urc_meaning

# who sends ESC to leave a prompt (27.005 clause 3.5.1) gets it echoed too
_ESCAPE = re.compile(rb"\x1b\r?")


class Explained(msgspec.Struct, frozen=True):
    """What a conversation was: final None if no final result code came."""

    final: str | None
    info: list[str]
    urc: list[str]
    echo: str | None
    parsed: Any


def explain(text: str | None, chunks: Iterable[bytes]) -> Explained:
    """Explain the bytes that came after a command, or by themselves (`text` None)."""
    engine, chunks = Engine(), list(chunks)
    escape = _ESCAPE.match(b"".join(chunks))
    if text is not None:
        engine.follow(text)
        if not command(text).known:
            chunks = [_without_echo(b"".join(chunks))]
    events = [event for chunk in chunks for event in engine.feed(chunk)] + engine.flush()
    urcs = [event.line for event in events if isinstance(event, Urc)]
    reply = next((event for event in events if isinstance(event, Reply)), engine.expire())
    if reply is None:
        return Explained(None, [], urcs, None, to_json(_all(urcs)))
    name = None if reply.final is None else reply.final.name
    echo = reply.echo
    if echo is not None and escape is not None:
        echo = escape[0].decode("latin-1") + echo
    return Explained(name, list(reply.info), urcs, echo, to_json(meaning(reply)))


def _without_echo(raw: bytes) -> bytes:
    # of a command that is not known everything before the first line end is its echo
    ends = [at for at in (raw.find(b"\r"), raw.find(b"\n")) if at >= 0]
    return raw[min(ends) :] if ends else raw


def _all(urcs: list[str]) -> Meaning | list[Meaning] | None:
    found = [one for one in map(urc_meaning, urcs) if one is not None]
    if len(found) > 1:
        return found
    return found[0] if found else None
