"""A backend without MQTT, with a clock that is set by hand."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from sim.backend import registry
from sim.backend.ingest import Ingest, Outcome, Payload
from sim.backend.registry import Entry, Registry, RegistryFile
from sim.backend.store import Store, open_store
from sim.backend.tables import Answer, answers
from tests.sim.backend.dispenser import Dispenser, Made, events

START = 1_790_000_000_000_000


class Clock:
    """Unix µs; each look takes one."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        self.now += 1
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * 1e6)


@dataclass
class Backend:
    """Store, registry and ingest in a folder."""

    folder: Path
    known: list[Dispenser]
    grace: float = 2.0
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.registry = self.folder / "registry.json"
        self.register(*self.known)
        self.start()

    def start(self) -> None:
        self.store: Store = open_store(self.folder / "store.db", clock=self.clock)
        self.ingest = Ingest(self.store, RegistryFile(self.registry), self.clock, self.grace)

    def restart(self) -> None:
        self.store.close()
        self.start()

    def register(self, *dispensers: Dispenser, epochs: list[int] | None = None) -> None:
        entries = {d.id: Entry(d.secret.hex(), epochs or [d.epoch]) for d in dispensers}
        registry.save(self.registry, Registry(entries))

    def take(self, d: Dispenser, payload: bytes, kind: str = "events", **more) -> Outcome:
        gateway = more.pop("gateway", "gw-1")
        topic = f"rtm/v1/{gateway}/up/{d.id}/{kind}"
        (outcome,) = self.ingest.take_all([Payload(topic, payload, **more)])
        return outcome

    def give(self, d: Dispenser, made: list[Made], **more) -> Outcome:
        return self.take(d, events(d.epoch, made), **more)

    def name_refused(self, d: Dispenser) -> None:
        """Do what the subscriber does after it has sent the watermark."""
        self.store.named(d.id, d.epoch, self.watermark(d).refused)
        self.store.settle()

    def watermark(self, d: Dispenser):
        return self.store.watermark(d.id, d.epoch)

    def seqs(self, d: Dispenser) -> list[int]:
        return [row.seq for row in self.store.records(d.id, d.epoch)]

    def answers(self) -> list[Answer]:
        names = [field.name for field in dataclasses.fields(Answer)]
        query = select(*(answers.c[name] for name in names)).order_by(answers.c.id)
        with self.store.reading() as db:
            return [Answer(*row) for row in db.execute(query)]

    def alarms(self, kind: str) -> list[tuple[str, int, int | None]]:
        return [(a.dispenser, a.epoch, a.seq) for a in self.store.alarms(kind=kind)]
