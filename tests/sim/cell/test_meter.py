"""The meter on a connection written down record by record: every byte counted, by its cause."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sim.cell.causes import Cause, Conversation, Reader
from sim.cell.meter import Estimate, Meter, Wiretap
from sim.cell.packets import FIN, SYN, Packet

A, B = (b"\x0a\0\0\2", 40000), (b"\x0a\0\0\1", 8883)


def record(kind: int, length: int) -> bytes:
    return bytes([kind, 3, 3]) + length.to_bytes(2, "big") + bytes(length)


# direction, bytes, cause: a connection as RFC 8446 and MQTT 5.0 order it
TALK: list[tuple[bool, bytes, Cause]] = [
    (True, record(22, 500), Cause.HANDSHAKE),  # ClientHello
    (False, record(22, 122) + record(20, 1), Cause.HANDSHAKE),
    (False, record(23, 27) + record(23, 700) + record(23, 60), Cause.HANDSHAKE),
    (True, record(20, 1) + record(23, 600) + record(23, 95) + record(23, 69), Cause.HANDSHAKE),
    (True, record(23, 60), Cause.HANDSHAKE),  # CONNECT
    (False, record(23, 250) + record(23, 250), Cause.HANDSHAKE),  # tickets
    (False, record(23, 30), Cause.HANDSHAKE),  # CONNACK
    (True, record(23, 40), Cause.HANDSHAKE),  # SUBSCRIBE
    (False, record(23, 23), Cause.HANDSHAKE),  # SUBACK
    (True, record(23, 150), Cause.PUBLISH),
    (False, record(23, 21), Cause.PUBLISH),  # PUBACK
    (False, record(23, 98), Cause.WATERMARK),
    (True, record(23, 19), Cause.KEEPALIVE),
    (False, record(23, 19), Cause.KEEPALIVE),
    (False, record(23, 1200), Cause.RELEASE),
]


def test_records_by_cause_however_they_are_cut() -> None:
    for step in (1, 4, 5, 7, 4096):
        talk = Conversation()
        readers = {up: Reader(talk, up) for up in (True, False)}
        for up, data, cause in TALK:
            begin = readers[up].at
            for at in range(0, len(data), step):
                readers[up].feed(data[at : at + step])
            assert readers[up].causes(begin, readers[up].at) == [(cause, len(data))]


def _packet(up: bool, seq: int, payload: bytes = b"", flags: int = 0) -> Packet:
    ends = (A, B) if up else (B, A)
    return Packet(52 + len(payload), 6, *ends, flags, seq, payload)


def test_every_byte_of_every_packet() -> None:
    meter = Meter("ip")
    tap = Wiretap(meter)
    seqs = {True: 1000, False: 2**32 - 100}  # wraps on the way
    total = 0
    for up in (True, False):
        tap.see(_packet(up, seqs[up] - 1, flags=SYN), up)
        total += 52
    expected = dict.fromkeys(Cause, 0) | {Cause.HANDSHAKE: 2 * 52}
    for number, (up, data, cause) in enumerate(TALK):
        copies = 1 + (number % 3 == 0)  # some are lost and sent again
        for _ in range(copies):
            tap.see(_packet(up, seqs[up], data), up)
            tap.see(_packet(not up, seqs[not up]), not up)  # its acknowledgement
        expected[cause] += copies * (52 + len(data) + 52)
        seqs[up] = (seqs[up] + len(data)) % 2**32
        total += copies * (104 + len(data))
    for up in (True, False):
        tap.see(_packet(up, seqs[up], flags=FIN), up)
        expected[Cause.HANDSHAKE] += 52
        total += 52
    assert {cause: meter.of(cause) for cause in Cause} == expected
    assert meter.total == total and meter.connections == 1
    table = meter.table()
    assert table.startswith("bytes, ip") and f"{total:,}" in table and "watermark" in table


def test_the_kernels_probes_are_keepalive_and_so_are_their_answers() -> None:
    meter = Meter("ip")
    tap = Wiretap(meter)
    data = b"".join(sent for up, sent, _ in TALK[:10] if up)
    tap.see(_packet(True, 999, flags=SYN), True)
    tap.see(_packet(False, 4999, flags=SYN), False)
    tap.see(_packet(True, 1000, data), True)
    tap.see(_packet(False, 5000), False)
    before = meter.of(Cause.KEEPALIVE)
    for _ in range(3):
        tap.see(_packet(True, 1000 + len(data) - 1), True)
        tap.see(_packet(False, 5000), False)
    assert before == 0 and meter.of(Cause.KEEPALIVE) == 3 * 104
    tap.see(_packet(True, 1000 + len(data), record(23, 150)), True)
    tap.see(_packet(False, 5000), False)
    assert meter.of(Cause.KEEPALIVE) == 3 * 104, "that acknowledges data"


def test_what_is_no_such_connection_is_other() -> None:
    meter = Meter("ip")
    tap = Wiretap(meter)
    tap.see(Packet(70, 17, A, (B[0], 53)), True)
    tap.see(_packet(False, 5, b"late"), False)
    assert meter.of(Cause.OTHER) == meter.total == 70 + 56


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2**32 - 1), st.binary(max_size=60))))
def test_whatever_comes_is_counted_once(packets: list[tuple[bool, int, bytes]]) -> None:
    meter = Meter("ip")
    tap = Wiretap(meter)
    tap.see(_packet(True, 7, flags=SYN), True)
    tap.see(_packet(False, 9, flags=SYN), False)
    for up, seq, payload in packets:
        tap.see(_packet(up, seq, payload), up)
    assert meter.total == 104 + sum(52 + len(payload) for _, _, payload in packets)


def test_estimates_come_near_to_packets() -> None:
    exact, near = Meter("ip"), Meter("estimated")
    tap, estimate = Wiretap(exact), Estimate(near)
    seqs = {True: 1, False: 1}
    tap.see(_packet(True, 0, flags=SYN), True)
    tap.see(_packet(False, 0, flags=SYN), False)
    tap.see(_packet(True, 1), True)
    for up, data, _ in itertools.chain(TALK, TALK[9:14] * 20):
        estimate.see(data, up)
        tap.see(_packet(up, seqs[up], data), up)
        tap.see(_packet(not up, seqs[not up]), not up)
        seqs[up] += len(data)
    assert abs(near.total - exact.total) / exact.total < 0.03
    assert near.table().startswith("bytes, estimated")
