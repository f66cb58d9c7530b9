"""Commands: signed, counted on disk before they go out, sent to the right gateway, tracked."""

import hashlib
import hmac
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.backend import commands
from sim.backend.dispatch import Dispatcher
from sim.backend.registry import RegistryFile
from tests.sim.backend.bench import Backend
from tests.sim.backend.dispenser import Dispenser

SETTINGS_APPLIED, SETTINGS_REFUSED, RELEASE, SEEN = 0x0A, 0x0B, 0x0C, 0x0F
MAC, COUNTER, RULE = 1, 2, 5
WEEK = 7 * 86_400_000_000


def plain_settings(version):
    return struct.pack(">HBBHHBB", version, 2, 2, 1260, 480, 24, 1) + bytes(3)


def mac_of(d, kind, counter, body):
    device = bytes.fromhex(d.id)
    key = hmac.new(d.secret, b"command" + device, hashlib.sha256).digest()
    message = device + bytes([kind]) + struct.pack(">I", counter) + body
    return hmac.new(key, message, hashlib.sha256).digest()[:16]


class Post:
    """Stands for the MQTT connection, and looks into the store when something goes out."""

    def __init__(self, backend):
        self.connected = True
        self.reached = True
        self.sent = []
        self._backend = backend

    def command(self, topic, payload, expires_in, taken):
        kept = [c.body for c in self._backend.store.commands()]
        assert payload in kept, "on disk before it goes out"
        self.sent.append((topic, payload, expires_in))
        if self.reached:
            taken()
        return True


class Desk:
    """A backend that sends commands."""

    def __init__(self, backend):
        self.backend = backend
        self.post = Post(backend)
        self.start()

    def start(self):
        registry = RegistryFile(self.backend.registry)
        self.dispatcher = Dispatcher(
            self.backend.store, registry, self.post, self.backend.clock, 600
        )

    def queue(self, d, kind, content, expires=WEEK):
        now = self.backend.clock()
        with self.backend.store.writing() as transaction:
            number = commands.queue(transaction.db, now, d.id, kind, content, now + expires)
        return number

    def look(self, seconds=1):
        before = len(self.post.sent)
        self.backend.clock.pass_seconds(seconds)
        self.dispatcher.do(0)
        return [topic for topic, _, _ in self.post.sent[before:]]

    def last(self):
        return self.backend.store.commands()[-1]


@pytest.fixture
def desk(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]])
    return Desk(backend)


def topic(d, kind, gateway="gw-1"):
    return f"rtm/v1/{gateway}/dn/{d.id}/{kind}"


def test_settings_are_signed_counted_and_sent(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3))
    assert desk.look() == [topic(dispenser, "config")]
    (_, payload, expires_in) = desk.post.sent[0]
    body = plain_settings(3)
    assert payload == struct.pack(">I", 1) + mac_of(dispenser, 7, 1, body) + body
    assert WEEK / 1e6 - 5 < expires_in <= WEEK / 1e6
    assert (desk.last().state, desk.last().counter, desk.last().gateway) == ("sent", 1, "gw-1")
    assert desk.look(3600) == []


def test_what_the_clinic_has_seen_is_signed_and_sent(desk, dispenser):
    body = struct.pack(">II", dispenser.epoch, 1)
    desk.queue(dispenser, "seen", body)
    assert desk.look() == [topic(dispenser, "seen")]
    kind = 0x10
    assert desk.post.sent[0][1] == struct.pack(">I", 1) + mac_of(dispenser, kind, 1, body) + body


def test_a_release_is_announced(desk, dispenser):
    desk.queue(dispenser, "release", bytes((1, 4, 2, 9)) + b"signed manifest")
    assert desk.look() == [topic(dispenser, "release")]
    digest = hashlib.sha256(b"signed manifest").digest()
    body = bytes((1, 4, 2, 9)) + struct.pack(">H", 15) + digest
    assert desk.post.sent[0][1] == struct.pack(">I", 1) + mac_of(dispenser, 11, 1, body) + body


