"""What becomes of each record of a payload, and what the watermark then says."""

import pytest

from protocol.schema import FIRST_TAG
from sim.backend.ingest import MAX_PAYLOAD
from tests.sim.backend.dispenser import (
    RESPONSE,
    TRIMMED,
    Dispenser,
    Made,
    events,
    flipped,
)

TAG_AT = -8


def bad(made: Made, at: int = 7) -> Made:
    return Made(made.seq, made.previous, flipped(made.raw, at))


def test_verified_records_are_stored_verbatim_and_passed(backend, dispenser):
    made = [dispenser.made[0], *dispenser.run(5)]
    outcome = backend.give(dispenser, made)
    rows = backend.store.records(dispenser.id, dispenser.epoch)
    assert [row.raw for row in rows] == [record.raw for record in made]
    assert [row.previous for row in rows] == [record.previous for record in made]
    assert {row.status for row in rows} == {"verified"}
    assert {row.gateway for row in rows} == {"gw-1"}
    assert (outcome.stored, outcome.refused, outcome.within) == (6, 0, None)
    assert (outcome.watermark.next, outcome.watermark.tag) == (6, made[-1].tag)


def test_columns_say_what_the_bytes_say(backend, dispenser):
    record = dispenser.write(0x22, b"\0\5\3", time=1234)
    backend.give(dispenser, [record])
    (row,) = backend.store.records(dispenser.id, dispenser.epoch)
    assert (row.boot, row.time, row.stamp, row.type, row.data) == (
        1,
        1234,
        0x8000,
        0x22,
        b"\0\5\3",
    )


def test_unknown_record_types_are_kept(backend, dispenser):
    record = dispenser.write(0xEE, b"from a newer firmware")
    assert backend.give(dispenser, [record]).stored == 1


def test_the_same_again_is_a_duplicate_and_changes_nothing(backend, dispenser):
    made = [dispenser.made[0], *dispenser.run(5)]
    first = backend.give(dispenser, made)
    before = backend.store.records(dispenser.id, dispenser.epoch)
    outcome = backend.give(dispenser, made, redelivered=True)
    outcome = backend.give(dispenser, made)
    assert (outcome.stored, outcome.duplicates, outcome.refused) == (0, 6, 0)
    assert outcome.watermark.rev == first.watermark.rev
    after = backend.store.records(dispenser.id, dispenser.epoch)
    assert [row.raw for row in after] == [row.raw for row in before]


def test_rev_grows_with_each_change_and_the_store_keeps_its_id(backend, dispenser):
    one = backend.give(dispenser, [dispenser.made[0]]).watermark
    backend.restart()
    two = backend.give(dispenser, dispenser.run(1)).watermark
    assert two.store == one.store != 0
    assert two.rev > one.rev


def test_a_new_store_has_a_new_id_and_asks_from_the_start(backend, dispenser):
    old = backend.give(dispenser, [dispenser.made[0]]).watermark
    backend.store.close()
    for file in backend.folder.glob("store.db*"):
        file.unlink()
    backend.start()
    new = backend.take(dispenser, dispenser.hello(), "hello").watermark
    assert new.store != old.store
    assert (new.next, new.tag) == (0, FIRST_TAG)


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
    assert (outcome.given_up, outcome.within, outcome.watermark.next) == (1, 0.0, 2)
    assert outcome.watermark.tag == bad(record).tag
    (row,) = backend.store.refused()
    assert (row.stored, row.open, row.raw, row.reason) == (True, False, bad(record).raw, "bad_tag")
    assert backend.seqs(dispenser) == [0]


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


