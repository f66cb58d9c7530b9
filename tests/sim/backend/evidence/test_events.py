"""Time of records: certain, uncertain, disputed; never guessed."""

import dataclasses
import random
import zoneinfo

import pytest

from sim.backend.evidence.events import Dispute, Key, accesses, events
from sim.backend.placement import Basis
from tests.sim.backend.evidence.journal import ID, RTC, STATE, UPTIME, Journal, ms

UTC = zoneinfo.ZoneInfo("UTC")


@pytest.fixture
def journal():
    return Journal()


def last(journal):
    return events(journal.rows)[-1]


def test_synced_grows_with_drift_since_the_setting(journal):
    journal.set("2026-03-01T00:00", uncertainty=50)
    journal.dose("2026-03-02T00:00")
    # 100 ppm of 86,400 s is 8,640 ms
    assert (last(journal).at, last(journal).width) == (ms("2026-03-02T00:00"), 8690)


def test_rtc_grows_from_the_setting_of_an_earlier_boot(journal):
    journal.set("2026-03-01T00:00", uncertainty=50)
    journal.new_boot()
    journal.dose("2026-03-11T00:00", quality=RTC)
    # 10 ppm of 864,000 s is 8,640 ms
    assert (last(journal).width, last(journal).basis) == (8690, Basis.RTC)


def test_rtc_with_a_record_missing_since_is_of_unknown_width(journal):
    journal.set("2026-03-01T00:00")
    journal.next += 1
    journal.new_boot()
    journal.dose("2026-03-11T00:00", quality=RTC)
    event = last(journal)
    assert (event.width, event.sure, event.date(UTC)) == (None, None, None)


def test_rtc_never_set_is_of_unknown_width(journal):
    journal.dose("2026-03-11T00:00", quality=RTC)
    assert last(journal).width is None


def test_uptime_without_a_setting_has_no_time(journal):
    journal.dose(12, quality=UPTIME)
    assert (last(journal).at, last(journal).sure) == (None, None)


def test_uptime_is_placed_by_the_setting_afterwards(journal):
    journal.dose(100, quality=UPTIME)
    journal.set("2026-03-01T10:00", uptime=400, quality=UPTIME)
    first = events(journal.rows)[0]
    # 300 s before; 100 ppm of them is 30 ms
    assert (first.at, first.width) == (ms("2026-03-01T09:55"), 80)


def test_a_clock_found_wrong_disputes_what_rests_on_it(journal):
    journal.set("2026-03-01T00:00")
    journal.dose("2026-03-01T08:00")
    journal.new_boot()
    journal.dose("2026-03-01T12:00", quality=RTC)
    journal.set("2026-03-01T12:30", old="2026-03-01T12:36")
    journal.dose("2026-03-01T12:31")
    found = [event.dispute for event in events(journal.rows)]
    assert found == [
        *(Dispute.STEP, Dispute.STEP, Dispute.STEP),
        *(Dispute.NONE, Dispute.NONE),
    ]


def test_a_small_correction_disputes_nothing(journal):
    journal.set("2026-03-01T00:00")
    journal.dose("2026-03-01T08:00")
    journal.set("2026-03-01T12:30", old="2026-03-01T12:35")
    assert not any(event.dispute.value for event in events(journal.rows))


def test_later_than_its_receipt_is_disputed(journal):
    journal.set("2026-03-01T00:00")
    journal.late_ms = -301_000 - 50 - 3000
    journal.dose("2026-03-01T08:00")
    assert last(journal).dispute is Dispute.FUTURE
    assert last(journal).date(UTC) is None


def test_the_rtc_loses_against_what_was_synced(journal):
    journal.set("2026-03-01T00:00")
    journal.new_boot()
    journal.dose("2026-02-20T00:00", quality=RTC)
    journal.set("2026-03-03T00:00")
    found = [event.dispute for event in events(journal.rows)]
    assert found == [Dispute.NONE, Dispute.ORDER, Dispute.NONE]


def test_two_rtc_times_that_contradict_each_other_are_both_disputed(journal):
    journal.set("2026-03-01T00:00")
    journal.new_boot()
    journal.dose("2026-03-09T00:00", quality=RTC)
    journal.new_boot()
    journal.dose("2026-03-05T00:00", quality=RTC)
    found = [event.dispute for event in events(journal.rows)]
    assert found == [Dispute.NONE, Dispute.ORDER, Dispute.ORDER]


def test_a_fork_is_no_event_and_sets_no_clock(journal):
    journal.dose(100, quality=UPTIME)
    journal.status = "fork"
    journal.set("2026-03-01T10:00", uptime=400, quality=UPTIME)
    found = events(journal.rows)
    assert [event.key for event in found] == [Key(ID, 7, 0)]
    assert found[0].at is None


def test_a_state_is_no_access(journal):
    journal.set("2026-03-01T00:00")
    journal.write("2026-03-01T08:00", STATE, b"\0\1\0\x1f")
    assert accesses(events(journal.rows)) == []


def test_unknown_types_and_short_data_are_kept(journal):
    journal.set("2026-03-01T00:00")
    journal.write("2026-03-01T08:00", 0x7F, b"new")
    journal.write("2026-03-01T08:01", data=b"\0")
    assert [event.data for event in events(journal.rows)][1:] == [None, None]
    assert accesses(events(journal.rows)) == []


def test_order_of_rows_changes_nothing(journal):
    journal.set("2026-03-01T00:00")
    for hour in range(1, 9):
        journal.dose(f"2026-03-01T0{hour}:00")
    other = Journal(id="ffffffffffffffff")
    other.set("2026-03-01T00:00")
    rows = journal.rows + other.rows
    expected = events(rows)
    for seed in range(5):
        shuffled = rows[:]
        random.Random(seed).shuffle(shuffled)
        assert events(shuffled) == expected
    assert all(dataclasses.asdict(event)["key"] for event in expected)
