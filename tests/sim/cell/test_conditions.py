"""What a cell does to packets, on numbers worked out by hand; no time passes."""

import random

import pytest

from sim.cell.conditions import PATTERNS, Conditions, Lane, stalls
from sim.cell.nat import Nat
from sim.cell.packets import SYN, Packet, read

A, B = (b"\x0a\0\0\2", 40000), (b"\x0a\0\0\1", 8883)
SILENT = Conditions(delay_s=0.03, jitter_s=0.0)


def _lane(how: Conditions, up: bool = True) -> Lane:
    return Lane(how, up, random.Random(1))


def test_delay_and_bandwidth() -> None:
    how = Conditions(delay_s=0.03, jitter_s=0.0, up_bps=8000.0)
    lane = _lane(how)
    # 1000 bytes take a second at 8 kbit/s; the second waits for the first
    assert lane.take(1000, 5.0) == pytest.approx(6.03)
    assert lane.take(500, 5.0) == pytest.approx(6.53)
    assert _lane(how, up=False).take(1000, 5.0) == pytest.approx(5.03)


def test_a_full_queue_drops_and_drains() -> None:
    lane = _lane(Conditions(delay_s=0.0, jitter_s=0.0, up_bps=8000.0))
    taken = [lane.take(1000, 0.0) for _ in range(10)]
    # at most 4 s of waiting: packets 1 to 5
    assert [one is not None for one in taken] == [True] * 5 + [False] * 5
    assert lane.take(1000, 5.0) == pytest.approx(6.0)


def test_jitter_stays_in_its_bounds_and_keeps_order() -> None:
    lane = _lane(Conditions(delay_s=0.06, jitter_s=0.02))
    arrivals = [lane.take(100, at * 0.1) for at in range(1000)]
    waits = [at - n * 0.1 for n, at in enumerate(arrivals) if at is not None]
    assert len(waits) == 1000 and arrivals == sorted(arrivals)  # type: ignore[type-var]
    assert min(waits) >= 0.04 and max(waits) <= 0.08 and max(waits) - min(waits) > 0.03


def test_loss_is_as_often_as_said() -> None:
    lane = _lane(Conditions(loss=0.02))
    lost = sum(lane.take(100, float(n)) is None for n in range(10_000))
    assert 150 <= lost <= 250
    # who repeats gets all through, what was lost 200 ms and a round trip later
    lane = _lane(Conditions(delay_s=0.05, jitter_s=0.0, loss=0.5))
    waits = {round((lane.take(10, float(n), repeats=True) or 0) - n, 3) for n in range(50)}
    assert waits == {0.05, 0.35}


def test_black_hole_and_stall() -> None:
    how = Conditions(delay_s=0.03, jitter_s=0.0)
    lane = _lane(how)
    how.black_hole = True
    assert lane.take(100, 0.0) is None and lane.take(100, 0.0, repeats=True) is None
    how.black_hole, how.stall_until = False, 20.0
    assert lane.take(100, 1.0) == pytest.approx(20.03)
    assert lane.take(100, 30.0) == pytest.approx(30.03)


def test_stalls_are_frequent_and_short() -> None:
    found = stalls(86_400.0, random.Random(3))
    assert 100 < len(found) < 200
    assert all(5.0 <= one.seconds <= 60.0 and one.stall for one in found)
    assert sum(one.seconds for one in PATTERNS["ten minutes a day"]) == 600.0


def test_nat_knows_what_began_inside_and_forgets_what_is_silent() -> None:
    how = Conditions(nat_timeout_s=300.0)
    nat = Nat(how)
    out, back = Packet(52, 6, A, B), Packet(52, 6, B, A)
    assert not nat.passes(back, False, 0.0), "nobody called from inside"
    assert nat.passes(out._replace(flags=SYN), True, 0.0)
    assert nat.passes(back, False, 299.0) and nat.passes(out, True, 598.0)
    assert not nat.passes(back, False, 899.0)
    assert not nat.passes(out, True, 900.0), "forgotten for good, until a new SYN"
    assert nat.passes(out._replace(flags=SYN), True, 901.0)
    nat.forget()
    assert not nat.passes(back, False, 902.0)
    how.names_fail = True
    name = Packet(60, 17, A, (B[0], 53))
    assert not nat.passes(name, True, 0.0) and nat.passes(out._replace(flags=SYN), True, 0.0)


def test_packets_are_read_by_their_bytes() -> None:
    # IPv4 header of 20, TCP header of 20 and 3 bytes of payload, as RFC 791 and RFC 9293 lay out
    tcp = bytes.fromhex("9c4022b3 00000007 00000009 5018 0400 0000 0000".replace(" ", ""))
    data = b"\x45\0\0\x2b" + bytes(5) + b"\6\0\0" + A[0] + B[0] + tcp + b"abc"
    found = read(data)
    assert found == Packet(43, 6, A, B, 0x18, 7, b"abc")
    assert read(data[:30]) == Packet(30, 6, (A[0], 0), (B[0], 0))
    assert read(b"") is None and read(b"\x60" + bytes(50)) is None
    for end in range(len(data)):
        read(data[:end])
