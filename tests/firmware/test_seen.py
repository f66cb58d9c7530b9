"""The clinic's word that it has seen records: believed only from the backend, told, idempotent."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol import schema, wire
from protocol.commands import Signer, command_key
from protocol.schema import MessageType, RecordType, RefusedReason
from tests.firmware.commanding import DEVICE, SECRET, Device

EPOCH, NEXT = 0x11223344, 500  # of the device's journal
SETTINGS = schema.Settings(7, 2, 2, 1260, 480, 24, 1, [], [], [])
SEEN = int(RecordType.seen)


@pytest.fixture
def device(interpreter: Any, tmp_path: Path) -> Iterator[Device]:
    made = Device(interpreter, tmp_path, command_key(SECRET, DEVICE))
    yield made
    made.close()


def say(device: Device, command: schema.SeenPut) -> schema.SeenNow:
    return wire.parse(schema.SeenNow, device.ask(MessageType.seen, command))


def test_accepted_told_and_answered(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    assert say(device, signer.seen(EPOCH, 40)) == schema.SeenNow(1, 40, 0)
    assert say(device, signer.seen(EPOCH, NEXT)) == schema.SeenNow(2, NEXT, 0)
    assert device.records == [[SEEN, 40, 0, 1], [SEEN, NEXT, 0, 2]]
    # less than before is no news, but a command that counts
    assert say(device, signer.seen(EPOCH, 3)) == schema.SeenNow(3, NEXT, 0)
    assert device.told["seen"] == NEXT


def test_the_same_command_twice_is_one(device: Device) -> None:
    command = Signer(SECRET, DEVICE).seen(EPOCH, 40)
    assert say(device, command) == say(device, command) == schema.SeenNow(1, 40, 0)
    assert device.records == [[SEEN, 40, 0, 1]]


def test_a_gateway_cannot_light_it(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    say(device, signer.seen(EPOCH, 10))
    good = signer.seen(EPOCH, 40)
    for forged in (
        dataclasses.replace(good, mac=bytes(16)),
        dataclasses.replace(good, counter=3),
        dataclasses.replace(good, next=41),
        dataclasses.replace(good, epoch=EPOCH + 1),
        Signer(SECRET, bytes(8), 5).seen(EPOCH, 40),
    ):
        assert say(device, forged) == schema.SeenNow(1, 10, RefusedReason.mac)
        assert device.records[-1] == [SEEN, forged.next, RefusedReason.mac, 1]
    assert say(device, good) == schema.SeenNow(2, 40, 0)


def test_a_replay_is_refused_also_after_a_restart(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    first, second = signer.seen(EPOCH, 40), signer.seen(EPOCH, 50)
    say(device, first)
    say(device, second)
    assert say(device, first) == schema.SeenNow(2, 50, RefusedReason.counter)
    device.do("restart")
    for old in (first, second):
        assert say(device, old) == schema.SeenNow(2, 0, RefusedReason.counter)


@pytest.mark.parametrize(("epoch", "following"), [(EPOCH, NEXT + 1), (EPOCH + 1, 5)])
def test_what_this_journal_does_not_hold_is_refused(
    device: Device, epoch: int, following: int
) -> None:
    said = say(device, Signer(SECRET, DEVICE).seen(epoch, following))
    assert said == schema.SeenNow(0, 0, RefusedReason.rule)
    assert device.records == [[SEEN, following, RefusedReason.rule, 0]]


def test_settings_and_seen_share_one_counter(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    say(device, signer.seen(EPOCH, 40))
    assert device.put(signer.config_put(SETTINGS)).counter == 2
    say(device, signer.seen(EPOCH, 41))
    device.do("restart")
    assert device.put(Signer(SECRET, DEVICE, 2).config_put(SETTINGS)).counter == 3
    assert device.records == [[int(RecordType.settings_refused), 0, RefusedReason.counter, 3]]
    assert device.told["version"] == SETTINGS.version
