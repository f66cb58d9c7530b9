"""What becomes of each payload, and what the watermark then says."""

import pytest

from protocol.schema import FIRST_TAG
from sim.backend.ingest import MAX_PAYLOAD
from tests.sim.backend.dispenser import RESPONSE, Dispenser, bad


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


def test_a_response_is_answered_at_once(backend, dispenser):
    assert backend.give(dispenser, dispenser.run(1)).within is None
    press = dispenser.write(RESPONSE, bytes([0, 1, 2, 0, 0, 0, 0, 0]))
    assert backend.give(dispenser, [press]).within == 0.0


def test_a_response_that_came_before_its_predecessors_is_confirmed_with_them(backend, dispenser):
    """The dispenser shows *delivered* once the watermark has passed it: not hours later."""
    backend.give(dispenser, [dispenser.made[0]])
    dose = dispenser.run(3)
    press = dispenser.write(RESPONSE, bytes([0, 1, 4, 0, 0, 0, 0, 0]))
    assert backend.give(dispenser, [press]).watermark.next == 1
    outcome = backend.give(dispenser, dose)
    assert (outcome.watermark.next, outcome.within) == (5, 0.0)
    assert backend.give(dispenser, dispenser.run(1)).within is None


def test_hello_is_answered_at_once_and_proves_nothing(backend, dispenser):
    outcome = backend.take(dispenser, dispenser.hello(next_seq=50), "hello", gateway="gw-2")
    mark = outcome.watermark
    assert (mark.epoch, mark.next, mark.tag) == (dispenser.epoch, 0, FIRST_TAG)
    assert (outcome.within, outcome.gateway) == (0.0, "gw-2")
    (row,) = backend.store.streams()
    assert (row.claimed_next, row.gateway, row.newest) == (50, "", -1)
    (claim,) = backend.store.claims()
    assert (claim.gateway, claim.first, claim.next) == ("gw-2", 0, 50)


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


def test_what_a_gateway_says_of_itself_is_stored_with_its_times(backend):
    said = (b'{"online": true}', b'{"online": true}', b'{"online": false, "sleeping_until": 77}')
    seen = []
    for body in said:
        assert backend.ingest.take("rtm/v1/gw-1/up/state", body).notes == ()
        seen.append(backend.store.gateways()[0])
        backend.clock.pass_seconds(10)
    assert [(row.online, row.sleeping_until) for row in seen] == [
        (True, None),
        (True, None),
        (False, 77_000_000),
    ]
    assert seen[0].since == seen[1].since < seen[1].heard_at < seen[2].since
    assert seen[2].body == said[2]
    assert backend.store.counters() == {"gateway_states": 3}


@pytest.mark.parametrize(
    "body",
    [
        b"online",
        b"[]",
        b'{"online": 1}',
        b'{"online": true, "sleeping_until": "x"}',
        b"[" * 1000,
        b'{"online": true, "x": "' + b"y" * 1100 + b'"}',
        b'{"online": false, "sleeping_until": -1}',
    ],
)
def test_a_state_that_tells_nothing_is_malformed(backend, body):
    outcome = backend.ingest.take("rtm/v1/gw-1/up/state", body)
    assert "malformed state of gw-1" in outcome.notes[0]
    assert backend.store.counters() == {"malformed": 1}
    assert backend.store.gateways() == []


def test_an_answer_is_stored_with_its_time_and_proves_nothing(backend, dispenser):
    backend.take(dispenser, b"\0\0\0\7", "config", correlation=b"\0\0\0\7")
    backend.take(dispenser, b"\1\7no", "error")
    first, second = backend.answers()
    assert (first.kind, first.gateway, first.counter, first.body) == (
        "config",
        "gw-1",
        7,
        b"\0\0\0\7",
    )
    assert (second.kind, second.counter) == ("error", None)
    assert first.received_at < second.received_at
    assert backend.store.counters() == {"answers": 2}


def test_an_answer_of_a_stranger_is_malformed(backend):
    assert backend.take(Dispenser(id="4" * 16), b"\1\7no", "error").notes
    assert backend.answers() == []


def test_a_backlog_that_comes_late_does_not_move_the_dispenser_back(backend, dispenser):
    old, new = dispenser.run(4), dispenser.run(2)
    backend.give(dispenser, [dispenser.made[0]], gateway="gw-1")
    backend.give(dispenser, new, gateway="gw-2")
    backend.give(dispenser, old, gateway="gw-1")
    (row,) = backend.store.streams()
    assert (row.gateway, row.newest, row.next) == ("gw-2", 6, 7)


def test_the_stream_remembers_the_gateway_of_the_newest_verified_record(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]], gateway="gw-1")
    backend.give(dispenser, dispenser.run(1), gateway="gw-2")
    backend.give(dispenser, [bad(dispenser.run(1)[0])], gateway="gw-3")
    assert [row.gateway for row in backend.store.streams()] == ["gw-2"]
