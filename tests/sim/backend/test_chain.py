"""Gaps, breaks and forks of a chain, and what the watermark says of them."""

from protocol.schema import FIRST_TAG
from tests.sim.backend.dispenser import RESPONSE, TRIMMED, Dispenser, bad, events


def test_a_doubled_record_is_stored_once(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    outcome = backend.take(dispenser, events(dispenser.epoch, [*run[:2], run[1], *run[2:]]))
    assert (outcome.stored, outcome.duplicates, outcome.refused) == (4, 1, 0)
    assert backend.store.counters()["odd_batches"] == 1


def test_a_count_that_lies_is_noticed(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    payload = bytearray(events(dispenser.epoch, run))
    payload[12] = 9
    assert backend.take(dispenser, bytes(payload)).stored == 4
    assert backend.store.counters()["odd_batches"] == 1


def twin(dispenser, upto):
    copy = Dispenser(dispenser.id, dispenser.epoch, dispenser.secret)
    copy.born()
    copy.run(upto - 1)
    return copy


def test_a_fork_sets_both_aside_and_the_watermark_passes(backend, dispenser):
    clone = twin(dispenser, 3)
    run = [dispenser.made[0], *dispenser.run(4)]
    backend.give(dispenser, run)
    mine, theirs = run[3], clone.write(RESPONSE, bytes(8))
    outcome = backend.give(dispenser, [theirs])
    assert (outcome.forks, outcome.watermark.next) == (1, 5)
    assert {row.raw for row in backend.store.forks(seq=3)} == {mine.raw, theirs.raw}
    rows = backend.store.records(dispenser.id, dispenser.epoch)
    assert [row.seq for row in rows if row.status == "fork"] == [3]
    assert backend.alarms("fork") == [(dispenser.id, dispenser.epoch, 3)]
    for version in (mine, theirs):
        again = backend.give(dispenser, [version])
        assert (again.forks, again.duplicates) == (0, 1)


def test_a_third_version_joins_the_fork(backend, dispenser):
    clones = [twin(dispenser, 3) for _ in range(3)]
    versions = [clone.write(0x20, bytes([0, n])) for n, clone in enumerate(clones)]
    for version in versions:
        backend.give(dispenser, [version])
    assert {row.raw for row in backend.store.forks()} == {version.raw for version in versions}
    assert len(backend.store.forks()) == 3


def test_a_record_that_does_not_continue_its_predecessor_is_alarmed_and_kept(backend, dispenser):
    clone = twin(dispenser, 2)
    run = [dispenser.made[0], *dispenser.run(2)]
    backend.give(dispenser, run)
    clone.write(RESPONSE, bytes(8))
    stray = clone.write()
    backend.give(dispenser, [stray])
    assert backend.alarms("chain_break") == [(dispenser.id, dispenser.epoch, 3)]
    assert backend.seqs(dispenser) == [0, 1, 2, 3]


def test_a_break_is_found_from_the_other_side_too(backend, dispenser):
    clone = twin(dispenser, 2)
    run = [dispenser.made[0], *dispenser.run(2)]
    clone.write(RESPONSE, bytes(8))
    backend.give(dispenser, [clone.write()])
    backend.give(dispenser, run)
    assert backend.alarms("chain_break") == [(dispenser.id, dispenser.epoch, 3)]


def test_a_damaged_range_is_passed_when_its_gap_verifies(backend, dispenser):
    before = [dispenser.made[0], *dispenser.run(3)]
    gap = dispenser.damage(5)
    after = dispenser.run(2)
    backend.give(dispenser, before)
    mark = backend.give(dispenser, [gap, *after]).watermark
    assert (mark.next, mark.tag) == (12, after[-1].tag)
    assert gap.previous == before[-1].tag
    assert backend.alarms("chain_break") == []
    assert backend.alarms("lost") == [(dispenser.id, dispenser.epoch, 4)]
    (row,) = backend.store.gaps()
    assert (row.seq, row.first, row.last) == (9, 4, 8)


def test_a_jump_that_leaves_records_out_breaks_the_chain(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    dispenser.tag = run[2].tag
    gap = dispenser.damage(5)
    backend.give(dispenser, run)
    backend.give(dispenser, [gap])
    assert backend.alarms("chain_break") == [(dispenser.id, dispenser.epoch, 9)]


def test_an_altered_gap_passes_nothing(backend, dispenser):
    before = [dispenser.made[0], *dispenser.run(3)]
    backend.give(dispenser, before)
    gap = dispenser.damage(5)
    mark = backend.give(dispenser, [bad(gap, 17)]).watermark
    assert (mark.next, mark.refused) == (4, [9])
    assert backend.store.gaps() == []


def test_trimmed_records_may_still_come(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    gap = dispenser.gap(0, 2, TRIMMED)
    mark = backend.give(dispenser, [run[3], gap]).watermark
    assert mark.next == 5
    backend.give(dispenser, [run[1]])
    assert backend.seqs(dispenser) == [1, 3, 4]
    assert backend.alarms("lost") == []


def test_the_tag_of_a_trimmed_record_is_not_known(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    mark = backend.give(dispenser, [dispenser.gap(0, 2, TRIMMED)]).watermark
    assert (mark.next, mark.tag) == (3, FIRST_TAG)
    assert backend.give(dispenser, [run[2]]).watermark.tag == run[2].tag


def test_a_gap_that_names_the_future_passes_nothing(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]])
    mark = backend.give(dispenser, [dispenser.gap(1, 500, TRIMMED)]).watermark
    assert mark.next == 2
    assert backend.alarms("gap_malformed") == [(dispenser.id, dispenser.epoch, 1)]


def test_without_a_gap_nothing_missing_is_passed(backend, dispenser):
    dispenser.run(20)
    mark = backend.give(dispenser, [dispenser.made[s] for s in range(5, 21)]).watermark
    assert (mark.next, mark.tag) == (0, FIRST_TAG)
    assert [(span.first, span.last) for span in mark.ranges] == [(5, 20)]


def test_at_most_eight_ranges_lowest_first(backend, dispenser):
    dispenser.run(40)
    for seq in range(39, 0, -2):
        mark = backend.give(dispenser, [dispenser.made[seq]]).watermark
    assert [(span.first, span.last) for span in mark.ranges] == [
        (seq, seq) for seq in range(1, 16, 2)
    ]
