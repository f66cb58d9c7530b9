"""Worked examples of placing records in time."""

import struct

import pytest

from protocol.schema import Record
from sim.backend.placement import Basis, place

BASE = 1_704_067_200_000
UPTIME, RTC, SYNCED = 0, 1, 2


def record(seq, quality, seconds, ms=0, kind=0x20, data=b"\0\1", boot=3):
    return Record(seq, boot, seconds, quality << 14 | ms, kind, data, bytes(8))


def time_set(seq, uptime_ms, new_ms, uncertainty=50, quality=SYNCED):
    values = (*divmod(uptime_ms, 1000), 0, 0, 0, *divmod(new_ms, 1000), uncertainty, 1)
    seconds, ms = divmod(new_ms if quality else uptime_ms, 1000)
    return record(seq, quality, seconds, ms, 3, struct.pack(">IHIHBIHIB", *values))


def test_uptime_is_counted_back_from_the_time_set():
    # 12.345 s after the boot; the clock was set 100.5 s after it, to 2024-01-02T00:00:00.250Z
    early = record(0, UPTIME, 12, 345)
    placed = place([early, time_set(1, 100_500, 86_400_250)])
    # 88.155 s earlier; 100 ppm of it is 8.8 ms, rounded up and added to the 50 ms of the setting
    assert placed[0] == (0, BASE + 86_400_250 - 88_155, 59, Basis.TIME_SET)


def test_the_first_time_set_afterwards_counts():
    early = record(4, UPTIME, 10)
    sets = [time_set(5, 20_000, 1_000_000), time_set(6, 30_000, 9_000_000)]
    assert place([*sets, early])[0].unix_ms == BASE + 1_000_000 - 10_000


def test_a_time_set_before_a_record_does_not_place_it():
    late = record(6, UPTIME, 40)
    assert place([time_set(5, 20_000, 1_000_000), late])[1] == (6, None, None, Basis.UNKNOWN)


def test_without_a_time_set_nothing_is_guessed():
    assert place([record(0, UPTIME, 12)]) == [(0, None, None, Basis.UNKNOWN)]


def test_a_clock_that_ran_backwards_is_disputed():
    early = record(0, UPTIME, 500)
    assert place([early, time_set(1, 20_000, 1_000_000)])[0] == (0, None, None, Basis.DISPUTED)


def test_a_time_set_in_uptime_places_itself():
    placed = place([time_set(0, 20_000, 1_000_000, quality=UPTIME)])
    assert placed == [(0, BASE + 1_000_000, 50, Basis.TIME_SET)]


def test_rtc_stays_as_it_is_with_no_word_on_its_uncertainty():
    placed = place([record(0, RTC, 777, 5), time_set(1, 20_000, 1_000_000)])
    assert placed[0] == (0, BASE + 777_005, None, Basis.RTC)


def test_synced_is_as_uncertain_as_the_setting_before_it():
    sets = [time_set(1, 20_000, 1_000_000, 50), time_set(3, 30_000, 2_000_000, 9)]
    placed = place([*sets, record(2, SYNCED, 1001), record(4, SYNCED, 2001)])
    assert placed[1] == (2, BASE + 1_001_000, 50, Basis.SYNCED)
    assert placed[3] == (4, BASE + 2_001_000, 9, Basis.SYNCED)


def test_a_time_set_that_cannot_be_read_places_nothing():
    broken = record(1, SYNCED, 100, 0, 3, b"short")
    assert place([record(0, UPTIME, 1), broken])[0].basis is Basis.UNKNOWN


def test_an_unheard_of_quality_has_no_time():
    assert place([record(0, 3, 100)]) == [(0, None, None, Basis.UNKNOWN)]


def test_boots_are_not_mixed():
    with pytest.raises(ValueError, match="several boots"):
        place([record(0, UPTIME, 1, boot=1), record(1, UPTIME, 1, boot=2)])
