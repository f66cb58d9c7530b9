"""Commands: keys and MACs by hand, and what must not verify."""

import hashlib

import pytest

from protocol import commands, schema, wire
from tests.protocol.test_chain import hmac_by_hand

SECRET = bytes(range(32))
DEVICE = bytes.fromhex("00112233445566ff")
SETTINGS = schema.Settings(
    version=7,
    volume=2,
    reminders=2,
    quiet_start=1260,
    quiet_end=480,
    silence=24,
    sets=1,
    transitions=[schema.Transition(start=0, offset=1500)],
    windows=[schema.Window(1, 1, 0x7F, 480, 120, 0)],
    questions=[schema.Question(1, schema.Trigger.after_dose, 0x7F, 5, 60)],
)


def test_config_put_by_hand() -> None:
    put = commands.Signer(SECRET, DEVICE, counter=41).config_put(SETTINGS)
    key = hmac_by_hand(SECRET, b"command" + DEVICE)
    message = DEVICE + b"\x07" + bytes.fromhex("0000002a") + put.settings
    assert put.counter == 42
    assert put.mac == hmac_by_hand(key, message)[:16]
    assert wire.parse(schema.Settings, put.settings) == SETTINGS


def test_release_begin_by_hand() -> None:
    begin = commands.Signer(SECRET, DEVICE).release_begin((1, 2, 3), 9, b"manifest")
    key = hmac_by_hand(SECRET, b"command" + DEVICE)
    after_mac = bytes((1, 2, 3, 9, 0, 8)) + hashlib.sha256(b"manifest").digest()
    assert wire.build(begin)[20:] == after_mac and begin.counter == 1
    assert begin.mac == hmac_by_hand(key, DEVICE + b"\x0b\0\0\0\1" + after_mac)[:16]


def test_seen_by_hand() -> None:
    seen = commands.Signer(SECRET, DEVICE, counter=6).seen(0x11223344, 500)
    key = hmac_by_hand(SECRET, b"command" + DEVICE)
    after_mac = bytes.fromhex("11223344000001f4")
    assert wire.build(seen)[20:] == after_mac and seen.counter == 7
    assert seen.mac == hmac_by_hand(key, DEVICE + b"\x10\0\0\0\7" + after_mac)[:16]


@pytest.mark.parametrize("changed", ["device", "type", "counter", "body"])
def test_a_mac_fits_one_command_only(changed: str) -> None:
    key = commands.command_key(SECRET, DEVICE)
    good = commands.command_mac(key, DEVICE, schema.MessageType.config_put, 1, b"body")
    device = b"\1" + DEVICE[1:] if changed == "device" else DEVICE
    kind = schema.MessageType.release_begin if changed == "type" else 7
    other = commands.command_mac(
        key,
        device,
        schema.MessageType(kind),
        2 if changed == "counter" else 1,
        b"boby" if changed == "body" else b"body",
    )
    assert other != good


def test_the_counter_goes_on_from_the_larger() -> None:
    signer = commands.Signer(SECRET, DEVICE, counter=5)
    signer.reported(3)
    assert signer.config_put(SETTINGS).counter == 6
    signer.reported(100)
    assert signer.config_put(SETTINGS).counter == 101


def test_an_exhausted_counter_says_what_to_do() -> None:
    signer = commands.Signer(SECRET, DEVICE, counter=0xFFFFFFFF)
    with pytest.raises(wire.WireError, match="provision"):
        signer.config_put(SETTINGS)


def test_the_settings_command_fits_a_frame() -> None:
    """Two years of transitions, four compartments thrice a day, three questions."""
    full = schema.Settings(
        **{
            **SETTINGS.__dict__,
            "transitions": SETTINGS.transitions * 5,
            "windows": SETTINGS.windows * 12,
            "questions": SETTINGS.questions * 3,
        }
    )
    put = commands.Signer(SECRET, DEVICE).config_put(full)
    assert len(wire.build(put)) < schema.MAX_BODY
