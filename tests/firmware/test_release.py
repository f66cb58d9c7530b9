"""A release over the wire: taken whole, gone on with, or refused and told."""

import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol import schema, wire
from protocol.commands import Signer
from protocol.framing import Frame, encode
from protocol.schema import MessageType, RefusedReason, ReleaseAction
from tests.firmware.releasing import ID, SECRET, VERSION, Device, Host
from tests.support import releases

RECEIVED, REFUSED = ReleaseAction.received, ReleaseAction.refused
Make = Callable[..., Device]


@pytest.fixture
def make(interpreter: Any, tmp_path: Path) -> Iterator[Make]:
    made: list[Device] = []

    def one(version: str = "0.1.0") -> Device:
        made.append(Device(interpreter, tmp_path / str(len(made)), version))
        return made[-1]

    yield one
    for device in made:
        device.close()


@pytest.fixture
def device(make: Make) -> Device:
    return make()


def test_a_release_is_taken_told_and_started(device: Device) -> None:
    host = Host(releases.files(1))
    old = {"dispenser/gone.mpy": b"old", "dispenser/link.mpy": b"old", "state": b"confirmed"}
    for path, content in old.items():
        target = device.root / "slots" / "b" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    first = host.step(device)
    assert first == schema.ReleaseProgress(0, 0, 0) and "state" not in device.slot()
    host.run(device)
    assert device.slot() == host.expected() and device.pointer() == "b"
    assert device.records == [(RECEIVED, VERSION, 0, 1)] and device.told["restarts"] == 1


def test_what_is_there_already_is_not_asked_for(device: Device) -> None:
    host = Host(releases.files(1))
    for path in ("dispenser/app.mpy", "version"):
        target = device.root / "slots" / "b" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(host.files[path])
    host.run(device)
    assert device.slot() == host.expected()
    assert host.bytes_sent() == 90 + 4096 + 1


def test_it_goes_on_after_a_restart_at_any_message(device: Device) -> None:
    host = Host(releases.files(2))
    while True:
        wanted = host.step(device)
        if wanted is None or wanted.file == 255:
            break
        device.do("restart")
        host.transfer.greeted(hello((0, 1, 0)))
        again = host.step(device)
        assert again == wanted
    host.run(device)
    assert device.slot() == host.expected() and device.records == [(RECEIVED, VERSION, 0, 1)]
    assert host.bytes_sent() == sum(map(len, host.expected().values())) - len(host.signed)


def hello(version: tuple[int, int, int]) -> schema.Hello:
    zeros = [0] * 9
    return schema.Hello(
        ID, b"pico", *version, 1, schema.Service.ok, *zeros[:4], bytes(8), 0, 0,
        schema.Quality.rtc, 0,
    )  # fmt: skip


def test_it_waits_until_nobody_is_at_it_and_its_own_release_is_confirmed(device: Device) -> None:
    host = Host(releases.files(1))
    while (progress := host.step(device)) and progress.file != 255:
        pass
    device.do("busy 1")
    end = "feed " + frame(MessageType.release_end, b"")
    assert device.do(end) + device.do("run") == [] and device.pointer() == "a"
    # it may be asked meanwhile
    assert host_progress(device, host) == schema.ReleaseProgress(255, 0, 0)
    device.do("settled 0")
    device.do("busy 0")
    assert device.do("run") == [] and device.pointer() == "a"
    device.do("settled 1")
    (answer,) = device.do("run")
    assert wire.parse(schema.ReleaseProgress, answer.body).file == 255
    assert device.pointer() == "b" and device.told["restarts"] == 1


def test_what_it_could_fall_back_to_is_kept_until_its_own_release_is_confirmed(
    device: Device,
) -> None:
    state = device.root / "slots" / "b" / "state"
    state.write_bytes(b"confirmed")
    host = Host(releases.files(1))
    device.do("settled 0")
    begin = "feed " + frame(MessageType.release_begin, wire.build(host.begin))
    assert device.do(begin) + device.do("run") == []
    assert state.read_bytes() == b"confirmed" and device.records == []
    device.do("settled 1")
    (answer,) = device.do("run")
    assert wire.parse(schema.ReleaseProgress, answer.body) == schema.ReleaseProgress(0, 0, 0)
    assert not state.exists()
    host.run(device)
    assert device.slot() == host.expected()


def frame(kind: MessageType, body: bytes) -> str:
    return encode(Frame(int(kind), body, ref=7)).hex()


def host_progress(device: Device, host: Host) -> schema.ReleaseProgress:
    return device.ask(MessageType.release_begin, wire.build(host.begin))


