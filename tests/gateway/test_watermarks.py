"""The rules by which a watermark is taken or ignored, as a table."""

import pytest

from gateway.spool import Known
from gateway.watermarks import Verdict, judge, parse
from protocol import schema

A, B = b"A" * 8, b"B" * 8
ZERO = bytes(8)


def _mark(following: int, tag: bytes, store: int = 1, rev: int = 5) -> schema.Watermark:
    return schema.Watermark(
        epoch=9, next=following, tag=tag, store=store, rev=rev, ranges=[], refused=[]
    )


def _hello(following: int, tag: bytes) -> schema.Hello:
    return schema.Hello(
        device_id=bytes(8), board=bytes(8), major=0, minor=0, patch=0, version=1,
        service=schema.Service.ok, boot=1, epoch=9, first=0, next=following, tag=tag, uptime=1,
        time=1, quality=schema.Quality.synced, nonce=1,
    )  # fmt: skip


LAST = _mark(50, A)
HELD = Known(100, frozenset([A]))
NOT_HELD = Known(100, frozenset())
FORKED = Known(100, frozenset([A, B]))


@pytest.mark.parametrize(
    ("mark", "last", "known", "hello", "verdict"),
    [
        (_mark(60, A), None, HELD, None, Verdict.accepted),
        (_mark(60, A, rev=6), LAST, HELD, None, Verdict.accepted),
        (_mark(60, A, rev=5), LAST, HELD, None, Verdict.accepted),
        (_mark(60, A, rev=4), LAST, HELD, None, Verdict.stale),
        (_mark(10, A, store=2, rev=1), LAST, HELD, None, Verdict.accepted),
        (_mark(0, ZERO, store=2, rev=0), LAST, NOT_HELD, None, Verdict.accepted),
        (_mark(0, A, store=2), LAST, NOT_HELD, None, Verdict.foreign),
        (_mark(60, ZERO), None, HELD, None, Verdict.accepted),
        (_mark(101, ZERO), None, HELD, None, Verdict.beyond),
        (_mark(101, A), None, NOT_HELD, None, Verdict.beyond),
        (_mark(100, A), None, HELD, None, Verdict.accepted),
        (_mark(200, A), None, NOT_HELD, _hello(200, A), Verdict.accepted),
        (_mark(200, A), None, NOT_HELD, _hello(200, B), Verdict.foreign),
        (_mark(201, A), None, NOT_HELD, _hello(200, A), Verdict.beyond),
        (_mark(60, B), None, HELD, None, Verdict.foreign),
        (_mark(60, B), None, FORKED, None, Verdict.accepted),
        (_mark(60, B), None, NOT_HELD, None, Verdict.accepted),
    ],
)
def test_rules(
    mark: schema.Watermark,
    last: schema.Watermark | None,
    known: Known,
    hello: schema.Hello | None,
    verdict: Verdict,
) -> None:
    assert judge(mark, last, known, hello) is verdict


@pytest.mark.parametrize(
    "topic",
    [
        "rtm/v1/gw-2/dn/0101010101010101/watermark",
        "rtm/v1/gw-1/up/0101010101010101/watermark",
        "rtm/v1/gw-1/dn/0101010101010101/config",
        "rtm/v1/gw-1/dn/01/watermark",
        "rtm/v1/gw-1/dn/0101010101010101/watermark/more",
        "",
    ],
)
def test_only_our_watermarks(topic: str) -> None:
    body = bytes(4 + 4 + 8 + 4 + 4 + 2)
    assert parse("gw-1", "rtm/v1/gw-1/dn/0101010101010101/watermark", body)[1].next == 0
    with pytest.raises(ValueError):
        parse("gw-1", topic, body)
    with pytest.raises(ValueError):
        parse("gw-1", "rtm/v1/gw-1/dn/0101010101010101/watermark", body[:-1])
