"""What becomes of bytes that do not verify: named, read again, and passed only where proved."""

import pytest

from tests.sim.backend.dispenser import Dispenser, Made, bad, events

TAG_AT = -8


@pytest.mark.parametrize("at", [4, 9, 12, 15, TAG_AT, -1])
def test_an_altered_record_is_refused_named_and_the_rest_goes_on(backend, dispenser, at):
    run = [dispenser.made[0], *dispenser.run(6)]
    altered = [*run[:3], bad(run[3], at)]
    outcome = backend.take(dispenser, events(dispenser.epoch, altered))
    assert (outcome.stored, outcome.refused, outcome.within) == (3, 1, 0.0)
    outcome = backend.give(dispenser, run[4:])
    mark = outcome.watermark
    assert (mark.next, mark.tag, mark.refused) == (3, run[2].tag, [3])
    assert [(span.first, span.last) for span in mark.ranges] == [(4, 6)]
    assert backend.alarms("refused") == [(dispenser.id, dispenser.epoch, 3)]
    mark = backend.give(dispenser, [run[3]]).watermark
    assert (mark.next, mark.tag, mark.refused, mark.ranges) == (7, run[6].tag, [], [])


def test_an_altered_seq_is_named_by_its_place(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(4)]
    outcome = backend.take(
        dispenser, events(dispenser.epoch, [*run[:2], bad(run[2], 1), *run[3:]])
    )
    assert outcome.watermark.refused == [2]
    assert backend.seqs(dispenser) == [0, 1, 3, 4]


def test_an_altered_length_costs_only_what_cannot_be_cut(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(4)]
    payload = events(dispenser.epoch, [*run[:2], bad(run[2], 13), *run[3:]])
    outcome = backend.take(dispenser, payload)
    assert backend.seqs(dispenser)[:2] == [0, 1]
    assert 2 in outcome.watermark.refused
    assert backend.give(dispenser, run[2:]).watermark.next == 5


def test_an_altered_tag_does_not_take_the_next_one_down_for_long(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    payload = events(dispenser.epoch, [run[0], bad(run[1], -1), *run[2:]])
    assert backend.take(dispenser, payload).watermark.refused == [1, 2]
    assert backend.give(dispenser, run[1:]).watermark.next == 4


def test_at_most_eight_refused_are_named_lowest_first(backend, dispenser):
    run = dispenser.run(30)
    for record in reversed(run):
        mark = backend.give(dispenser, [bad(record)]).watermark
    assert mark.refused == [1, 2, 3, 4, 5, 6, 7, 8]
    for record in run[:4]:
        mark = backend.give(dispenser, [record]).watermark
    assert mark.refused == [5, 6, 7, 8, 9, 10, 11, 12]


def read_twice(backend, dispenser, record, seconds=2.0, **more):
    backend.give(dispenser, [bad(record)])
    backend.name_refused(dispenser)
    backend.clock.pass_seconds(seconds)
    return backend.give(dispenser, [bad(record)], **more)


def test_the_same_bytes_read_again_are_stored_as_refused_and_passed(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]])
    record = dispenser.run(1)[0]
    outcome = read_twice(backend, dispenser, record)
    assert (outcome.given_up, outcome.within, outcome.watermark.next) == (1, 0.0, 1)
    mark = backend.give(dispenser, dispenser.run(2)[1:]).watermark
    assert (mark.next, mark.tag, mark.refused) == (2, bad(record).tag, [])
    assert [(span.first, span.last) for span in mark.ranges] == [(3, 3)]
    (row,) = backend.store.refused()
    assert (row.stored, row.open, row.raw, row.reason) == (True, False, bad(record).raw, "bad_tag")
    assert backend.seqs(dispenser) == [0, 3]


def test_below_a_verified_record_they_are_passed_at_once(backend, dispenser):
    run = dispenser.run(3)
    backend.give(dispenser, [dispenser.made[0], *run[:1]])
    backend.give(dispenser, run[2:])
    assert read_twice(backend, dispenser, run[1]).watermark.next == 4


@pytest.mark.parametrize("forged_first", [False, True])
def test_bytes_for_seqs_that_nobody_has_written_yet_pass_nothing(backend, dispenser, forged_first):
    forger = Dispenser(dispenser.id, dispenser.epoch, secret=bytes(32), next=1)
    forged = forger.run(9)
    if not forged_first:
        backend.give(dispenser, [dispenser.made[0]])
    for made in forged:
        for _ in range(2):
            mark = backend.give(dispenser, [made]).watermark
            backend.name_refused(dispenser)
            backend.clock.pass_seconds(60)
    if forged_first:
        mark = backend.give(dispenser, [dispenser.made[0]]).watermark
    assert sum(row.stored for row in backend.store.refused()) == 9
    assert (mark.next, mark.ranges, mark.refused) == (1, [], [])
    for number, record in enumerate(dispenser.run(9), start=2):
        mark = backend.give(dispenser, [record]).watermark
        assert (mark.next, mark.tag, mark.ranges) == (number, record.tag, [])
    assert [row.stored for row in backend.store.refused()] == [False] * 9


def test_a_copy_within_the_grace_is_no_second_reading(backend, dispenser):
    record = dispenser.run(1)[0]
    outcome = read_twice(backend, dispenser, record, seconds=1.9)
    assert (outcome.given_up, outcome.watermark.refused) == (0, [1])
    assert outcome.within == backend.grace


def test_a_clock_set_back_does_not_hold_up_the_watermark(backend, dispenser):
    record = dispenser.run(1)[0]
    assert read_twice(backend, dispenser, record, seconds=-86_400).given_up == 1


def test_a_redelivery_is_no_second_reading(backend, dispenser):
    record = dispenser.run(1)[0]
    assert read_twice(backend, dispenser, record, redelivered=True).given_up == 0


