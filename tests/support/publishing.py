"""The publisher between a real spool and a broker that does as the test says, on its own time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from gateway import config
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.database import Database
from gateway.publisher import Publisher
from gateway.spool import TABLES, Link, Spool
from protocol import schema, topics, wire
from tests.support.chains import make_chain

D, E = "01" * 8, 77
CHAIN = make_chain(b"k" * 32, bytes([1] * 8), E, 400)
HELLO = schema.Hello(
    device_id=bytes([1] * 8), board=bytes(8), major=0, minor=0, patch=0, version=1,
    service=schema.Service.ok, boot=1, epoch=E, first=0, next=400, tag=CHAIN[-1][-8:], uptime=1,
    time=1, quality=schema.Quality.synced, nonce=1,
)  # fmt: skip


class BrokerLink:
    """Answers each publication at once with `code`; `on_published` may do more."""

    def __init__(self) -> None:
        self.code = 0
        self.keepalive = 3600
        self.on_published: Callable[[str, bytes], None] = lambda topic, payload: None
        self.sent: list[tuple[str, bytes]] = []
        self.progressed = 0
        self.slept: list[float] = []
        self.woken = 0
        self.publisher: Publisher

    def publish(
        self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b""
    ) -> int | None:
        self.sent.append((topic, payload))
        token = len(self.sent)
        self.publisher.puback(token, self.code)
        self.on_published(topic, payload)
        return token

    def progress(self) -> None:
        self.progressed += 1

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.publisher.disconnected()

    def wake(self) -> None:
        self.woken += 1

    @property
    def events(self) -> list[bytes]:
        return [payload for topic, payload in self.sent if topic.endswith("/events")]

    def seqs(self) -> list[int]:
        return [seq for payload in self.events for seq in self.seqs_of(payload)]

    @staticmethod
    def seqs_of(payload: bytes) -> list[int]:
        """Return the seqs in an EVENTS body."""
        raws = wire.events_records(wire.parse(schema.Events, payload))
        return [wire.seq_of(raw) for raw in raws]


class Bench:
    """Publisher, spool and link; `now` is monotonic time in seconds, `chain` the records."""

    def __init__(
        self,
        folder: Path,
        publishing: config.Publishing,
        chain: list[bytes],
        probe_max: float,
    ) -> None:
        self.now = 0.0
        self.tick = 0.0
        self.chain = chain
        self.rev = 0
        self.counters = Counters()
        self.link = BrokerLink()
        self.spool = Spool(Database(folder / "s.db", TABLES, self.counters))
        settings = config.Uplink(host="h", port=1, ca="", cert="", key="", probe_max=probe_max)
        clock = Clock(monotonic=self._look)
        self.publisher = self.link.publisher = Publisher(
            "gw-1", settings, self.spool, self.link, self.counters, clock, publishing
        )

    def _look(self) -> float:
        """Time goes on by `tick` from one look at the clock to the next."""
        self.now += self.tick
        return self.now

    async def add(self, first: int, last: int, ahead: bool = False) -> None:
        """Let records come into the spool; `ahead`: beyond the cursor, which stays."""
        links = [
            Link(seq, self.chain[seq - 1][-8:] if seq else bytes(8), self.chain[seq])
            for seq in range(first, last + 1)
        ]
        await self.spool.greet(D, E, wire.build(HELLO))
        added = await self.spool.append(D, E, links, None if ahead else last + 1)
        end = 0 if ahead else last + 1
        self.publisher.committed(D, E, [links[seq - first] for seq in added], end)

    def answer_everything(self, stored: Iterable[int] = ()) -> None:
        """Be the backend from now on: store what comes, answer questions."""
        stored = set(stored)

        def on_published(topic: str, payload: bytes) -> None:
            if self.link.code:
                return
            if topic.endswith("/events"):
                stored.update(self.link.seqs_of(payload))
            following = next(i for i in range(len(self.chain) + 1) if i not in stored)
            above = sorted(seq for seq in stored if seq > following)[:8]
            self.rev += 1
            self.mark(following, self.rev, *((seq, seq) for seq in above))

        self.link.on_published = on_published

    async def greet(self) -> None:
        await self.spool.greet(D, E, wire.build(HELLO))
        self.publisher.greeted(D, HELLO, wire.build(HELLO))

    def mark(
        self,
        following: int,
        rev: int,
        *ranges: tuple[int, int],
        refused: tuple[int, ...] = (),
        store: int = 1,
    ) -> None:
        mark = schema.Watermark(
            epoch=E,
            next=following,
            tag=self.chain[following - 1][-8:] if following else bytes(8),
            store=store,
            rev=rev,
            ranges=[schema.Range(first=a, last=b) for a, b in ranges],
            refused=list(refused),
        )
        self.publisher.message(topics.down("gw-1", D, "watermark"), wire.build(mark))

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            await self.settle()

    async def settle(self) -> None:
        """Return when the publisher has nothing more to do at this time."""
        before = -1
        while before != len(self.link.sent):
            before = len(self.link.sent)
            self.publisher.puback(-1, 0)  # nobody waits for it: it only wakes
            for _ in range(8):
                await self.spool.known(D, E, 1)


@contextlib.asynccontextmanager
async def publisher_bench(
    folder: Path,
    publishing: config.Publishing | None = None,
    chain: list[bytes] = CHAIN,
    probe_max: float = 60,
) -> AsyncIterator[Bench]:
    """A publisher that runs, without coalescing unless told otherwise."""
    publishing = publishing or config.Publishing(coalesce=0)
    made = Bench(folder, publishing, chain, probe_max)
    running = asyncio.create_task(made.publisher.run([]))
    try:
        yield made
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait({running})
        await made.spool.close(2.0)
