"""How a watermark is judged: nothing is pruned or passed over on a doubtful one."""

import enum

from gateway.spool import Known
from protocol import schema, topics, wire


class Verdict(enum.Enum):
    """What a watermark is worth; the value is the name of its counter."""

    accepted = "watermarks"
    stale = "watermark_stale"
    beyond = "watermark_beyond"
    foreign = "watermark_foreign"
    restless = "watermark_restless"


def parse(gateway: str, topic: str, payload: bytes) -> tuple[str, schema.Watermark]:
    """Return dispenser id and watermark of a message from the broker.

    Raises ValueError if it is anything else, or not for this gateway.
    """
    parsed = topics.parse(topic)
    if (parsed.gateway, parsed.direction) != (gateway, "dn"):
        raise ValueError(f"not for this gateway: {topic!r}")
    if parsed.kind != "watermark":
        raise ValueError(f"unknown kind of message: {parsed.kind!r}")
    return parsed.dispenser, wire.parse(schema.Watermark, payload)


def judge(
    mark: schema.Watermark,
    last: schema.Watermark | None,
    known: Known,
    hello: schema.Hello | None,
) -> Verdict:
    """Judge a watermark by the last one accepted, the spool and the dispenser's last HELLO.

    Same store: the higher rev wins, the same rev again is an answer like any other. New store: a
    lower `next` is taken. A tag that cannot be compared (that record is not held here, or by the
    backend, which sends zeros where a GAP covers it) passes here; pruning asks for proof.
    """
    if last is not None and mark.store == last.store and mark.rev < last.rev:
        return Verdict.stale
    if mark.next > max(known.end, hello.next if hello else 0):
        return Verdict.beyond
    expected = set(known.tags)
    if mark.tag == schema.FIRST_TAG:
        return Verdict.accepted
    if mark.next == 0:
        return Verdict.foreign
    if not expected and hello is not None and mark.next == hello.next:
        expected = {hello.tag}
    if expected and mark.tag not in expected:
        return Verdict.foreign
    return Verdict.accepted
