"""Settings as a person writes them, and the SETTINGS that they become."""

import datetime

import pytest

from protocol.schema import Trigger
from sim.backend.settings_file import SettingsError, load, settings

NOW = datetime.datetime(2026, 7, 14, 9, 30, 30, tzinfo=datetime.UTC)
BASE = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
WHOLE = """
zone = "Europe/Berlin"
volume = 1
reminders = "light"
quiet = ["22:15", "07:30"]
silence = 36
sets = 2
[[window]]
number = 7
compartment = 3
start = "09:05"
length = 90
weekdays = ["mon", "sun"]
in_quiet = true
[[question]]
question = 2
at = "19:30"
expiry = 120
[[question]]
question = 1
after_dose = 20
expiry = 60
weekdays = ["sat"]
"""


@pytest.fixture
def read(tmp_path):
    def load_text(text):
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return load(path)

    return load_text


def test_every_key_arrives(read):
    built = settings(read(WHOLE), 5, NOW)
    assert (built.version, built.volume, built.reminders) == (5, 1, 1)
    assert (built.quiet_start, built.quiet_end) == (22 * 60 + 15, 7 * 60 + 30)
    assert (built.silence, built.sets) == (36, 2)
    (window,) = built.windows
    assert (window.number, window.compartment, window.start, window.length) == (7, 3, 545, 90)
    assert (window.weekdays, window.in_quiet) == (0b1000001, 1)
    first, second = built.questions
    assert (first.trigger, first.minute, first.weekdays) == (Trigger.set_time, 1170, 127)
    assert (second.trigger, second.minute, second.weekdays) == (Trigger.after_dose, 20, 1 << 5)


def test_the_zone_becomes_its_offset_now_and_each_change_of_two_years(read):
    found = settings(read('zone = "Europe/Berlin"'), 1, NOW).transitions
    # summer time ends and begins on these Sundays at 01:00 UTC
    changes = [(2026, 10, 25), (2027, 3, 28), (2027, 10, 31), (2028, 3, 26)]
    at = [datetime.datetime(*day, 1, tzinfo=datetime.UTC) for day in changes]
    starts = [int((moment - BASE).total_seconds()) for moment in at]
    assert [transition.start for transition in found[1:]] == starts
    assert [transition.offset - 1440 for transition in found] == [120, 60, 120, 60, 120]
    assert found[0].start == int((NOW - BASE).total_seconds()) - 30


def test_a_zone_without_summer_time_has_one_offset(read):
    (only,) = settings(read('zone = "Asia/Kolkata"'), 1, NOW).transitions
    assert only.offset == 1440 + 330


def test_defaults_are_those_of_the_dispenser(read):
    built = settings(read('zone = "UTC"\nversion = 9'), 5, NOW)
    assert (built.version, built.volume, built.reminders) == (9, 2, 2)
    assert (built.quiet_start, built.quiet_end, built.silence, built.sets) == (1260, 480, 24, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "zone"),
        ("zone = 7", "zone"),
        ('zone = "Mars/Olympus"', "no such time zone"),
        ('zone = "../passwd"', "no such time zone"),
        ('zone = "Europe"', "no such time zone"),
        ('zone = "UTC"\nvolume = 4', "volume"),
        ('zone = "UTC"\nquiet = ["24:00", "08:00"]', "quiet"),
        ('zone = "UTC"\nloud = 1', "loud"),
        ('zone = "UTC"\n[[question]]\nquestion = 1\nexpiry = 5', "`at` or `after_dose`"),
        ('zone = "UTC"\n[[window]]\nnumber = 1', "window"),
        ("zone =", "not TOML"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(read, text, said):
    with pytest.raises(SettingsError) as raised:
        read(text)
    assert "settings.toml: " in str(raised.value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