def test_a_doubled_record_is_stored_once(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    outcome = backend.take(dispenser, events(dispenser.epoch, [*run[:2], run[1], *run[2:]]))
    assert (outcome.stored, outcome.duplicates, outcome.refused) == (4, 1, 0)
    assert backend.store.counters()["odd_batches"] == 1


def test_a_truncated_batch_keeps_its_whole_records(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    outcome = backend.take(dispenser, events(dispenser.epoch, run)[:-5])
    assert (outcome.stored, outcome.watermark.refused) == (3, [3])
    assert backend.give(dispenser, run).watermark.next == 4


def test_a_count_that_lies_is_noticed(backend, dispenser):
    run = [dispenser.made[0], *dispenser.run(3)]
    payload = bytearray(events(dispenser.epoch, run))
    payload[12] = 9
    assert backend.take(dispenser, bytes(payload)).stored == 4
    assert backend.store.counters()["odd_batches"] == 1


def test_a_wrong_predecessor_tag_refuses_the_first_only(backend, dispenser):
    run = dispenser.run(3)
    payload = bytearray(events(dispenser.epoch, run))
    payload[5] ^= 1
    outcome = backend.take(dispenser, bytes(payload))
    assert (outcome.stored, outcome.watermark.refused) == (2, [1])


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


def test_a_response_is_answered_at_once(backend, dispenser):
    assert backend.give(dispenser, dispenser.run(1)).within is None
    press = dispenser.write(RESPONSE, bytes([0, 1, 2, 0, 0, 0, 0, 0]))
    assert backend.give(dispenser, [press]).within == 0.0


def test_hello_is_answered_at_once_and_proves_nothing(backend, dispenser):
    outcome = backend.take(dispenser, dispenser.hello(next_seq=50), "hello", gateway="gw-2")
    mark = outcome.watermark
    assert (mark.epoch, mark.next, mark.tag) == (dispenser.epoch, 0, FIRST_TAG)
    assert (outcome.within, outcome.gateway) == (0.0, "gw-2")
    (row,) = backend.store.streams()
    assert (row.claimed_next, row.claimed_gateway, row.gateway) == (50, "gw-2", "")


def test_hello_names_what_is_still_refused(backend, dispenser):
    backend.give(dispenser, [bad(dispenser.run(1)[0])])
    assert backend.take(dispenser, dispenser.hello(), "hello").watermark.refused == [1]


def test_hello_without_a_journal_is_counted_and_not_answered(backend, dispenser):
    assert backend.take(dispenser, dispenser.hello(epoch=0), "hello").watermark is None
    assert backend.store.counters()["hello_without_journal"] == 1


def test_hello_of_another_dispenser_is_not_believed(backend, dispenser, other):
    assert backend.take(dispenser, other.hello(), "hello").watermark is None
    assert backend.store.counters()["malformed"] == 1


def test_hello_of_an_unknown_dispenser_makes_no_stream(backend):
    stranger = Dispenser(id="3" * 16)
    assert backend.take(stranger, stranger.hello(), "hello").watermark is None
    assert backend.store.streams() == []
    assert backend.alarms("unknown_dispenser") == [(stranger.id, stranger.epoch, None)]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("events", b""),
        ("events", bytes(12)),
        ("hello", b"short"),
        ("hello", b""),
        ("status", b"?"),
        ("events", bytes(MAX_PAYLOAD + 1)),
    ],
)
def test_malformed_payloads_are_counted_and_said(backend, dispenser, kind, payload):
    outcome = backend.take(dispenser, payload, kind)
    assert outcome.watermark is None
    assert len(outcome.notes) == 1
    assert dispenser.id in outcome.notes[0]
    assert backend.store.counters()["malformed"] == 1
    assert backend.give(dispenser, [dispenser.made[0]]).stored == 1


@pytest.mark.parametrize(
    "topic",
    ["", "rtm/v1", "rtm/v1/GW/up/x/y", "rtm/v2/gw-1/up/0/events", "rtm/v1/gw-1/up/state/x"],
)
def test_foreign_topics_are_counted(backend, topic):
    assert backend.ingest.take(topic, b"?").watermark is None
    assert backend.store.counters() == {"malformed": 1}


def test_a_gateways_state_is_not_a_fault(backend):
    assert backend.ingest.take("rtm/v1/gw-1/up/state", b"online").notes == ()
    assert backend.store.counters() == {"gateway_states": 1}


def test_the_stream_remembers_the_gateway_of_the_newest_verified_record(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]], gateway="gw-1")
    backend.give(dispenser, dispenser.run(1), gateway="gw-2")
    backend.give(dispenser, [bad(dispenser.run(1)[0])], gateway="gw-3")
    assert [row.gateway for row in backend.store.streams()] == ["gw-2"]


def test_a_seq_out_of_reach_is_refused_without_deriving_its_key(backend, dispenser):
    far = Dispenser(dispenser.id, dispenser.epoch, dispenser.secret, next=4_000_000_000)
    outcome = backend.give(dispenser, [Made(far.next, bytes(8), far_record(far.next))])
    assert (outcome.refused, outcome.watermark.refused) == (1, [])
    assert [row.reason for row in backend.store.refused()] == ["out_of_reach"]


def far_record(seq):
    return seq.to_bytes(4, "big") + bytes(9) + b"\0" + bytes(8)
