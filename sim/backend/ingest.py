"""Takes what gateways published: many payloads may share one transaction.

Knows nothing of MQTT. After `take` returned, everything it reports is on disk; if it raises,
nothing of the payloads is, and the same ones may be given again. Records are verified before the
transaction begins.
"""

import dataclasses
from collections.abc import Callable, Sequence

from protocol import topics
from protocol.pieces import Piece, PieceError, Wanted
from protocol.schema import Events, Hello, Watermark
from protocol.wire import WireError, parse
from sim.backend import commands, gateways, releases
from sim.backend.batch import Batch, Tally
from sim.backend.registry import RegistryFile
from sim.backend.store import Store, Transaction
from sim.backend.tables import Answer, RefusedRecord
from sim.backend.verify import Claim, Keys, judge, oddity, unjudged

MAX_PAYLOAD = 32 * 1024
"""Twice what a gateway may send; a longer payload is not even parsed."""
MAX_ANSWER = 1024
"""What is kept of an answer to a command."""
_ANSWERS = ("config", "release", "seen", "error")


@dataclasses.dataclass(frozen=True, slots=True)
class Payload:
    """What came on a topic; `correlation` is the Correlation Data, empty if there was none."""

    topic: str
    body: bytes
    redelivered: bool = False
    correlation: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a payload; `notes` are lines for the log.

    `watermark` is the stream's state after the transaction, None where there is no stream to
    answer for; it is to be sent `within` so many seconds, None: when it is due anyway. `stored`
    counts records that are new, `given_up` those now stored as REFUSED. `piece` of a release
    is the answer to who asked for it.
    """

    gateway: str = ""
    dispenser: str = ""
    watermark: Watermark | None = None
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    given_up: int = 0
    forks: int = 0
    within: float | None = None
    piece: Piece | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    """What to do with a payload in a transaction, or its outcome if there is nothing to do."""

    outcome: Outcome = Outcome()
    act: Callable[[Transaction], Outcome] | None = None
    key: tuple[str, int] | None = None


class Ingest:
    """Verifies and stores; `clock` gives unix µs, `refusal_grace` is in seconds.

    A refused record counts as given twice only if the same bytes come again at least
    `refusal_grace` after a WATERMARK named it, and not as an MQTT redelivery. What remains: a
    copy that was under way for longer than that before the gateway heard of the refusal. Then a
    REFUSED row is stored too early; the good record still replaces it when it arrives.
    """

    def __init__(
        self,
        store: Store,
        registry: RegistryFile,
        clock: Callable[[], int],
        refusal_grace: float,
    ) -> None:
        self._store = store
        self._registry = registry
        self._keys = Keys(registry, store.newest)
        self._clock = clock
        self._grace = refusal_grace

    def take(self, topic: str, payload: bytes, *, redelivered: bool = False) -> Outcome:
        """Take one payload from a topic that the broker let its gateway publish on.

        Raises sqlalchemy.exc.DatabaseError if the store is locked, full or unreadable.
        """
        return self.take_all([Payload(topic, payload, redelivered)])[0]

    def take_all(self, payloads: Sequence[Payload]) -> list[Outcome]:
        """Take payloads in one transaction; the outcomes are in their order.

        Raises as `take` does: nothing of any of them is stored then.
        """
        jobs = [self._job(payload) for payload in payloads]
        if not any(job.act for job in jobs):
            return [job.outcome for job in jobs]
        with self._store.writing() as transaction:
            transaction.lock(job.key for job in jobs if job.key is not None)
            outcomes = [job.act(transaction) if job.act else job.outcome for job in jobs]
            marks = transaction.finish()
        return [
            outcome
            if job.key is None
            else dataclasses.replace(outcome, watermark=marks.get(job.key))
            for job, outcome in zip(jobs, outcomes, strict=True)
        ]

    def _job(self, payload: Payload) -> _Job:
        """Return what is to be done: all that needs no transaction is done here."""
        try:
            place = topics.parse(payload.topic)
        except ValueError as error:
            return self._not_a_dispensers(payload, error)
        body = payload.body
        if len(body) > MAX_PAYLOAD:
            return self._malformed(place, f"{len(body)} bytes, at most {MAX_PAYLOAD}")
        try:
            if place.kind == "events":
                return self._events(place, parse(Events, body), payload.redelivered)
            if place.kind == "hello":
                return self._hello(place, parse(Hello, body))
        except WireError as error:
            return self._malformed(place, str(error))
        if place.kind in _ANSWERS:
            return self._answer(place, payload)
        if place.kind == "wanted":
            return self._wanted(place, body)
        return self._malformed(place, "neither events, hello, an answer nor a question")

    def _not_a_dispensers(self, payload: Payload, error: ValueError) -> _Job:
        parts = payload.topic.split("/")
        gateway = parts[2] if len(parts) == 5 else ""
        if topics.valid_gateway(gateway) and payload.topic == topics.state(gateway):
            return self._state(gateway, payload)
        self._store.count("malformed")
        return _Job(Outcome(notes=(f"malformed: {str(error)[:120]}",)))

    def _state(self, gateway: str, payload: Payload) -> _Job:
        try:
            heard = gateways.parse(payload.body)
        except ValueError as error:
            self._store.count("malformed")
            return _Job(Outcome(notes=(f"malformed state of {gateway}: {error}",)))

        def act(transaction: Transaction) -> Outcome:
            self._store.count("gateway_states")
            gateways.keep(transaction.db, gateway, heard, self._clock())
            return Outcome(gateway=gateway)

        return _Job(act=act)

    def _malformed(self, place: topics.Topic, why: str) -> _Job:
        self._store.count("malformed")
        note = f"malformed {place.kind} of {place.dispenser} from {place.gateway}: {why}"
        return _Job(Outcome(notes=(note,)))

    def _hello(self, place: topics.Topic, hello: Hello) -> _Job:
        if hello.device_id.hex() != place.dispenser:
            return self._malformed(place, f"it is of {hello.device_id.hex()}")
        if hello.epoch == 0:
            self._store.count("hello_without_journal")
            note = f"{place.dispenser} has no journal: service {hello.service}"
            return _Job(Outcome(notes=(note,)))
        if self._keys.of(place.dispenser, hello.epoch) is None:
            return self._unknown(place, hello.epoch, [])
        key = (place.dispenser, hello.epoch)

        def act(transaction: Transaction) -> Outcome:
            writer = transaction.stream(*key, place.gateway, registered=True)
            writer.count("hellos")
            writer.claim(hello.first, hello.next)
            return Outcome(place.gateway, place.dispenser, within=0.0)

        return _Job(act=act, key=key)

    def _answer(self, place: topics.Topic, payload: Payload) -> _Job:
        if not self._registry.knows(place.dispenser):
            return self._malformed(place, "an answer of a dispenser that is not registered")
        counter = payload.correlation
        answer = Answer(
            dispenser=place.dispenser,
            kind=place.kind,
            gateway=place.gateway,
            counter=int.from_bytes(counter, "big") if len(counter) == 4 else None,
            body=payload.body[:MAX_ANSWER],
            received_at=self._clock(),
        )

        def act(transaction: Transaction) -> Outcome:
            self._store.count("answers")
            commands.answered(transaction.db, answer)
            return Outcome(place.gateway, place.dispenser)

        return _Job(act=act)

    def _wanted(self, place: topics.Topic, body: bytes) -> _Job:
        if not self._registry.knows(place.dispenser):
            return self._malformed(place, "a question for a dispenser that is not registered")
        try:
            wanted = Wanted.parse(body)
        except PieceError as error:
            return self._malformed(place, str(error))

        def act(transaction: Transaction) -> Outcome:
            try:
                piece = releases.answer(transaction.db, wanted)
            except PieceError as error:
                self._store.count("pieces_lacking")
                note = f"{place.gateway} asks for what is not here: {error}"
                return Outcome(place.gateway, place.dispenser, notes=(note,))
            self._store.count("pieces")
            return Outcome(place.gateway, place.dispenser, piece=piece)

        return _Job(act=act)

    def _events(self, place: topics.Topic, events: Events, redelivered: bool) -> _Job:
        keys = self._keys.of(place.dispenser, events.epoch)
        if keys is None:
            reason = self._keys.why_unknown(place.dispenser)
            return self._unknown(place, events.epoch, unjudged(events, reason))
        claims = judge(events, keys)
        if not claims:
            return self._malformed(place, "no record")
        odd = oddity(events)
        key = (place.dispenser, events.epoch)

        def act(transaction: Transaction) -> Outcome:
            writer = transaction.stream(*key, place.gateway, registered=True)
            tally = Batch(writer, self._second_reading(redelivered)).take(claims)
            for name in ("stored", "duplicates", "refused", "given_up", "forks"):
                writer.count(name, getattr(tally, name))
            if odd is not None:
                writer.count("odd_batches")
                tally.notes.append(odd)
            return self._outcome(place, events.epoch, tally)

        return _Job(act=act, key=key)

    def _outcome(self, place: topics.Topic, epoch: int, tally: Tally) -> Outcome:
        at_once = tally.refused or tally.given_up or tally.urgent
        return Outcome(
            gateway=place.gateway,
            dispenser=place.dispenser,
            stored=tally.stored,
            duplicates=tally.duplicates,
            refused=tally.refused,
            given_up=tally.given_up,
            forks=tally.forks,
            within=0.0 if at_once else self._grace if tally.early else None,
            notes=tuple(f"{_name(place, epoch)}: {note}" for note in tally.notes),
        )

    def _unknown(self, place: topics.Topic, epoch: int, claims: Sequence[Claim]) -> _Job:
        # nothing of it can verify, however often it is read again: no watermark, the gateway keeps
        reason = self._keys.why_unknown(place.dispenser)

        def act(transaction: Transaction) -> Outcome:
            writer = transaction.stream(place.dispenser, epoch, place.gateway, registered=False)
            writer.count(reason)
            new = writer.alarm(reason, None, f"heard of by gateway {place.gateway}")
            for claim in claims:
                if writer.refusal(claim) is None:
                    writer.refuse(claim, wanted=False)
            notes = [f"{_name(place, epoch)}: {reason}"] if new else []
            if self._registry.trouble is not None:
                notes.append(f"the last good registry stays in force: {self._registry.trouble}")
            return Outcome(refused=len(claims), notes=tuple(notes))

        return _Job(act=act)

    def _second_reading(self, redelivered: bool) -> Callable[[RefusedRecord], bool]:
        now = self._clock()
        grace = round(self._grace * 1e6)

        def read_again(row: RefusedRecord) -> bool:
            if redelivered or row.named_at is None:
                return False
            # named later than now: the clock was set back, by how much nobody knows
            return not 0 <= now - row.named_at < grace

        return read_again


def _name(place: topics.Topic, epoch: int) -> str:
    return f"{place.dispenser}/{epoch} from {place.gateway}"
