"""What an emulated board tells: outputs, ends of its process, power cuts."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from sim.board import control
from sim.board.process import Message

OPERATIONS = {
    control.OP_PROGRAM: "program",
    control.OP_ERASE: "erase",
    control.OP_EEPROM: "eeprom",
}


@dataclass(frozen=True)
class OutputEvent:
    """An output changed at `time_ns` (since 1970, as the board wrote it).

    kind "level": `value` 0 or 1; "pwm": `value` is the duty of 65535 and `freq` in Hz; "pixels":
    `data` is the WS2812 chain's bytes, green first.
    """

    time_ns: int
    name: str
    kind: Literal["level", "pwm", "pixels"]
    value: int = 0
    freq: int = 0
    data: bytes = b""


@dataclass(frozen=True)
class Exit:
    """One end of the interpreter's process: when, why, and its exit code (negative: signal)."""

    time_ns: int
    cause: str
    code: int


@dataclass(frozen=True)
class Cut:
    """Where an armed power cut struck: "program", "erase" or "eeprom", block or page."""

    time_ns: int
    operation: str
    where: int


def output(message: Message, name: str) -> OutputEvent:
    """The event in a LEVEL, PWM or PIXELS message about the output called `name`."""
    if message.kind == control.LEVEL:
        return OutputEvent(message.stamp, name, "level", message.value)
    if message.kind == control.PWM:
        (freq,) = struct.unpack("<I", message.payload)
        return OutputEvent(message.stamp, name, "pwm", message.value, freq)
    return OutputEvent(message.stamp, name, "pixels", data=message.payload)
