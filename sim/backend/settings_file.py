"""Settings of a dispenser as a person writes them: a TOML file, turned into SETTINGS."""

import datetime
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from protocol import schema
from protocol.schema import TIME_BASE, Question, Settings, Transition, Trigger, Window

_STEP_S = 6 * 3600
_AHEAD_S = 2 * 366 * 86_400
_REMINDERS = ("none", "light", "light and chime")
Clock = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
Number = Annotated[int, msgspec.Meta(ge=1, le=255)]
DayMinutes = Annotated[int, msgspec.Meta(ge=1, le=1440)]


class SettingsError(ValueError):
    """One line: which file, which key, what is allowed."""


class DoseWindow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A time of day at which a dose is due; `length` in minutes."""

    number: Number
    compartment: Annotated[int, msgspec.Meta(ge=1, le=4)]
    start: Clock
    length: DayMinutes
    weekdays: tuple[Weekday, ...] = _DAYS
    in_quiet: bool = False


class Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A question: `at` a time of day, or `after_dose` minutes after one; `expiry` in minutes."""

    question: Annotated[int, msgspec.Meta(ge=1, le=3)]
    expiry: DayMinutes
    at: Clock | None = None
    after_dose: Annotated[int, msgspec.Meta(ge=0, le=1439)] | None = None
    weekdays: tuple[Weekday, ...] = _DAYS


class File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; `silence` in hours. Without `version`: one more than the last one known."""

    zone: str
    version: Annotated[int, msgspec.Meta(ge=1, le=0xFFFF)] | None = None
    volume: Annotated[int, msgspec.Meta(ge=0, le=3)] = 2
    reminders: Literal["none", "light", "light and chime"] = "light and chime"
    quiet: tuple[Clock, Clock] = ("21:00", "08:00")
    silence: Number = 24
    sets: Byte = 1
    window: list[DoseWindow] = []
    question: list[Asked] = []


def load(path: Path) -> File:
    """Read a settings file. Raises SettingsError if it is missing or a key is wrong."""
    try:
        file = msgspec.convert(tomllib.loads(path.read_text()), File)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {error}") from error
    _check_zone(path, file.zone)
    for asked in file.question:
        if (asked.at is None) == (asked.after_dose is None):
            raise SettingsError(
                f"{path}: question {asked.question}: `at` or `after_dose`, not both"
            )
    return file


def _check_zone(path: Path, zone: str) -> None:
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"{path}: zone: no such time zone: {zone!r}") from error


def settings(file: File, version: int, now: datetime.datetime) -> Settings:
    """Return SETTINGS for two years from `now` (aware) on."""
    return Settings(
        version=file.version or version,
        volume=file.volume,
        reminders=_REMINDERS.index(file.reminders),
        quiet_start=_minutes(file.quiet[0]),
        quiet_end=_minutes(file.quiet[1]),
        silence=file.silence,
        sets=file.sets,
        transitions=transitions(zoneinfo.ZoneInfo(file.zone), now),
        windows=[_window(window) for window in file.window],
        questions=[_question(asked) for asked in file.question],
    )


def transitions(zone: datetime.tzinfo, now: datetime.datetime) -> list[Transition]:
    """Return the zone's offset now and each change of it within two years."""
    start = int(now.timestamp()) // 60 * 60
    found = [_transition(start, _offset(zone, start))]
    for at in range(start, start + _AHEAD_S, _STEP_S):
        if _offset(zone, at) != _offset(zone, at + _STEP_S):
            moment = _change(zone, at, at + _STEP_S)
            found.append(_transition(moment, _offset(zone, moment)))
    return found


def _change(zone: datetime.tzinfo, before: int, after: int) -> int:
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == _offset(zone, before):
            before = middle
        else:
            after = middle
    return after


def _transition(moment: int, offset: int) -> Transition:
    return Transition(moment - TIME_BASE, offset + schema.UTC_OFFSET_BIAS)


def _offset(zone: datetime.tzinfo, moment: int) -> int:
    offset = datetime.datetime.fromtimestamp(moment, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // 60


def _window(window: DoseWindow) -> Window:
    return Window(
        number=window.number,
        compartment=window.compartment,
        weekdays=_weekdays(window.weekdays),
        start=_minutes(window.start),
        length=window.length,
        in_quiet=int(window.in_quiet),
    )


def _question(asked: Asked) -> Question:
    at_time = asked.at is not None
    return Question(
        question=asked.question,
        trigger=Trigger.set_time if at_time else Trigger.after_dose,
        weekdays=_weekdays(asked.weekdays),
        minute=_minutes(asked.at) if asked.at is not None else int(asked.after_dose or 0),
        expiry=asked.expiry,
    )


def _weekdays(names: tuple[Weekday, ...]) -> int:
    return sum(1 << _DAYS.index(name) for name in set(names))


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