# ---- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"boards": ("pico2", "pico_w")}, RefusedReason.board),
        ({"protocol": 2}, RefusedReason.protocol),
        ({"micropython": "1.29.0"}, RefusedReason.micropython),
        ({"micropython": "one"}, RefusedReason.malformed),
    ],
)
def test_what_does_not_run_here_is_refused(
    device: Device, manifest: dict[str, Any], reason: RefusedReason
) -> None:
    host = Host(releases.files(3), **manifest)
    host.run(device)
    assert host.transfer.reason == reason
    assert device.records == [(REFUSED, VERSION, reason, 1)]
    assert device.pointer() == "a" and host.bytes_sent() == 0


@pytest.mark.parametrize(
    "files",
    [
        {"dispenser/link.mpy": 10},  # no app
        {"dispenser/app.mpy": 10, "dispenser/../../boot.mpy": 10},
        {"dispenser/app.mpy": 10, "dispenser//x.mpy": 10},
        {"dispenser/app.mpy": 10, "dispenser/part": 10},
        {"dispenser/app.mpy": 10, "dispenser/Über.mpy": 10},
        {"dispenser/app.mpy": 10, "dispenser/" + "x" * 60 + ".mpy": 10},
        {"dispenser/app.mpy": 0},
    ],
)
def test_a_manifest_with_odd_paths_is_refused(device: Device, files: dict[str, int]) -> None:
    host = Host(releases.files(3, files))
    host.run(device)
    assert device.records == [(REFUSED, VERSION, RefusedReason.malformed, 1)]
    assert set(device.slot()) == {"manifest.json"}


def test_too_large_is_refused(device: Device) -> None:
    sizes = {f"dispenser/m{n:02}.mpy": 4097 for n in range(25)}
    host = Host(releases.files(3, sizes | {"dispenser/app.mpy": 513}))
    host.run(device)
    assert device.records == [(REFUSED, VERSION, RefusedReason.size, 1)]
    fits = Host(releases.files(3, sizes | {"dispenser/app.mpy": 512}), Signer(SECRET, ID, 1))
    fits.step(device)
    while host_progress(device, fits).file == 0:
        fits.step(device)
    assert device.records[1:] == []
    large = Signer(SECRET, ID, 5).release_begin(VERSION, 1, bytes(16385))
    assert device.ask(MessageType.release_begin, wire.build(large)).refused == RefusedReason.size


@pytest.mark.parametrize("version", ["0.2.0", "0.2.1", "1.0.0"])
def test_a_release_that_is_not_newer_is_refused(make: Make, version: str) -> None:
    device = make(version)
    host = Host(releases.files(3))
    host.run(device)
    assert device.records == [(REFUSED, VERSION, RefusedReason.version, 0)]
    assert not device.slot()


def test_one_that_was_under_way_is_not_gone_on_with_once_a_newer_one_runs(
    make: Make, interpreter: Any
) -> None:
    device = make()
    host = Host(releases.files(3))
    for _ in range(4):
        host.step(device)
    later = Device(interpreter, device.root, "0.3.0")
    try:
        assert host_progress(later, host).refused == RefusedReason.counter
    finally:
        later.close()


def test_a_forged_or_replayed_command_is_refused(device: Device) -> None:
    host = Host(releases.files(4))
    good = wire.build(host.begin)
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        progress = device.ask(MessageType.release_begin, bytes(bad))
        assert progress == schema.ReleaseProgress(0, 0, RefusedReason.mac), at
    assert len(device.records) == len(good) and not device.slot()
    other = Signer(bytes(32), ID).release_begin(VERSION, len(host.files), host.signed)
    assert device.ask(MessageType.release_begin, wire.build(other)).refused == RefusedReason.mac
    host.run(device)
    device.do("restart")
    progress = device.ask(MessageType.release_begin, good)
    assert progress.refused == RefusedReason.counter
    assert device.records[-1] == (REFUSED, VERSION, RefusedReason.counter, 1)


def test_a_bit_flipped_is_noticed_and_that_file_sent_again(device: Device) -> None:
    rng = random.Random(6)
    host = Host(releases.files(5))
    to_flip = {0, 2, 4}
    while (message := host.transfer.due(0.0)) is not None:
        kind, body = message
        if kind == MessageType.release_chunk and body[0] in to_flip:
            to_flip.discard(body[0])
            at = rng.randrange(5, len(body))
            body = body[:at] + bytes((body[at] ^ 1 << rng.randrange(8),)) + body[at + 1 :]
        host.transfer.take(wire.build(device.ask(kind, body)), 0.0)
    told = [(action, reason) for action, _, reason, _ in device.records]
    assert told == [(REFUSED, RefusedReason.digest)] * 3 + [(RECEIVED, 0)]
    assert device.slot() == host.expected() and device.pointer() == "b"


