"""Evidence from the store itself: real chains, verified by the real ingest."""

import datetime as dt
import random
import struct

import pytest

from sim.backend.evidence import monitored
from sim.backend.evidence.events import load
from sim.backend.evidence.monitored import Reason
from tests.sim.backend.bench import Backend
from tests.sim.backend.dispenser import DOSE, TIME_SET, Dispenser, Made, flipped
from tests.sim.backend.evidence.journal import BASE, ms
from tests.sim.backend.evidence.people import Desk
from tests.support.chains import tagged, untagged


def seconds(text):
    return ms(text) // 1000 - BASE


@pytest.fixture
def dispenser():
    made = Dispenser()
    made.born()
    for day in range(1, 11):
        at = seconds(f"2026-03-{day:02}T07:00")
        made.write(TIME_SET, struct.pack(">IHIHBIHIB", 9, 0, 9, 0, 0, at, 0, 50, 1), at)
        made.write(DOSE, struct.pack(">HBBB", 1, 1, 1, 1), at + 3600)
    return made


@pytest.fixture
def backend(tmp_path, dispenser):
    made = Backend(tmp_path, [dispenser])
    yield made
    made.store.close()


def count(backend, dispenser):
    desk = Desk().enrol(dispenser=dispenser.id)
    return monitored.days(desk.programme, "e1", load(backend.store))


def fork(dispenser, seq):
    previous = dispenser.made[seq].previous
    body = untagged(seq, DOSE, b"\0\1\2\1\1", time=seconds("2026-03-20T08:00"))
    device = bytes.fromhex(dispenser.id)
    return Made(seq, previous, tagged(dispenser.secret, device, dispenser.epoch, previous, body))


def test_days_from_what_was_verified(backend, dispenser):
    backend.give(dispenser, list(dispenser.made.values()))
    found = count(backend, dispenser)
    assert list(found.monitored) == [dt.date(2026, 3, day) for day in range(1, 11)]
    # all of it came on one day, long after
    assert len(found.received) == 1


@pytest.mark.parametrize("seed", range(3))
def test_order_and_doubles_of_deliveries_change_nothing(backend, dispenser, seed):
    made = list(dispenser.made.values()) * 2
    random.Random(seed).shuffle(made)
    for record in made:
        backend.give(dispenser, [record])
    found = count(backend, dispenser)
    assert list(found.monitored) == [dt.date(2026, 3, day) for day in range(1, 11)]
    assert found.not_counted == []


def test_forked_and_refused_records_make_no_day(backend, dispenser):
    made = list(dispenser.made.values())
    bad = Made(made[8].seq, made[8].previous, flipped(made[8].raw, 20))
    for record in [*made[:8], *made[9:]]:
        backend.give(dispenser, [record])
    backend.give(dispenser, [bad])
    backend.give(dispenser, [fork(dispenser, 12)])
    assert [row.seq for row in backend.store.refused()] == [8]
    assert {row.seq for row in backend.store.forks()} == {12}
    days = [date.day for date in count(backend, dispenser).monitored]
    # seq 8 is the fourth day, seq 12 the sixth; neither version of a fork counts, nor the 20th
    assert days == [1, 2, 3, 5, 7, 8, 9, 10]


def test_after_a_hole_times_are_uncertain_until_the_clock_is_set_again(backend, dispenser):
    made = list(dispenser.made.values())
    backend.give(dispenser, made[:8])
    backend.give(dispenser, made[8:9])
    backend.give(dispenser, made[10:])  # the setting of the fifth day is missing
    found = count(backend, dispenser)
    assert dt.date(2026, 3, 5) not in found.monitored
    assert dt.date(2026, 3, 6) in found.monitored
    assert [(key.seq, reason) for key, reason in found.not_counted] == [(10, Reason.WIDTH)]


def test_a_late_record_gives_a_new_version_with_the_difference(backend, dispenser):
    made = list(dispenser.made.values())
    backend.give(dispenser, made[:8])
    backend.give(dispenser, made[9:])
    frozen = count(backend, dispenser)
    backend.give(dispenser, made[8:9])
    now = count(backend, dispenser)
    assert now.since(frozen).more == [dt.date(2026, 3, 4)]
    assert now.since(frozen).fewer == []
    assert frozen.since(now).fewer == [dt.date(2026, 3, 4)]