def test_without_a_watermark_sent_there_is_no_second_reading(backend, dispenser):
    record = dispenser.run(1)[0]
    backend.give(dispenser, [bad(record)])
    backend.clock.pass_seconds(3600)
    assert backend.give(dispenser, [bad(record)]).given_up == 0


def test_other_bad_bytes_are_no_second_reading(backend, dispenser):
    record = dispenser.run(1)[0]
    backend.give(dispenser, [bad(record, 5)])
    backend.name_refused(dispenser)
    backend.clock.pass_seconds(10)
    outcome = backend.give(dispenser, [bad(record, 6)])
    assert (outcome.given_up, outcome.refused, outcome.watermark.refused) == (0, 1, [1])


def test_a_verified_record_replaces_the_passing(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]])
    record = dispenser.run(1)[0]
    read_twice(backend, dispenser, record)
    mark = backend.give(dispenser, [record]).watermark
    assert (mark.next, mark.tag) == (2, record.tag)
    assert [row.stored for row in backend.store.refused()] == [False]


def test_altered_bytes_of_a_stored_record_are_not_asked_for_again(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(2)]
    backend.give(dispenser, run)
    outcome = backend.give(dispenser, [bad(run[1])])
    assert (outcome.refused, outcome.watermark.refused) == (1, [])
    assert backend.store.records(dispenser.id, dispenser.epoch)[1].raw == run[1].raw


def test_a_relabelled_epoch_does_not_verify(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(2)]
    later = Dispenser(id=dispenser.id, epoch=0xBEEF, secret=dispenser.secret)
    backend.register(dispenser, epochs=[dispenser.epoch, later.epoch])
    outcome = backend.take(dispenser, events(later.epoch, run))
    assert (outcome.stored, outcome.refused, outcome.watermark.refused) == (0, 3, [0, 1, 2])
    assert backend.alarms("refused") == [(dispenser.id, 0xBEEF, seq) for seq in range(3)]


def test_an_epoch_that_was_never_given_is_refused_and_not_answered(backend, dispenser):
    outcome = backend.take(dispenser, events(99, [dispenser.made[0]]))
    assert (outcome.stored, outcome.refused, outcome.watermark) == (0, 1, None)
    assert backend.alarms("unknown_epoch") == [(dispenser.id, 99, None)]
    assert backend.store.streams() == []


def test_a_relabelled_dispenser_does_not_verify(backend, dispenser, other):
    stranger = Dispenser(id=other.id, epoch=other.epoch, secret=dispenser.secret)
    outcome = backend.give(other, [stranger.born()])
    assert (outcome.stored, outcome.refused) == (0, 1)
    assert backend.alarms("refused") == [(other.id, other.epoch, 0)]


def test_an_unknown_dispenser_is_named_and_kept_out(backend):
    stranger = Dispenser(id="1" * 16)
    outcome = backend.give(stranger, [stranger.born()])
    assert (outcome.stored, outcome.refused, outcome.watermark) == (0, 1, None)
    assert backend.alarms("unknown_dispenser") == [(stranger.id, stranger.epoch, None)]
    assert [row.reason for row in backend.store.refused()] == ["unknown_dispenser"]


def test_a_dispenser_registered_meanwhile_is_known_without_a_restart(backend, dispenser, other):
    late = Dispenser(id="2" * 16)
    backend.give(late, [late.born()])
    backend.register(dispenser, other, late)
    assert backend.give(late, [late.made[0]]).stored == 1


def test_a_registry_that_cannot_be_read_any_more_is_said(backend, dispenser):
    backend.registry.write_text("{")
    late = Dispenser(id="2" * 16)
    notes = backend.give(late, [late.born()]).notes
    assert any("last good registry" in note and "registry.json" in note for note in notes)
    assert backend.give(dispenser, [dispenser.made[0]]).stored == 1


def test_swapped_records_are_refused_and_come_right(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(4)]
    outcome = backend.take(dispenser, events(dispenser.epoch, [run[0], run[2], run[1], *run[3:]]))
    assert (outcome.stored, outcome.refused) == (2, 3)
    assert outcome.watermark.refused == [1, 2, 3]
    assert outcome.notes
    assert backend.give(dispenser, run[1:4]).watermark.next == 5


def test_a_removed_record_is_noticed(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(4)]
    outcome = backend.take(dispenser, events(dispenser.epoch, [*run[:2], *run[3:]]))
    assert (outcome.watermark.next, outcome.refused) == (2, 1)
    assert backend.give(dispenser, run).watermark.next == 5


def test_a_truncated_batch_keeps_its_whole_records(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    outcome = backend.take(dispenser, events(dispenser.epoch, run)[:-5])
    assert (outcome.stored, outcome.watermark.refused) == (3, [3])
    assert backend.give(dispenser, run).watermark.next == 4


def test_a_wrong_predecessor_tag_refuses_the_first_only(backend, dispenser):
    run = dispenser.run(3)
    payload = bytearray(events(dispenser.epoch, run))
    payload[5] ^= 1
    outcome = backend.take(dispenser, bytes(payload))
    assert (outcome.stored, outcome.watermark.refused) == (2, [1])


def test_a_seq_out_of_reach_is_refused_without_deriving_its_key(backend, dispenser):
    far = Dispenser(dispenser.id, dispenser.epoch, dispenser.secret, next=4_000_000_000)
    outcome = backend.give(dispenser, [Made(far.next, bytes(8), far_record(far.next))])
    assert (outcome.refused, outcome.watermark.refused) == (1, [])
    assert [row.reason for row in backend.store.refused()] == ["out_of_reach"]


def far_record(seq):
    return seq.to_bytes(4, "big") + bytes(9) + b"\0" + bytes(8)
