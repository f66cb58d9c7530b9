"""What should be here and is not: told after a stated time, told apart, and cleared."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.backend.duties import MissingWatch
from sim.backend.missing import holes
from tests.sim.backend.bench import Backend
from tests.sim.backend.dispenser import TRIMMED, bad

AFTER = 3600


@pytest.fixture
def watch(backend):
    return MissingWatch(backend.store, backend.clock, AFTER, 60)


def standing(backend):
    return [(a.seq, a.text) for a in backend.store.alarms(kind="missing") if a.cleared_at is None]


def later(backend, watch, seconds=AFTER + 1):
    backend.clock.pass_seconds(seconds)
    watch.do(0)
    return standing(backend)


def gaps_of(backend, d):
    (stream,) = backend.store.streams(dispenser=d.id)
    with backend.store.reading() as db:
        return [(hole.first, hole.last, hole.proven) for hole in holes(db, stream)]


def test_a_hole_below_a_verified_record_is_alarmed_after_its_time(backend, dispenser, watch):
    run = [dispenser.made[0], *dispenser.run(9)]
    backend.give(dispenser, run[:3])
    backend.give(dispenser, run[6:])
    assert later(backend, watch, AFTER - 60) == []
    assert later(backend, watch, 120) == [(3, "never came: 3 to 5 (a later one is here)")]
    assert gaps_of(backend, dispenser) == [(3, 5, True)]


def test_what_hello_claims_is_alarmed_as_a_claim(backend, dispenser, watch):
    backend.give(dispenser, [dispenser.made[0]])
    backend.take(dispenser, dispenser.hello(next_seq=5), "hello", gateway="gw-7")
    assert later(backend, watch) == [(1, "never came: 1 to 4 (says gw-7)")]


def test_a_claim_of_a_stream_of_which_nothing_ever_came_is_alarmed(backend, dispenser, watch):
    backend.take(dispenser, dispenser.hello(next_seq=1), "hello")
    assert later(backend, watch) == [(0, "never came: 0 (says gw-1)")]


def test_it_is_raised_once_and_cleared_when_it_comes(backend, dispenser, watch):
    run = [dispenser.made[0], *dispenser.run(3)]
    backend.give(dispenser, [run[0], run[1]])
    backend.give(dispenser, [run[3]])
    assert len(later(backend, watch)) == len(later(backend, watch)) == 1
    backend.give(dispenser, [run[2]])
    assert standing(backend) == []
    (alarm,) = backend.store.alarms(kind="missing")
    assert alarm.at < alarm.cleared_at
    assert backend.store.streams(dispenser=dispenser.id)[0].behind_since is None
    assert later(backend, watch) == []


def test_what_goes_on_coming_is_not_alarmed(backend, dispenser, watch):
    backend.take(dispenser, dispenser.hello(next_seq=9), "hello")
    for record in [dispenser.made[0], *dispenser.run(7)]:
        backend.give(dispenser, [record])
        assert later(backend, watch, AFTER - 60) == []
    assert [seq for seq, _ in later(backend, watch)] == [8]


def test_a_second_hole_has_its_own_time(backend, dispenser, watch):
    run = [dispenser.made[0], *dispenser.run(5)]
    for seq in (0, 2, 4, 5):
        backend.give(dispenser, [run[seq]])
    assert [seq for seq, _ in later(backend, watch)] == [1]
    backend.give(dispenser, [run[1]])
    assert later(backend, watch, AFTER - 60) == []
    assert [seq for seq, _ in later(backend, watch, 120)] == [3]


def test_lost_is_not_missing(backend, dispenser, watch):
    backend.give(dispenser, [dispenser.made[0]])
    gap = dispenser.damage(5)
    backend.give(dispenser, [gap])
    assert later(backend, watch) == []
    assert backend.alarms("lost") == [(dispenser.id, dispenser.epoch, 1)]


def test_a_hole_that_a_gap_names_later_is_cleared(backend, dispenser, watch):
    run = [dispenser.made[0], *dispenser.run(3)]
    backend.give(dispenser, run[2:])
    assert [seq for seq, _ in later(backend, watch)] == [0]
    backend.give(dispenser, [dispenser.gap(0, 1, TRIMMED)])
    assert standing(backend) == []


def test_refused_is_not_missing(backend, dispenser, watch):
    run = [dispenser.made[0], *dispenser.run(3)]
    backend.give(dispenser, run[:2])
    backend.give(dispenser, [bad(run[2])])
    backend.give(dispenser, run[3:])
    assert later(backend, watch) == []
    assert backend.alarms("refused") == [(dispenser.id, dispenser.epoch, 2)]


def test_a_claim_that_is_taken_back_is_cleared(backend, dispenser, watch):
    backend.give(dispenser, [dispenser.made[0]])
    backend.take(dispenser, dispenser.hello(next_seq=4_000_000_000), "hello")
    assert [seq for seq, _ in later(backend, watch)] == [1]
    backend.take(dispenser, dispenser.hello(next_seq=1), "hello")
    assert standing(backend) == []


def test_each_gateways_claim_counts_by_itself(backend, dispenser, watch):
    backend.give(dispenser, [dispenser.made[0]])
    backend.take(dispenser, dispenser.hello(next_seq=3), "hello", gateway="gw-2")
    backend.take(dispenser, dispenser.hello(next_seq=1), "hello", gateway="gw-1")
    assert [text for _, text in later(backend, watch)] == ["never came: 1 to 2 (says gw-2)"]


def test_one_that_is_wanted_again_is_raised_again(backend, dispenser, watch):
    backend.take(dispenser, dispenser.hello(next_seq=4), "hello")
    assert len(later(backend, watch)) == 1
    backend.take(dispenser, dispenser.hello(next_seq=0), "hello")
    assert standing(backend) == []
    backend.take(dispenser, dispenser.hello(next_seq=4), "hello")
    assert len(later(backend, watch)) == 1
    assert len(backend.store.alarms(kind="missing")) == 1


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_holes_are_just_what_is_known_and_not_here(tmp_path_factory, dispenser, other, data):
    backend = Backend(tmp_path_factory.mktemp("holes"), [dispenser, other])
    dispenser.run(max(0, 20 - dispenser.next))
    given_ = data.draw(st.sets(st.integers(0, 19), min_size=1))
    claimed = data.draw(st.integers(0, 25))
    for seq in data.draw(st.permutations(sorted(given_))):
        backend.give(dispenser, [dispenser.made[seq]])
    backend.take(dispenser, dispenser.hello(next_seq=claimed), "hello")
    wanted = set(range(max([claimed, *(seq + 1 for seq in given_)]))) - given_
    found = gaps_of(backend, dispenser)
    assert {seq for first, last, _ in found for seq in range(first, last + 1)} == (
        wanted if len(found) < 8 else wanted & set(range(found[-1][1] + 1))
    )
    backend.store.close()
