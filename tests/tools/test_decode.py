"""`dosewire decode` on captures, bodies, records and rubbish."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from sim.backend import registry
from tests.support import chains
from tools import dissect
from tools.decode import decode

SECRET = bytes(range(32))
DEVICE = bytes.fromhex("0102030405060708")
EPOCH = 77
VECTORS = Path(__file__).parent.parent / "vectors"
VERIFY = ["--key", SECRET.hex(), "--device", DEVICE.hex()]
TO_HOST, TO_DEVICE = 0x20, 0x30
EVENTS, ACK = 3, 4

app = typer.Typer()
app.command()(decode)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def frame(head: int, kind: int, body: bytes) -> bytes:
    """Return a frame made by plain means: RFC 1662, bit by bit."""
    content = bytes((head, 9, kind)) + body
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    content += (crc ^ 0xFFFFFFFF).to_bytes(4, "little")
    low = 0x20 if head & 0x10 else 0
    escaped = (bytes((0x7D, b ^ 0x20)) if b < low or b in b"}~" else bytes((b,)) for b in content)
    return b"~" + b"".join(escaped) + b"~"


def body(count: int = 5) -> bytes:
    return chains.events_body(EPOCH, bytes(8), chains.make_chain(SECRET, DEVICE, EPOCH, count))


def capture() -> bytes:
    return (
        b"MicroPython\r\n>>> "
        + frame(TO_HOST, EVENTS, body())
        + b"a line for people\r\n"
        + frame(TO_DEVICE, ACK, struct.pack(">II", EPOCH, 5))
    )


def test_a_capture_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "line.bin"
    path.write_bytes(capture())
    result = run(str(path), "--json", *VERIFY)
    found = objects(result)
    assert result.exit_code == 0
    whats = ["skipped", "frame", *["record"] * 5, "skipped", "frame"]
    assert [item["what"] for item in found] == whats
    assert found[0]["text"] == "MicroPython\r\n>>> "
    assert (found[1]["type"], found[1]["from_host"], found[1]["ref"]) == ("events", False, 9)
    assert (found[8]["type"], found[8]["from_host"]) == ("ack", True)
    assert found[8]["body"] == {"epoch": EPOCH, "next": 5}
    assert all(item["verified"] for item in found[2:7])
    assert [item["seq"] for item in found[2:7]] == [0, 1, 2, 3, 4]


def test_each_form_of_input_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(body())
    (tmp_path / "hex").write_text(body().hex())
    dump = body().hex(":")
    (tmp_path / "wrapped").write_text("\n".join(dump[i : i + 60] for i in range(0, 999, 60)))
    said = [run(str(tmp_path / name), "--json").stdout for name in ("raw", "hex", "wrapped")]
    said += [run(body().hex(), "--json").stdout, run("-", "--json", stdin=body()).stdout]
    assert len(set(said)) == 1
    assert len(said[0].splitlines()) == 6


def test_a_file_of_bodies_one_a_line() -> None:
    text = f"{body(3).hex()}\n\n{body(2).hex()}\n".encode()
    result = run("-", "--json", stdin=text)
    assert result.exit_code == 0
    assert [item["what"] for item in objects(result)].count("body") == 2


def test_a_record_says_all_it_holds() -> None:
    raw = chains.untagged(7, 0x22, b"\0\3\2\1\1", boot=4, time=86_400, ms=250, quality=2)
    (record,) = objects(run((raw + b"tagtagta").hex(), "--json"))
    assert record == {
        "what": "record",
        "seq": 7,
        "boot": 4,
        "time": 86_400,
        "stamp": 2 << 14 | 250,
        "type": "dose",
        "data": {"settings": 3, "compartment": 2, "window": 1, "relation": "in_window"},
        "tag": b"tagtagta".hex(),
        "quality": "synced",
        "mode": "patient",
        "ms": 250,
        "at": "2024-01-02T00:00:00.250Z",
    }


@pytest.mark.parametrize("quality", [0, 3])
def test_no_date_without_a_clock(quality: int) -> None:
    raw = chains.untagged(1, 0x20, b"\0\1", quality=quality, time=90) + bytes(8)
    (record,) = objects(run(raw.hex(), "--json"))
    assert (record["at"], record["time"]) == (None, 90)
    table = run(raw.hex()).stdout
    assert "2024" not in table
    assert ("s after boot" in table) == (quality == 0)


def test_unknown_types_and_newer_fields_are_shown_and_no_error() -> None:
    unknown = chains.untagged(1, 0xEE, b"new") + bytes(8)
    longer = chains.untagged(2, 0x20, b"\0\1\xab") + bytes(8)
    result = run((unknown + longer).hex(), "--json")
    first, second = objects(result)
    assert result.exit_code == 0
    assert (first["type"], first["data"]) == (0xEE, b"new".hex())
    assert (second["data"], second["extra"]) == ({"settings": 1}, "ab")


def test_data_too_short_for_its_type() -> None:
    raw = chains.untagged(1, 0x21, b"\0") + bytes(8)
    result = run(raw.hex(), "--json")
    assert result.exit_code == 1
    assert "LidClosed" in objects(result)[0]["error"]


def test_one_changed_record_does_not_take_its_neighbours_down() -> None:
    raws = chains.make_chain(SECRET, DEVICE, EPOCH, 5)
    raws[2] = raws[2][:15] + b"\x63" + raws[2][16:]
    result = run(chains.events_body(EPOCH, bytes(8), raws).hex(), "--json", *VERIFY)
    verdicts = [item["verified"] for item in objects(result) if item["what"] == "record"]
    assert result.exit_code == 1
    assert verdicts == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("key", "device"), [(bytes(32), DEVICE), (SECRET, b"another!")], ids=["key", "device"]
)
def test_another_key_or_device_verifies_nothing(key: bytes, device: bytes) -> None:
    result = run(body().hex(), "--json", "--key", key.hex(), "--device", device.hex())
    assert result.exit_code == 1
    assert not any(item.get("verified") for item in objects(result))
    table = run(body().hex(), "--key", key.hex(), "--device", device.hex())
    assert table.stdout.count("does not verify") == 5


def test_secrets_from_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    entry = registry.Entry(SECRET.hex(), [EPOCH])
    registry.save(path, registry.Registry({DEVICE.hex(): entry}))
    with_registry = ["--registry", str(path), "--device", DEVICE.hex()]
    assert run(body().hex(), *with_registry).exit_code == 0
    other = chains.events_body(EPOCH + 1, bytes(8), chains.make_chain(SECRET, DEVICE, 78, 2))
    result = run(other.hex(), *with_registry, "--json")
    assert result.exit_code == 1
    assert "epoch" in objects(result)[1]["error"]
    assert run(body().hex(), "--registry", str(path), "--device", "00" * 8).exit_code == 2


def test_bare_records_verify_when_told_what_they_lack() -> None:
    raws = chains.make_chain(SECRET, DEVICE, EPOCH, 4)
    tail = b"".join(raws[2:]).hex()
    before = ["--previous", raws[1][-8:].hex()]
    assert run(tail, *VERIFY, "--epoch", "77", *before).exit_code == 0
    assert "--previous" in objects(run(tail, "--json", *VERIFY, "--epoch", "77"))[0]["error"]
    assert "--epoch" in objects(run(tail, "--json", *VERIFY, *before))[0]["error"]
    assert run(b"".join(raws).hex(), *VERIFY, "--epoch", "77").exit_code == 0


def test_every_vector_of_a_message_decodes_with_its_values() -> None:
    checked = 0
    for group, head in (("to_device", TO_DEVICE), ("to_host", TO_HOST)):
        for line in (VECTORS / f"{group}.jsonl").read_text().splitlines():
            vector = json.loads(line)
            if vector["name"] in ("events", "config_put", "config_get"):
                continue  # what these hold is looked into
            kind = dissect.schema.MessageType[vector["name"]]
            data = frame(head, kind, bytes.fromhex(vector["hex"]))
            (item,) = dissect.dissect(data, "frames")
            numbers = {n: v for n, v in vector["fields"] if isinstance(v, int)}
            shown = {n: v for n, v in item["body"].items() if n in numbers}
            assert dissect.is_good(item), item
            assert list(item["body"]) == [name for name, _ in vector["fields"]]
            assert {
                n: v for n, v in shown.items() if isinstance(v, int)
            }.items() <= numbers.items()
            checked += 1
    assert checked > 150


def test_bare_bodies_by_name() -> None:
    for line in (VECTORS / "record.jsonl").read_text().splitlines():
        vector = json.loads(line)
        if vector["name"] == "settings":
            (item,) = objects(run(vector["hex"], "--json", "--as", "settings"))
            assert item["body"]["version"] == dict(vector["fields"])["version"]
            (command,) = objects(run("00" * 20 + vector["hex"], "--json", "--as", "config_put"))
            assert command["body"]["settings"] == item["body"]


def test_damage_between_good_frames_is_named_and_the_rest_is_read() -> None:
    damaged = bytearray(frame(TO_HOST, EVENTS, body()))
    damaged[40] ^= 4
    result = run("-", "--json", stdin=capture() + bytes(damaged) + capture())
    found = objects(result)
    assert result.exit_code == 1
    assert [item["what"] for item in found].count("frame") == 4
    assert len([item for item in found if "error" in item]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["zz"],
        ["abc"],
        ["no/such/file"],
        ["/"],
        ["00", "--as", "poem"],
        ["00", "--key", SECRET.hex()],
        ["00", "--key", "00", "--device", DEVICE.hex()],
        ["00", "--device", DEVICE.hex()],
        ["00", *VERIFY, "--registry", "x"],
        ["00", "--registry", "no/such/file", "--device", DEVICE.hex()],
        ["00", *VERIFY, "--previous", "12"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    if arguments:
        assert len(result.stderr.splitlines()) == 1


def test_rubbish_is_told_in_one_line() -> None:
    result = run("00")
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["frames", "record", "events"])
def test_nothing_found_is_not_all_good(kind: str) -> None:
    assert run("-", "--as", kind, stdin=b"\r\n").exit_code == 1


def test_megabytes_of_noise_with_frames_in_them() -> None:
    rng = random.Random(11)
    noise = rng.randbytes(1 << 20)
    result = run("-", "--json", *VERIFY, stdin=noise + capture() + noise)
    found = objects(result)
    assert result.exit_code == 1
    assert [item["what"] for item in found].count("record") == 5
    assert len(result.stdout) < 10_000


def test_a_terminal_does_not_obey_what_a_line_holds() -> None:
    text = b"\x1b[2J\x1b]0;owned\x07[red]"
    log = frame(TO_HOST, 10, b"\0\0" + text)
    result = run("-", stdin=log + b"\x1b[2J\r\n" + log)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout and "\x07" not in result.stdout
    assert "[red]" in result.stdout


@given(st.binary(max_size=300), st.sampled_from([None, *dissect.KINDS]))
def test_nothing_makes_it_stumble(data: bytes, kind: str | None) -> None:
    check = dissect.Check(lambda epoch: None)
    try:
        items = list(dissect.dissect(data, kind or dissect.recognise(data), check))
    except dissect.UnrecognisedError:
        return
    assert json.dumps(items)


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=120))
def test_no_frame_makes_it_stumble(head: int, kind: int, content: bytes) -> None:
    (item, *_) = dissect.dissect(frame(head, kind, content), "frames")
    assert item["what"] == "frame"
    assert json.dumps(item)
