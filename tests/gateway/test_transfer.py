"""What the host side of a transfer sends next, against answers written by hand."""

import pytest

from gateway.transfer import ANSWER_WITHIN, CHUNK, Outcome, Transfer
from protocol import schema, wire
from protocol.commands import Signer
from protocol.schema import MessageType, RefusedReason

MANIFEST = b"manifest " * 20
FILES = [b"a" * 2500, b"b" * 3]
BEGIN, DATA, END = (
    MessageType.release_begin, MessageType.release_chunk, MessageType.release_end,
)  # fmt: skip


def command(files: int = 2, manifest: bytes = MANIFEST) -> bytes:
    return wire.build(Signer(bytes(32), bytes(8)).release_begin((1, 2, 3), files, manifest))


@pytest.fixture
def transfer() -> Transfer:
    return Transfer(command(), [MANIFEST, *FILES])


def progress(file: int, offset: int, refused: int = 0) -> bytes:
    return bytes((file,)) + offset.to_bytes(4, "big") + bytes((refused,))


def hello(*version: int) -> schema.Hello:
    fixed = bytes(8) + b"pico\0\0\0\0" + bytes(version) + bytes((1, 0))
    return wire.parse(schema.Hello, fixed + bytes(2 + 12 + 8 + 8) + b"\1" + bytes(4))


def test_it_sends_what_is_wanted(transfer: Transfer) -> None:
    assert transfer.due(0) == (BEGIN, command()) and transfer.left() == 180 + 2503
    for wanted, body in [
        ((0, 0), b"\0\0\0\0\0" + MANIFEST),
        ((0, 100), b"\0\0\0\0\x64" + MANIFEST[100:]),
        ((1, 0), b"\1\0\0\0\0" + b"a" * CHUNK),
        ((1, 2038), b"\1\0\0\x07\xf6" + b"a" * 462),
        ((2, 0), b"\2\0\0\0\0bbb"),
    ]:
        transfer.take(progress(*wanted), 1)
        assert transfer.due(1) == (DATA, body)
        assert transfer.due(1 + ANSWER_WITHIN - 0.1) is None
    assert transfer.left() == 3
    transfer.take(progress(255, 0), 2)
    assert transfer.due(2) == (END, b"") and transfer.left() == 0


def test_a_silent_dispenser_is_asked_again_from_the_start(transfer: Transfer) -> None:
    transfer.due(0)
    transfer.take(progress(1, 0), 1)
    assert transfer.due(1) is not None
    assert transfer.due(1 + ANSWER_WITHIN) == (BEGIN, command())


def test_end_is_said_again_only_after_a_while(transfer: Transfer) -> None:
    transfer.take(progress(255, 0), 0)
    assert transfer.due(0) == (END, b"")
    transfer.take(progress(255, 0), 1)
    assert transfer.due(1) is None
    assert transfer.due(1 + ANSWER_WITHIN) == (BEGIN, command())


def test_a_new_session_asks_first_and_sees_the_new_release(transfer: Transfer) -> None:
    transfer.take(progress(2, 0), 0)
    transfer.greeted(hello(1, 2, 2))
    assert transfer.outcome is None and transfer.due(0) == (BEGIN, command())
    transfer.greeted(hello(1, 2, 3))
    assert transfer.outcome is Outcome.installed and transfer.due(50) is None


@pytest.mark.parametrize("reason", set(RefusedReason) - {RefusedReason.rule, RefusedReason.digest})
def test_a_refusal_for_good_ends_it(transfer: Transfer, reason: RefusedReason) -> None:
    transfer.take(progress(0, 0, reason), 0)
    assert (transfer.outcome, transfer.reason) == (Outcome.refused, reason)
    assert transfer.due(99) is None


@pytest.mark.parametrize("reason", [RefusedReason.rule, RefusedReason.digest])
def test_a_refusal_that_may_pass_ends_it_the_fourth_time(
    transfer: Transfer, reason: RefusedReason
) -> None:
    for _ in range(3):
        transfer.take(progress(1, 0, reason), 0)
        again = (BEGIN, command()) if reason == RefusedReason.rule else None
        sent = transfer.due(0)
        assert sent == again or (again is None and sent and sent[0] == DATA)
    transfer.take(progress(1, 0, reason), 0)
    assert transfer.reason == reason and transfer.outcome is Outcome.refused


def test_a_dispenser_that_wants_what_there_is_not_ends_it(transfer: Transfer) -> None:
    for wanted in ((3, 0), (0, len(MANIFEST)), (2, 4), (1, 1 << 31)):
        one = Transfer(command(), [MANIFEST, *FILES])
        one.take(progress(*wanted), 0)
        assert one.outcome is Outcome.refused and one.due(0) is None, wanted


def test_a_malformed_answer_raises_and_changes_nothing(transfer: Transfer) -> None:
    transfer.due(0)
    for size in range(6):
        with pytest.raises(wire.WireError):
            transfer.take(bytes(size), 0)
    assert transfer.due(0) is None and transfer.outcome is None


@pytest.mark.parametrize(
    ("begin", "contents"),
    [
        (command(files=3), [MANIFEST, *FILES]),
        (command(), [MANIFEST + b"x", *FILES]),
        (command(), [MANIFEST]),
        (command(), []),
        (command()[:-1], [MANIFEST, *FILES]),
    ],
)
def test_what_does_not_belong_together_is_refused(begin: bytes, contents: list[bytes]) -> None:
    with pytest.raises(wire.WireError):
        Transfer(begin, contents)
