"""How a watermark is judged: nothing is pruned or passed over on a doubtful one."""

import enum

from gateway.spool import Known
from protocol import schema


class Verdict(enum.Enum):
    """What a watermark is worth; the value is the name of its counter."""

    accepted = "watermarks"
    stale = "watermark_stale"
    beyond = "watermark_beyond"
    foreign = "watermark_foreign"


def judge(
    mark: schema.Watermark,
    last: schema.Watermark | None,
    known: Known,
    hello: schema.Hello | None,
) -> Verdict:
    """Judge a watermark by the last one accepted, the spool and the dispenser's last HELLO.

    Same store: the higher rev wins, the same rev again is an answer like any other. New store: a
    lower `next` is taken. A tag that cannot be compared (that record is not held) passes here;
    pruning asks for proof.
    """
    if last is not None and mark.store == last.store and mark.rev < last.rev:
        return Verdict.stale
    if mark.next > max(known.end, hello.next if hello else 0):
        return Verdict.beyond
    expected = set(known.tags)
    if mark.next == 0:
        expected = {schema.FIRST_TAG}
    elif not expected and hello is not None and mark.next == hello.next:
        expected = {hello.tag}
    if expected and mark.tag not in expected:
        return Verdict.foreign
    return Verdict.accepted
