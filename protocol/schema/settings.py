"""The settings of a dispenser: what the clinic chose, in the bytes that CONFIG carries."""

import dataclasses

from construct import Int8ub, Int16ub, Int32ub, PrefixedArray
from construct_typed import DataclassMixin, DataclassStruct, TEnum, csfield

from protocol.schema.codes import Trigger

UTC_OFFSET_BIAS = 1440
"""Zone offsets are sent as minutes east of UTC plus this: the device codec knows no signs."""


@dataclasses.dataclass
class Transition(DataclassMixin):
    """From this moment on the zone has this offset."""

    start: int = csfield(Int32ub, "s since 2024-01-01 UTC")
    offset: int = csfield(Int16ub, "minutes east of UTC + 1440")


@dataclasses.dataclass
class Window(DataclassMixin):
    """A time of day at which a dose is due."""

    number: int = csfield(Int8ub, "1 to 255, named by DOSE, REMINDER and WINDOW_MISSED")
    compartment: int = csfield(Int8ub, "1 to 4")
    weekdays: int = csfield(Int8ub, "bit 0 Monday to bit 6 Sunday")
    start: int = csfield(Int16ub, "minutes after local midnight, 0 to 1439")
    length: int = csfield(Int16ub, "minutes, 1 to 1440")
    in_quiet: int = csfield(Int8ub, "1: expressly allowed inside quiet hours")


@dataclasses.dataclass
class Question(DataclassMixin):
    """When a printed question is lit."""

    question: int = csfield(Int8ub, "1 to 3")
    trigger: Trigger = csfield(TEnum(Int8ub, Trigger))
    weekdays: int = csfield(Int8ub, "bit 0 Monday to bit 6 Sunday")
    minute: int = csfield(Int16ub, "minutes after local midnight; after_dose: minutes after it")
    expiry: int = csfield(Int16ub, "minutes until it goes dark, 1 to 1440")


@dataclasses.dataclass
class Settings(DataclassMixin):
    """Applied whole or not at all; the previous ones are kept."""

    version: int = csfield(Int16ub, "named by every clinical record, not 0")
    volume: int = csfield(Int8ub, "0 silent to 3 loud")
    reminders: int = csfield(Int8ub, "0 none, 1 light, 2 light and chime")
    quiet_start: int = csfield(Int16ub, "minutes after local midnight, default 1260 (21:00)")
    quiet_end: int = csfield(Int16ub, "minutes after local midnight, default 480 (08:00)")
    silence: int = csfield(Int8ub, "hours without delivery until it shows, 1 to 255")
    sets: int = csfield(Int8ub, "sets of questions a day at most, default 1")
    transitions: list[Transition] = csfield(
        PrefixedArray(Int8ub, DataclassStruct(Transition)), "of the zone, for two years, in order"
    )
    windows: list[Window] = csfield(PrefixedArray(Int8ub, DataclassStruct(Window)))
    questions: list[Question] = csfield(PrefixedArray(Int8ub, DataclassStruct(Question)))