def test_what_rots_on_flash_before_the_switch_is_sent_again(device: Device) -> None:
    host = Host(releases.files(5))
    while (progress := host.step(device)) and progress.file != 255:
        pass
    rotten = device.root / "slots" / "b" / "dispenser" / "link.mpy"
    rotten.write_bytes(b"\0" + rotten.read_bytes()[1:])
    progress = host.step(device)
    assert progress and progress.refused == RefusedReason.digest and device.pointer() == "a"
    host.run(device)
    assert device.slot() == host.expected() and device.pointer() == "b"


def test_out_of_order(device: Device) -> None:
    chunk = schema.ReleaseChunk(0, 0, bytes(300))
    for kind, body in (
        (MessageType.release_chunk, wire.build(chunk)), (MessageType.release_end, b""),
    ):  # fmt: skip
        assert device.ask(kind, body) == schema.ReleaseProgress(0, 0, RefusedReason.rule)
        assert device.records[-1] == (REFUSED, (0, 0, 0), RefusedReason.rule, 0)
    host = Host(releases.files(6))
    for _ in range(4):
        wanted = host.step(device)
    assert wanted and wanted.offset
    before = device.slot()
    for other in (
        schema.ReleaseChunk(wanted.file, 0, host.contents[wanted.file][:500]),
        schema.ReleaseChunk(wanted.file, wanted.offset + 1, bytes(500)),
        schema.ReleaseChunk(wanted.file + 1, wanted.offset, bytes(500)),
        schema.ReleaseChunk(254, 0, bytes(500)),
    ):
        # as after a lost answer: nothing is taken, and it says again what it wants
        assert device.ask(MessageType.release_chunk, wire.build(other)) == wanted
    assert device.slot() == before and len(device.records) == 2
    for size, reason in ((0, RefusedReason.malformed), (255, RefusedReason.malformed)):
        small = schema.ReleaseChunk(wanted.file, wanted.offset, bytes(size))
        progress = device.ask(MessageType.release_chunk, wire.build(small))
        assert progress == dataclasses.replace(wanted, refused=reason)
    progress = device.ask(MessageType.release_end, b"")
    assert progress == dataclasses.replace(wanted, refused=RefusedReason.rule)
    assert device.slot() == before
    host.run(device)
    assert device.slot() == host.expected()


def test_more_than_a_file_should_have_is_refused(device: Device) -> None:
    host = Host(releases.files(7))
    while (wanted := host.step(device)) and wanted.file == 0:
        pass
    assert wanted
    more = schema.ReleaseChunk(wanted.file, 0, bytes(1019))
    size = len(host.contents[wanted.file])
    answers = [device.ask(MessageType.release_chunk, wire.build(more))]
    for at in range(1019, size + 1019, 1019):
        more = schema.ReleaseChunk(wanted.file, at, bytes(1019))
        answers.append(device.ask(MessageType.release_chunk, wire.build(more)))
    assert RefusedReason.size in [answer.refused for answer in answers]
    assert (device.root / "slots" / "b" / "part").stat().st_size <= size


def test_a_newer_command_takes_the_place_of_one_under_way(device: Device) -> None:
    signer = Signer(SECRET, ID)
    first, second = Host(releases.files(8), signer), Host(releases.files(9), signer)
    for _ in range(6):
        first.step(device)
    second.run(device)
    assert device.slot() == second.expected() and device.pointer() == "b"
    assert host_progress(device, first) == schema.ReleaseProgress(255, 0, 0), "it restarts now"


@pytest.mark.parametrize("steps", range(5))
def test_the_same_command_again_while_it_is_being_accepted(device: Device, steps: int) -> None:
    (device.root / "slots" / "b" / "state").write_bytes(b"confirmed")
    host = Host(releases.files(1))
    begin = "feed " + frame(MessageType.release_begin, wire.build(host.begin))
    device.do(begin)
    for _ in range(steps):
        device.do("step")
    device.do(begin)
    for _ in range(20):
        device.do("step")
    device.do("restart")
    assert "state" not in device.slot() and "incoming" in device.slot()
    host.run(device)
    assert device.slot() == host.expected() and device.pointer() == "b"


def test_any_bytes_are_answered(device: Device) -> None:
    rng = random.Random(13)
    host = Host(releases.files(10))
    kinds = [MessageType.release_begin, MessageType.release_chunk, MessageType.release_end]
    for n in range(300):
        if n % 40 == 0:
            host.step(device)
        body = rng.choice([rng.randbytes(rng.randrange(80)), wire.build(host.begin)])
        if n % 3 == 0 and body:
            body = body[: rng.randrange(len(body))]
        frames = device.do("feed " + frame(rng.choice(kinds), body)) + device.do("run")
        assert len(frames) == 1, (n, body)
    assert device.pointer() == "a"
    # in the end it is what it would have been
    while host.transfer.outcome is None and device.pointer() == "a":
        if host.step(device) is None:
            host = Host(host.files, Signer(SECRET, ID, 50))
    assert device.slot() == host.expected()
