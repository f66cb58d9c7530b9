"""Takes what a gateway published: one payload is one transaction.

Knows nothing of MQTT. After `take` returned, everything it reports is on disk; if it raises,
nothing of the payload is, and the same payload may be given again.
"""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from protocol import topics
from protocol.schema import Events, Hello, Watermark
from protocol.wire import WireError, parse
from sim.backend.batch import Batch
from sim.backend.registry import RegistryFile
from sim.backend.store import Store
from sim.backend.tables import RefusedRecord
from sim.backend.verify import Claim, Keys, judge, oddity, unjudged
from sim.backend.writes import Writer

MAX_PAYLOAD = 32 * 1024
"""Twice what a gateway may send; a longer payload is not even parsed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a payload; `notes` are lines for the log.

    `watermark` is the stream's state in the transaction, None where there is no stream to answer
    for; it is to be sent `within` so many seconds, None: when it is due anyway. `stored` counts
    records that are new, `given_up` those now passed as REFUSED.
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
    notes: tuple[str, ...] = ()


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
        try:
            place = topics.parse(topic)
        except ValueError as error:
            return self._not_a_dispensers(topic, error)
        if len(payload) > MAX_PAYLOAD:
            return self._malformed(place, f"{len(payload)} bytes, at most {MAX_PAYLOAD}")
        try:
            if place.kind == "events":
                return self._events(place, parse(Events, payload), redelivered)
            if place.kind == "hello":
                return self._hello(place, parse(Hello, payload))
        except WireError as error:
            return self._malformed(place, str(error))
        return self._malformed(place, "neither events nor hello")

    def _not_a_dispensers(self, topic: str, error: ValueError) -> Outcome:
        parts = topic.split("/")
        if len(parts) == 5 and topic == topics.state(parts[2]):
            self._store.count("gateway_states")
            return Outcome()
        self._store.count("malformed")
        return Outcome(notes=(f"malformed: {str(error)[:120]}",))

    def _malformed(self, place: topics.Topic, why: str) -> Outcome:
        self._store.count("malformed")
        note = f"malformed {place.kind} of {place.dispenser} from {place.gateway}: {why}"
        return Outcome(notes=(note,))

    def _hello(self, place: topics.Topic, hello: Hello) -> Outcome:
        if hello.device_id.hex() != place.dispenser:
            return self._malformed(place, f"it is of {hello.device_id.hex()}")
        if hello.epoch == 0:
            self._store.count("hello_without_journal")
            return Outcome(notes=(f"{place.dispenser} has no journal: service {hello.service}",))
        if self._keys.of(place.dispenser, hello.epoch) is None:
            return self._unknown(place, hello.epoch, [])
        with self._writing(place, hello.epoch) as writer:
            writer.count("hellos")
            writer.ensure_stream()
            writer.claim_next(hello.next)
            state = writer.watermark(self._store.id)
        return Outcome(place.gateway, place.dispenser, state, within=0.0)

    def _events(self, place: topics.Topic, events: Events, redelivered: bool) -> Outcome:
        keys = self._keys.of(place.dispenser, events.epoch)
        if keys is None:
            reason = self._keys.why_unknown(place.dispenser)
            return self._unknown(place, events.epoch, unjudged(events, reason))
        claims = judge(events, keys)
        if not claims:
            return self._malformed(place, "no record")
        with self._writing(place, events.epoch) as writer:
            writer.ensure_stream()
            tally = Batch(writer, self._second_reading(redelivered)).take(claims)
            if tally.changed:
                writer.advance()
            for name in ("stored", "duplicates", "refused", "given_up", "forks"):
                writer.count(name, getattr(tally, name))
            state = writer.watermark(self._store.id)
        odd = oddity(events)
        if odd is not None:
            self._store.count("odd_batches")
            tally.notes.append(odd)
        at_once = tally.refused or tally.given_up or tally.urgent
        return Outcome(
            gateway=place.gateway,
            dispenser=place.dispenser,
            watermark=state,
            stored=tally.stored,
            duplicates=tally.duplicates,
            refused=tally.refused,
            given_up=tally.given_up,
            forks=tally.forks,
            within=0.0 if at_once else self._grace if tally.early else None,
            notes=tuple(f"{_name(place, events.epoch)}: {note}" for note in tally.notes),
        )

    def _unknown(self, place: topics.Topic, epoch: int, claims: Sequence[Claim]) -> Outcome:
        # nothing of it can verify, however often it is read again: no watermark, the gateway keeps
        reason = self._keys.why_unknown(place.dispenser)
        with self._writing(place, epoch, registered=False) as writer:
            writer.count(reason)
            new = writer.alarm(reason, None, f"heard of by gateway {place.gateway}")
            for claim in claims:
                if writer.refusal(claim) is None:
                    writer.refuse(claim, wanted=False)
        notes = [f"{_name(place, epoch)}: {reason}"] if new else []
        if self._registry.trouble is not None:
            notes.append(f"the last good registry stays in force: {self._registry.trouble}")
        return Outcome(refused=len(claims), notes=tuple(notes))

    def _writing(
        self, place: topics.Topic, epoch: int, *, registered: bool = True
    ) -> AbstractContextManager[Writer]:
        return self._store.writing(place.dispenser, epoch, place.gateway, registered=registered)

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