def test_a_verified_record_says_that_it_is_applied(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    told = dispenser.write(SETTINGS_APPLIED, struct.pack(">HHI", 3, 0, 1))
    desk.backend.give(dispenser, [told])
    last = desk.last()
    assert (last.state, last.reason, last.proof_seq) == ("applied", None, told.seq)
    assert last.proof_epoch == dispenser.epoch
    assert last.ended_at is not None


def test_a_verified_record_says_why_it_is_refused(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3))
    desk.queue(dispenser, "config", plain_settings(4))
    desk.look()
    desk.look()
    told = dispenser.write(SETTINGS_REFUSED, struct.pack(">HBI", 4, RULE, 0))
    desk.backend.give(dispenser, [told])
    first, second = desk.backend.store.commands()
    assert first.state == "sent"
    assert (second.state, second.reason, second.proof_seq) == ("refused", "rule", told.seq)


def test_what_could_not_be_read_was_the_first_one_out(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3))
    desk.queue(dispenser, "config", plain_settings(4))
    desk.look()
    desk.look()
    told = dispenser.write(SETTINGS_REFUSED, struct.pack(">HBI", 0, MAC, 0))
    desk.backend.give(dispenser, [told])
    assert [c.state for c in desk.backend.store.commands()] == ["refused", "sent"]


@pytest.mark.parametrize(("reason", "state"), [(0, "applied"), (COUNTER, "refused")])
def test_seen_is_told_by_its_record(desk, dispenser, reason, state):
    desk.queue(dispenser, "seen", struct.pack(">II", dispenser.epoch, 1))
    desk.look()
    told = dispenser.write(SEEN, struct.pack(">IBI", 1, reason, 1))
    desk.backend.give(dispenser, [told])
    assert desk.last().state == state


RECEIVED, STARTED, CONFIRMED, REVERTED, REFUSED = range(1, 6)
UNSUPPORTED, DIGEST = 4, 11


@pytest.mark.parametrize(
    ("told", "state", "why"),
    [
        ([(RECEIVED, 0)], "sent", None),
        ([(RECEIVED, 0), (STARTED, 0)], "sent", None),
        ([(RECEIVED, 0), (STARTED, 0), (CONFIRMED, 0)], "applied", None),
        ([(RECEIVED, 0), (STARTED, 0), (REVERTED, 0)], "refused", "reverted"),
        ([(REFUSED, UNSUPPORTED)], "refused", "unsupported"),
        ([(REFUSED, DIGEST), (RECEIVED, 0), (CONFIRMED, 0)], "applied", None),
    ],
)
def test_a_release_is_told_by_its_records(desk, dispenser, told, state, why):
    desk.queue(dispenser, "release", bytes((1, 4, 2, 9)) + b"signed manifest")
    desk.look()
    for action, reason in told:
        data = bytes((action, 1, 4, 2, ord("b"), reason)) + struct.pack(">I", 1)
        desk.backend.give(dispenser, [dispenser.write(RELEASE, data)])
    assert (desk.last().state, desk.last().reason) == (state, why)


def test_another_release_that_runs_is_no_proof(desk, dispenser):
    desk.queue(dispenser, "release", bytes((1, 4, 2, 9)) + b"signed manifest")
    desk.look()
    for version, counter in ((3, 1), (2, 0)):
        data = bytes((CONFIRMED, 1, 4, version, ord("b"), 0)) + struct.pack(">I", counter)
        desk.backend.give(dispenser, [dispenser.write(RELEASE, data)])
        assert desk.last().state == "sent", "another version, or from before the command"


