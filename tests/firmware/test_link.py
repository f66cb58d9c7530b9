"""The dispenser's side of a session, against a host made of the host's own codec and framing."""

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from construct_typed import DataclassMixin

from protocol import chain, schema, wire
from protocol.framing import Deframer, Frame, encode
from protocol.schema import ErrorCode, MessageType

EPOCH = 0x11223344
KEYS = chain.BlockKeys(bytes(range(32)))


class Device:
    """The script, and what it said last."""

    def __init__(self, interpreter: Any, folder: Path, kind: str = "journal") -> None:
        command = interpreter.command("mp_serve_link.py", str(folder / "journal"), kind)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=interpreter.environment(),
        )
        self.told: dict[str, Any] = {}
        self._deframer = Deframer()

    def do(self, line: str) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the device died"
        self.told = json.loads(answer)
        return self.told

    def send(self, kind: int, message: DataclassMixin | bytes, ref: int = 1) -> None:
        body = message if isinstance(message, bytes) else wire.build(message)
        self.do("feed " + encode(Frame(type=int(kind), body=body, ref=ref)).hex())

    def drain(self) -> list[Frame]:
        frames = [bytes.fromhex(text) for text in self.do("drain")["frames"]]
        return [frame for data in frames for frame in self._deframer.feed(data)]

    def ask(self, kind: int, message: DataclassMixin | bytes, ref: int = 1) -> list[Frame]:
        self.send(kind, message, ref)
        return self.drain()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def device(interpreter: Any, tmp_path: Path) -> Iterator[Device]:
    made = Device(interpreter, tmp_path)
    yield made
    made.close()


def events(frames: list[Frame]) -> list[tuple[schema.Events, list[bytes]]]:
    parsed = [wire.parse(schema.Events, f.body) for f in frames if f.type == MessageType.events]
    return [(event, wire.events_records(event)) for event in parsed]


def seqs(frames: list[Frame]) -> list[int]:
    return [wire.seq_of(raw) for _, raws in events(frames) for raw in raws]


def read(start: int, window: int = 2048, epoch: int = EPOCH) -> schema.Read:
    return schema.Read(epoch=epoch, start=start, window=window)


def errors(frames: list[Frame]) -> list[ErrorCode]:
    parsed = [wire.parse(schema.Error, f.body) for f in frames if f.type == MessageType.error]
    return [error.code for error in parsed]


def test_hello(device: Device) -> None:
    device.do("append 3")
    (frame,) = device.ask(MessageType.hello, schema.HelloRequest(oldest=1, newest=4), ref=77)
    hello = wire.parse(schema.Hello, frame.body)
    assert (frame.ref, frame.reply, frame.from_host) == (77, True, False)
    assert (hello.device_id, hello.board) == (bytes(range(8)), b"pico\0\0\0\0")
    assert (hello.epoch, hello.first, hello.next, hello.boot) == (EPOCH, 0, 3, 7)
    assert (hello.version, hello.nonce) == (1, 99)
    (other,) = device.ask(MessageType.hello, schema.HelloRequest(oldest=2, newest=4))
    assert errors([other]) == [ErrorCode.out_of_range]


@pytest.mark.parametrize("window", [77, 300, 1024, 2048, 65535])
def test_window_is_never_exceeded_and_all_arrives(device: Device, window: int) -> None:
    device.do("append 150")
    allowed = min(window, schema.MAX_WINDOW)
    frames = device.ask(MessageType.read, read(0, window), ref=9)
    got: list[bytes] = []
    previous = schema.FIRST_TAG
    while frames:
        assert sum(len(frame.body) for frame in frames) <= allowed
        assert all(frame.ref == 9 and len(frame.body) <= schema.MAX_BODY for frame in frames)
        for event, raws in events(frames):
            assert event.previous == previous
            for raw in raws:
                assert chain.verifies(KEYS, previous, raw)
                previous = wire.tag_of(raw)
            got += raws
        ack = schema.Ack(epoch=EPOCH, next=wire.seq_of(got[-1]) + 1)
        frames = device.ask(MessageType.ack, ack)
    assert [wire.seq_of(raw) for raw in got] == list(range(150))


