"""Settings by command, against the host's codec and signer: applied whole, or refused and told."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol import schema, wire
from protocol.commands import Signer, command_key
from protocol.framing import Frame, encode
from protocol.schema import MessageType, RecordType, RefusedReason, Trigger
from tests.firmware.commanding import DEVICE, SECRET, Device

MORNING = schema.Window(
    number=1, compartment=1, weekdays=127, start=480, length=60, in_quiet=0
)  # fmt: skip
QUESTION = schema.Question(
    question=1, trigger=Trigger.set_time, weekdays=127, minute=600, expiry=120
)  # fmt: skip
OFFSET = 60 + schema.UTC_OFFSET_BIAS
GOOD = schema.Settings(
    version=7, volume=2, reminders=2, quiet_start=1260, quiet_end=480, silence=24, sets=1,
    transitions=[schema.Transition(0, OFFSET), schema.Transition(8_000_000, OFFSET + 60)],
    windows=[MORNING], questions=[QUESTION],
)  # fmt: skip


Make = Callable[[bytes | None], Device]


@pytest.fixture
def make(interpreter: Any, tmp_path: Path) -> Iterator[Make]:
    made: list[Device] = []

    def one(key: bytes | None) -> Device:
        made.append(Device(interpreter, tmp_path, key))
        return made[-1]

    yield one
    for device in made:
        device.close()


@pytest.fixture
def device(make: Make) -> Device:
    return make(command_key(SECRET, DEVICE))


def change(**fields: Any) -> schema.Settings:
    return dataclasses.replace(GOOD, **fields)


def window(**fields: Any) -> schema.Settings:
    return change(windows=[dataclasses.replace(MORNING, **fields)])


def question(**fields: Any) -> schema.Settings:
    return change(questions=[dataclasses.replace(QUESTION, **fields)])


def refusal(version: int, reason: RefusedReason, counter: int) -> list[int]:
    return [int(RecordType.settings_refused), version, int(reason), counter]


def test_applied_told_and_there_after_a_restart(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    config = device.put(signer.config_put(GOOD))
    assert (config.counter, config.settings) == (1, wire.build(GOOD))
    assert device.records == [[RecordType.settings_applied, 7, 0, 1]]
    config = device.put(signer.config_put(change(version=8, windows=[])))
    assert device.records[1:] == [[RecordType.settings_applied, 8, 7, 2]]
    assert device.told["used"] == [7, 8]
    device.do("restart")
    assert device.told["version"] == 8 and device.records == []
    assert device.put(signer.config_put(change(version=9))).counter == 3


def test_the_same_command_twice_is_one(device: Device) -> None:
    command = Signer(SECRET, DEVICE).config_put(GOOD)
    assert device.put(command) == device.put(command)
    assert len(device.records) == 1 and device.told["used"] == [7]


def test_a_forged_or_stale_command_changes_nothing(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    old = signer.config_put(change(version=6))
    before = device.put(signer.config_put(GOOD))
    other = signer.config_put(change(version=9))
    forged = [
        dataclasses.replace(other, mac=bytes(16)),
        dataclasses.replace(other, counter=other.counter + 1),
        dataclasses.replace(other, settings=wire.build(change(version=10))),
        Signer(SECRET, bytes(8), 5).config_put(change(version=9)),
        Signer(bytes(32), DEVICE, 5).config_put(change(version=9)),
    ]
    for command in forged:
        assert device.put(command) == before
        assert device.records[-1] == refusal(0, RefusedReason.mac, 2)
    assert device.put(old) == before
    assert device.records[-1] == refusal(0, RefusedReason.counter, 2)
    assert device.told["used"] == [7] and len(device.records) == 1 + len(forged) + 1


def test_every_bit_of_a_command_counts(device: Device) -> None:
    command = Signer(SECRET, DEVICE).config_put(GOOD)
    body = wire.build(command)
    for at in range(len(body)):
        hurt = bytearray(body)
        hurt[at] ^= 1 << at % 8
        device.do("feed " + encode(Frame(MessageType.config_put, bytes(hurt))).hex())
        assert device.records[-1] == refusal(0, RefusedReason.mac, 0), at
    assert device.told["version"] == 0
    assert device.put(command).counter == 1


MALFORMED = {
    "version 0": change(version=0),
    "volume": change(volume=4),
    "reminders": change(reminders=3),
    "quiet start": change(quiet_start=1440),
    "quiet end": change(quiet_end=1440),
    "silence": change(silence=0),
    "offset west": change(transitions=[schema.Transition(0, 1440 - 721)]),
    "offset east": change(transitions=[schema.Transition(0, 1440 + 841)]),
    "many transitions": change(transitions=[schema.Transition(n, OFFSET) for n in range(17)]),
    "many windows": change(windows=[dataclasses.replace(MORNING, number=n) for n in range(1, 30)]),
    "many questions": change(questions=[QUESTION] * 17),
    "window 0": window(number=0),
    "compartment 0": window(compartment=0),
    "compartment 5": window(compartment=5),
    "no weekday": window(weekdays=0),
    "eighth weekday": window(weekdays=128),
    "window start": window(start=1440),
    "no length": window(length=0),
    "length": window(length=1441),
    "in_quiet": window(in_quiet=2),
    "question 0": question(question=0),
    "question 4": question(question=4),
    "question weekday": question(weekdays=0),
    "question minute": question(minute=1440),
    "no expiry": question(expiry=0),
    "expiry": question(expiry=1441),
}
RULES = {
    "transitions out of order": change(transitions=GOOD.transitions[::-1]),
    "transition twice": change(transitions=[schema.Transition(5, OFFSET)] * 2),
    "window number twice": change(windows=[MORNING, MORNING]),
    "night window": window(start=1380, length=60),
    "window up to the end of the quiet hours": window(start=420, length=60),
    "window over midnight": window(start=1430, length=20),
}
ALLOWED = {
    "night window, expressly": window(start=1380, length=60, in_quiet=1),
    "window beyond the quiet hours": window(start=420, length=61),
    "window before them": window(start=1259, length=60),
    "no quiet hours": dataclasses.replace(
        window(start=1380, length=60), quiet_start=0, quiet_end=0
    ),
    "nothing in it": change(transitions=[], windows=[], questions=[]),
    "most": change(
        transitions=[schema.Transition(n, OFFSET) for n in range(16)],
        windows=[dataclasses.replace(MORNING, number=n) for n in range(1, 29)],
        questions=[QUESTION] * 16,
    ),
}


def test_what_is_out_of_range_or_against_a_rule_is_refused(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    before = device.put(signer.config_put(change(version=3)))
    for reason, cases in ((RefusedReason.malformed, MALFORMED), (RefusedReason.rule, RULES)):
        for name, settings in cases.items():
            assert device.put(signer.config_put(settings)) == before, name
            assert device.records[-1] == refusal(settings.version, reason, 1), name
    body = wire.build(GOOD)
    for size in (0, 1, 7, len(body) - 1):
        signer.counter += 1
        command = Signer(SECRET, DEVICE, signer.counter)
        kind = MessageType.config_put
        counter, mac = command._sign(kind, body[:size])
        assert device.put(schema.ConfigPut(counter, mac, body[:size])) == before
        assert device.records[-1] == refusal(0, RefusedReason.malformed, 1), size
    same = device.put(signer.config_put(change(version=3, volume=0)))
    assert same == before, "two settings of one version"
    assert device.records[-1] == refusal(3, RefusedReason.rule, 1)
    assert device.told["used"] == [3]


def test_what_the_rules_allow_is_applied(device: Device) -> None:
    signer = Signer(SECRET, DEVICE)
    for n, (name, settings) in enumerate(ALLOWED.items()):
        settings = dataclasses.replace(settings, version=20 + n)
        assert device.put(signer.config_put(settings)).settings == wire.build(settings), name


def test_a_newer_sender_may_say_more(device: Device) -> None:
    body = wire.build(GOOD) + b"more"
    counter, mac = Signer(SECRET, DEVICE)._sign(MessageType.config_put, body)
    assert device.put(schema.ConfigPut(counter, mac, body)).settings == body


def test_without_a_command_key_nothing_is_believed(make: Make) -> None:
    device = make(None)
    assert device.put(Signer(SECRET, DEVICE).config_put(GOOD)).settings == b""
    assert device.records == [refusal(0, RefusedReason.mac, 0)]


def test_a_damaged_file_gives_the_previous_settings(device: Device, tmp_path: Path) -> None:
    signer = Signer(SECRET, DEVICE)
    device.put(signer.config_put(GOOD))
    device.put(signer.config_put(change(version=8)))
    current = tmp_path / "settings" / "current"
    whole = current.read_bytes()
    for at in range(len(whole)):
        hurt = bytearray(whole)
        hurt[at] ^= 16
        current.write_bytes(hurt)
        device.do("restart")
        assert device.told["version"] == 7, at
        assert [record[0] for record in device.records] == [RecordType.fault]
    current.write_bytes(whole)
    device.do("restart")
    assert device.told["version"] == 8 and device.records == []