def test_an_answer_is_a_word_and_no_proof(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    counter = struct.pack(">I", 1)
    desk.backend.take(dispenser, counter + plain_settings(3), "config", correlation=counter)
    assert (desk.last().state, desk.last().proof_seq) == ("sent", None)
    assert desk.last().answered_at is not None


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("config", struct.pack(">I", 0), "not taken, says the gateway"),
        ("error", b"\1\7what?", "unknown_message: what?, says the gateway"),
        ("config", b"\0", "an answer that nobody can read, says the gateway"),
    ],
)
def test_a_refusal_by_word_stands_until_a_record_says_otherwise(desk, dispenser, kind, body, said):
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    desk.backend.take(dispenser, body, kind, correlation=struct.pack(">I", 1))
    assert (desk.last().state, desk.last().reason) == ("refused", said)
    assert desk.look(3600) == []
    told = dispenser.write(SETTINGS_APPLIED, struct.pack(">HHI", 3, 0, 1))
    desk.backend.give(dispenser, [told])
    assert (desk.last().state, desk.last().reason) == ("applied", None)
    desk.backend.take(dispenser, body, kind, correlation=struct.pack(">I", 1))
    assert desk.last().state == "applied"


def test_the_counter_goes_on_from_the_larger_of_its_own_and_the_reported(desk, dispenser):
    told = dispenser.write(SETTINGS_REFUSED, struct.pack(">HBI", 9, RULE, 40))
    desk.backend.give(dispenser, [told])
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    assert desk.last().counter == 41
    desk.backend.restart()
    desk.start()
    desk.queue(dispenser, "config", plain_settings(4))
    desk.look()
    assert desk.last().counter == 42


def test_a_counter_that_only_a_gateway_tells_is_not_believed(desk, dispenser):
    answer = struct.pack(">I", 0xFFFFFFFE)
    desk.backend.take(dispenser, answer, "config", correlation=answer)
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    assert desk.last().counter == 1


def test_a_counter_used_up_is_told(desk, dispenser):
    told = dispenser.write(SETTINGS_REFUSED, struct.pack(">HBI", 9, RULE, 0xFFFFFFFF))
    desk.backend.give(dispenser, [told])
    desk.queue(dispenser, "config", plain_settings(3))
    assert desk.look() == []
    assert desk.last().state == "refused"
    assert "provision" in desk.last().reason


def test_nothing_is_sent_before_a_verified_record_says_where(backend, dispenser):
    desk = Desk(backend)
    backend.take(dispenser, dispenser.hello(), "hello", gateway="gw-9")
    desk.queue(dispenser, "config", plain_settings(3))
    assert desk.look() == []
    assert desk.last().state == "queued"
    backend.give(dispenser, [dispenser.made[0]], gateway="gw-2")
    assert desk.look() == [topic(dispenser, "config", "gw-2")]


def test_a_dispenser_that_moved_gets_it_by_the_newest_gateway_only(desk, dispenser):
    backlog = dispenser.run(3)
    desk.backend.give(dispenser, dispenser.run(1), gateway="gw-2")
    desk.backend.give(dispenser, backlog, gateway="gw-1")
    desk.queue(dispenser, "config", plain_settings(3))
    assert desk.look() == [topic(dispenser, "config", "gw-2")]