def test_partial_and_stale_acks(device: Device) -> None:
    device.do("append 150")
    first = device.ask(MessageType.read, read(0))
    parts = [len(raws) for _, raws in events(first)]
    assert len(parts) == 2
    sent = seqs(first)[-1]
    assert device.ask(MessageType.ack, schema.Ack(epoch=EPOCH, next=1)) == []
    more = device.ask(MessageType.ack, schema.Ack(epoch=EPOCH, next=parts[0]))
    assert seqs(more)[0] == sent + 1
    under_way = sum(len(frame.body) for frame in [first[1], *more])
    assert under_way <= 2048
    assert device.ask(MessageType.ack, schema.Ack(epoch=EPOCH, next=parts[0])) == []


def test_new_records_follow_as_they_are_written(device: Device) -> None:
    device.ask(MessageType.read, read(0), ref=3)
    for n in range(40):
        device.do("append 1")
        frames = device.drain()
        assert seqs(frames) == [n] and frames[0].ref == 3
        assert device.ask(MessageType.ack, schema.Ack(epoch=EPOCH, next=n + 1)) == []


def test_a_new_read_replaces_the_old_one_and_its_credit(device: Device) -> None:
    device.do("append 150")
    device.ask(MessageType.read, read(0), ref=1)
    frames = device.ask(MessageType.read, read(60), ref=2)
    assert seqs(frames)[0] == 60 and {frame.ref for frame in frames} == {2}
    (event, raws), *_ = events(frames)
    assert chain.verifies(KEYS, event.previous, raws[0])


def test_hello_during_a_read_is_answered_at_once(device: Device) -> None:
    device.do("append 150")
    device.send(MessageType.read, read(0))
    frames = device.ask(MessageType.hello, schema.HelloRequest(oldest=1, newest=1), ref=5)
    assert [frame.type for frame in frames] == [MessageType.hello] + [MessageType.events] * 2


def test_refusals(device: Device) -> None:
    device.do("append 5")
    cases: list[tuple[int, DataclassMixin | bytes, ErrorCode]] = [
        (MessageType.read, read(6), ErrorCode.out_of_range),
        (MessageType.read, read(0, epoch=1), ErrorCode.wrong_epoch),
        (MessageType.read, b"\0" * 9, ErrorCode.malformed),
        (MessageType.ack, schema.Ack(epoch=1, next=0), ErrorCode.wrong_epoch),
        (MessageType.ack, schema.Ack(epoch=EPOCH, next=6), ErrorCode.out_of_range),
        (MessageType.time, bytes((0, 0, 0, 1, 3, 232, 0, 0, 0, 1, 1)), ErrorCode.malformed),
        (MessageType.watermark, b"\0" * 24, ErrorCode.malformed),
        (MessageType.config_get, b"", ErrorCode.unknown_message),
        (0xEE, b"", ErrorCode.unknown_message),
    ]  # fmt: skip
    for n, (kind, message, code) in enumerate(cases):
        frames = device.ask(kind, message, ref=n)
        assert errors(frames) == [code], (kind, message)
        refused = wire.parse(schema.Error, frames[0].body)
        assert (refused.type, frames[0].ref) == (kind, n)
    assert device.told["refused"] == len(cases)
    assert seqs(device.ask(MessageType.read, read(5))) == []
    assert seqs(device.ask(MessageType.read, read(0))) == [0, 1, 2, 3, 4]


