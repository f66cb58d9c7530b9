"""Takes watermarks: what they prove, what is refused or missing, what may be pruned."""

import logging
from collections.abc import Callable, Sequence

from gateway.counters import Counters
from gateway.device import Device
from gateway.gaps import Span
from gateway.incidents import Incidents
from gateway.lanes import MAY_BE_URGENT, Lanes
from gateway.outbox import Link, Outbox
from gateway.spool import Accepted, Spool, is_sound
from gateway.spool import Link as Record
from gateway.stream import Stream
from gateway.watermarks import Verdict, judge
from protocol import schema

_log = logging.getLogger(__name__)
_URGENT_AT_ONCE = 32
_URGENT_LOOKED_AT = 1000


class Marking:
    """Lets accepted watermarks move a stream and its spool; `devices` are told of them."""

    def __init__(
        self,
        spool: Spool,
        link: Link,
        out: Outbox,
        lanes: Lanes,
        counters: Counters,
        now: Callable[[], float],
        incidents: Incidents,
    ) -> None:
        """`now`: monotonic seconds."""
        self._spool = spool
        self._link = link
        self._out = out
        self._lanes = lanes
        self._counters = counters
        self._now = now
        self._incidents = incidents
        self.devices: Sequence[Device] = ()

    def want(self, stream: Stream, spans: list[Span]) -> None:
        """Let a stream's dispenser be read again, if it is here."""
        for device in self.devices:
            if spans and device.dispenser == stream.dispenser:
                device.want(stream.epoch, spans)

    async def take(self, stream: Stream, mark: schema.Watermark) -> None:
        """Take a watermark of this stream; raises SpoolError."""
        known = await self._spool.known(stream.dispenser, mark.epoch, mark.next)
        verdict = judge(mark, stream.last, known, stream.hello)
        if verdict is Verdict.accepted and stream.is_restored(mark):
            believed = stream.restores.believed(self._now())
            verdict = Verdict.accepted if believed else Verdict.restless
        if verdict is not Verdict.accepted:
            self._counters.add(verdict.value)
            self._incidents.doubtful(stream.dispenser, mark)
            _log.warning("%s seq=%d watermark ignored: %s", stream, mark.next, verdict.name)
            return
        self._out.back()
        await self._accept(stream, mark)

    async def _accept(self, stream: Stream, mark: schema.Watermark) -> None:
        restored = stream.last is not None and stream.last.store != mark.store
        opens = restored or not stream.opened
        look = opens or stream.asked_at is not None
        refused = stream.refusals(mark, self._now())
        done = await self._spool.accept(stream.dispenser, stream.epoch, mark, refused, look)
        urgent = await self._urgent_above(stream, mark.next) if opens else []
        self._counters.add(Verdict.accepted.value)
        self._incidents.passed(stream.dispenser, mark)
        if restored:
            self._counters.add("stores_changed")
            _log.warning("%s seq=%d is next in a new store", stream, mark.next)
        if stream.accept(mark, refused, self._now()):
            self._out.pause.progress()
            self._link.progress()
        stream.hasten(reversed(urgent))
        settled = stream.settled()
        if settled:
            await self._spool.settle(stream.dispenser, stream.epoch, settled)
        self._report(stream, refused, done)
        for device in self.devices:
            if device.dispenser == stream.dispenser:
                device.mark(mark)
        self.want(stream, done.holes)

    async def _urgent_above(self, stream: Stream, start: int) -> list[Record]:
        found = await self._spool.newest(
            stream.dispenser, stream.epoch, start, MAY_BE_URGENT, _URGENT_LOOKED_AT
        )
        sound = (record for record in found if is_sound(record))
        return [record for record in sound if self._lanes.urgent(record.raw)][:_URGENT_AT_ONCE]

    def _report(self, stream: Stream, refused: list[int], done: Accepted) -> None:
        self._counters.add("records_pruned", done.pruned)
        self._counters.add("records_refused", len(done.refused))
        self._incidents.refused(stream.dispenser, stream.epoch, done.refused)
        if done.refused:
            seqs = ",".join(map(str, refused))
            _log.warning("%s seq=%s refused by the backend, read again", stream, seqs)
        elif done.holes:
            text = ",".join(f"{first}..{last}" for first, last in done.holes[:8])
            _log.warning("%s seq=%s not in the spool, read again", stream, text)