def test_one_that_moves_before_it_answered_gets_the_same_bytes_there(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    desk.backend.give(dispenser, dispenser.run(1), gateway="gw-2")
    assert desk.look() == [topic(dispenser, "config", "gw-2")]
    assert desk.post.sent[0][1] == desk.post.sent[1][1]
    assert desk.look() == []


def test_the_epoch_given_last_decides(backend, dispenser):
    new = Dispenser(dispenser.id, epoch=7, secret=dispenser.secret)
    backend.register(dispenser, epochs=[dispenser.epoch, 7])
    desk = Desk(backend)
    backend.give(dispenser, [dispenser.made[0], *dispenser.run(9)], gateway="gw-1")
    backend.give(new, [new.born()], gateway="gw-2")
    desk.queue(dispenser, "config", plain_settings(3))
    assert desk.look() == [topic(dispenser, "config", "gw-2")]


def test_nobody_there_is_tried_again(desk, dispenser):
    desk.post.reached = False
    desk.queue(dispenser, "config", plain_settings(3))
    assert len(desk.look()) == 1
    assert desk.last().state == "signed"
    assert desk.look(20) == []
    assert len(desk.look(20)) == 1
    assert len({payload for _, payload, _ in desk.post.sent}) == 1


def test_a_gateway_that_was_away_since_gets_it_again(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    for online in (b'{"online": false}', b'{"online": true}'):
        desk.backend.clock.pass_seconds(5)
        desk.backend.ingest.take("rtm/v1/gw-1/up/state", online)
    assert len(desk.look()) == 1
    assert desk.look() == []


def test_a_gateway_asleep_is_not_tried_in_vain(desk, dispenser):
    desk.backend.ingest.take("rtm/v1/gw-1/up/state", b'{"online": false}')
    desk.post.reached = False
    desk.queue(dispenser, "config", plain_settings(3))
    desk.look()
    assert desk.look(600) == []
    desk.backend.ingest.take("rtm/v1/gw-1/up/state", b'{"online": true}')
    assert len(desk.look()) == 1


def test_the_next_waits_until_the_first_is_out(desk, dispenser):
    desk.post.reached = False
    desk.queue(dispenser, "config", plain_settings(3))
    desk.queue(dispenser, "seen", struct.pack(">II", dispenser.epoch, 1))
    assert desk.look() == [topic(dispenser, "config")]
    desk.post.reached = True
    assert desk.look(60) == [topic(dispenser, "config")]
    assert desk.look() == [topic(dispenser, "seen")]
    assert [c.counter for c in desk.backend.store.commands()] == [1, 2]


def test_without_a_connection_nothing_is_signed(desk, dispenser):
    desk.post.connected = False
    desk.queue(dispenser, "config", plain_settings(3))
    assert desk.look() == []
    assert desk.last().state == "queued"


def test_what_nobody_takes_expires_and_a_late_proof_still_counts(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3), expires=60_000_000)
    desk.look()
    desk.look(61)
    assert desk.last().state == "expired"
    assert desk.look(3600) == []
    told = dispenser.write(SETTINGS_APPLIED, struct.pack(">HHI", 3, 0, 1))
    desk.backend.give(dispenser, [told])
    assert desk.last().state == "applied"


def test_one_that_was_answered_and_never_proved_expires_too(desk, dispenser):
    desk.queue(dispenser, "config", plain_settings(3), expires=60_000_000)
    desk.look()
    counter = struct.pack(">I", 1)
    desk.backend.take(dispenser, counter, "config", correlation=counter)
    desk.look(61)
    assert desk.last().state == "expired"


def test_too_many_waiting_are_said(desk, dispenser):
    for version in range(1, 9):
        desk.queue(dispenser, "config", plain_settings(version))
    with pytest.raises(commands.TooManyError, match="8 commands waiting"):
        desk.queue(dispenser, "config", plain_settings(9))


def test_answers_are_bounded(desk, dispenser, monkeypatch):
    monkeypatch.setattr(commands, "MAX_ANSWERS", 5)
    for n in range(9):
        desk.backend.take(dispenser, b"\1\7no", "error", correlation=struct.pack(">I", n))
    assert [answer.counter for answer in desk.backend.answers()] == [4, 5, 6, 7, 8]


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["config", "release", "seen", "error"]),
    st.binary(max_size=60),
    st.binary(max_size=6),
)
def test_no_answer_stops_the_backend(tmp_path_factory, kind, body, correlation):
    d = Dispenser()
    d.born()
    backend = Backend(tmp_path_factory.mktemp("answers"), [d])
    desk = Desk(backend)
    backend.give(d, [d.made[0]])
    desk.queue(d, "config", plain_settings(3))
    desk.look()
    backend.take(d, body, kind, correlation=correlation)
    assert desk.last().state in ("sent", "refused")
    assert desk.last().proof_seq is None
    backend.store.close()


def test_versions_that_a_bench_put_in_force_are_known(desk, dispenser):
    told = dispenser.write(SETTINGS_APPLIED, struct.pack(">HHI", 9, 0, 1))
    desk.backend.give(dispenser, [told])
    with desk.backend.store.reading() as db:
        assert commands.settings_versions(db, dispenser.id) == [9]
        assert commands.settings_versions(db, "00" * 8) == []