def test_time_and_watermark_are_taken(device: Device) -> None:
    time = schema.Time(time=91_000_000, ms=999, uncertainty=40, source=schema.TimeSource.gateway)
    assert device.ask(MessageType.time, time) == []
    assert device.told["times"] == [[91_000_000, 999, 40, 1]]
    mark = schema.Watermark(EPOCH, 3, bytes(8), 1, 2, [schema.Range(5, 6)], [4])
    assert device.ask(MessageType.watermark, mark) == [] and device.told["watermark"]


def test_a_newer_gateway_talks_this_version_or_is_told(device: Device) -> None:
    def as_v2(kind: int, body: bytes) -> list[Frame]:
        device.do("feed " + encode(Frame(type=kind, body=body, ref=1, version=2)).hex())
        return device.drain()

    both = wire.build(schema.HelloRequest(oldest=1, newest=2)) + b"more of v2"
    (frame,) = as_v2(MessageType.hello, both)
    assert (frame.version, wire.parse(schema.Hello, frame.body).version) == (1, 1)
    only_v2 = wire.build(schema.HelloRequest(oldest=2, newest=3))
    assert errors(as_v2(MessageType.hello, only_v2)) == [ErrorCode.out_of_range]
    assert errors(as_v2(MessageType.read, wire.build(read(0)))) == [ErrorCode.unknown_message]
    # trailing fields of a newer host are no error
    assert errors(device.ask(MessageType.read, wire.build(read(0)) + b"more")) == []
    assert errors(device.ask(0x77, b"")) == [ErrorCode.unknown_message]


def test_a_gateway_says_for_how_long_it_has_had_no_way(device: Device) -> None:
    def told(*body: int) -> int:
        (frame,) = device.ask(MessageType.hello, bytes(body))
        assert wire.parse(schema.Hello, frame.body).version == 1
        return int(device.told["away"])

    assert told(1, 1, 12) == 12
    assert told(1, 1) == 0, "an older one says nothing"
    assert told(1, 4, 255, 99, 98) == 255, "a newer one says more"
    # neither half a greeting nor one for others says anything
    for body, code in (((1,), ErrorCode.malformed), ((2, 3, 0), ErrorCode.out_of_range)):
        assert errors(device.ask(MessageType.hello, bytes(body))) == [code]
        assert device.told["away"] == 255


def test_without_a_journal(interpreter: Any, tmp_path: Path) -> None:
    device = Device(interpreter, tmp_path, "none")
    (frame,) = device.ask(MessageType.hello, schema.HelloRequest(oldest=1, newest=1))
    assert wire.parse(schema.Hello, frame.body).epoch == 0
    for kind, message in ((MessageType.read, read(0)), (MessageType.ack, schema.Ack(0, 0))):
        assert errors(device.ask(kind, message)) == [ErrorCode.not_provisioned]
    device.close()


def test_garbage_between_frames_costs_nothing_else(device: Device) -> None:
    seed = 5
    rng = random.Random(seed)
    device.do("append 5")
    request = encode(Frame(MessageType.hello, wire.build(schema.HelloRequest(1, 1))))
    for _ in range(60):
        noise = rng.randbytes(rng.randrange(3000))
        cut = request[: rng.randrange(len(request))]
        device.do("feed " + (noise + b"~" + cut + request).hex())
        answered = [frame.type for frame in device.drain()]
        assert answered[-1] == MessageType.hello, f"seed {seed}"
    fcs, short, long, foreign = device.told["counts"]
    assert fcs and short and long and not foreign


def test_frames_of_another_dispenser_are_foreign(device: Device) -> None:
    frame = Frame(MessageType.hello, wire.build(schema.HelloRequest(1, 1)), from_host=False)
    device.do("feed " + encode(frame).hex())
    assert device.drain() == [] and device.told["counts"][3] == 1


def test_a_host_that_never_reads_costs_bounded_memory(device: Device) -> None:
    for _ in range(30):
        device.send(MessageType.hello, schema.HelloRequest(oldest=1, newest=1))
    assert len(device.drain()) + device.told["dropped"] == 30
    assert device.told["dropped"] == 22
