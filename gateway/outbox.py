"""What is on its way to the broker, and what its answers mean; a PUBACK frees nothing."""

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from gateway.counters import Counters
from gateway.pause import Pause
from gateway.stream import Body, Flight, Stream
from protocol import topics, wire

_log = logging.getLogger(__name__)
MAX_UNCONFIRMED = 64 * 1024
"""Bytes of EVENTS on their way, all dispensers together."""
_URGENT_RESERVE = 2048
_MAX_UNACKED = 16
_MAX_URGENT = 32
_NO_SUBSCRIBER = 0x10
FAILED = 0x80
"""Reason codes from here on are failures (MQTT 5.0, 2.4)."""


class Link(Protocol):
    """What publishers need of the uplink."""

    @property
    def keepalive(self) -> int:
        """Seconds of silence that the way seems to endure."""

    def publish(
        self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b""
    ) -> int | None:
        """Publish with QoS 1; returns the token of its PUBACK, None if not connected."""

    def progress(self) -> None:
        """Note that the backend stored something."""

    def sleep(self, seconds: float) -> None:
        """Disconnect in order, and stay away so long or until woken."""

    def wake(self) -> None:
        """Connect now."""


def is_refused(code: int) -> bool:
    """Tell whether a PUBACK says that nobody took it."""
    return code == _NO_SUBSCRIBER or code >= FAILED


class _Sent(NamedTuple):
    stream: Stream
    flight: Flight | None


class Outbox:
    """Publishes questions and bodies while the pause allows; times are monotonic seconds."""

    def __init__(
        self,
        gateway: str,
        link: Link,
        counters: Counters,
        now: Callable[[], float],
        pause: Pause,
    ) -> None:
        self.online = False
        self.pause = pause
        self._gateway = gateway
        self._link = link
        self._counters = counters
        self._now = now
        self._unacked: dict[int, _Sent] = {}

    @property
    def flowing(self) -> bool:
        """Tell whether anything may be published."""
        return self.online and self.pause.until is None

    @property
    def waits(self) -> bool:
        """Tell whether a PUBACK is to come."""
        return bool(self._unacked)

    def room(self, urgent: bool) -> bool:
        """Tell whether one more may wait for its PUBACK."""
        return len(self._unacked) < (_MAX_URGENT if urgent else _MAX_UNACKED)

    def forget(self) -> None:
        """Note that the connection is gone: what was on its way may have arrived or not."""
        self.online = False
        self.pause.probe = None
        self._unacked.clear()

    def ask(self, stream: Stream) -> int | None:
        """Publish the question for a watermark; returns its token, None if there is no way."""
        if stream.question is None or not self.online:
            return None
        token = self._publish(stream, "hello", stream.question)
        if token is not None:
            stream.ask(self._now())
            self._counters.add("questions")
            self._unacked[token] = _Sent(stream, None)
        return token

    def launch(self, stream: Stream, body: Body) -> int | None:
        """Publish a body; returns its token, None if it makes no message or there is no way."""
        try:
            payload = body.payload()
        except (wire.WireError, TypeError) as error:
            self._counters.add("records_unusable", len(body.links))
            _log.error("%s seq=%d unusable in the spool: %s", stream, body.links[0].seq, error)
            return None
        token = self._publish(stream, "events", payload)
        if token is None:
            stream.give_back(body)
            return None
        self._counters.add(_counter_of(body))
        self._unacked[token] = _Sent(stream, stream.launched(body, len(payload), self._now()))
        return token

    def fits(self, stream: Stream, body: Body, streams: Iterable[Stream]) -> bool:
        """Tell whether a body may join what is not confirmed yet."""
        size = sum(len(link.raw) for link in body.links)
        total = sum(other.unconfirmed for other in streams)
        if body.urgent:
            return total + size <= MAX_UNCONFIRMED
        if total + size > MAX_UNCONFIRMED - _URGENT_RESERVE:
            return False
        # one whose records are not confirmed must not keep the others waiting
        now = self._now()
        alone = not any(other.has_work(now) for other in streams if other is not stream)
        return alone or stream.unconfirmed + size <= MAX_UNCONFIRMED // 2

    def acked(self, token: int, code: int) -> bool:
        """Take a PUBACK; tell whether the backend was away and is there again."""
        sent = self._unacked.pop(token, None)
        if sent is None:
            return False
        refused = is_refused(code)
        back = token == self.pause.probe and not refused
        if token == self.pause.probe:
            self.pause.probe = None
        if back:
            self.back()
        if not refused:
            self._counters.add("pubacks")
            return back
        if sent.flight is not None:
            sent.stream.returned(sent.flight)
        else:
            sent.stream.forget_question()
        self._hold(code)
        return False

    def back(self) -> None:
        """End the pause: the backend takes or sends something."""
        if self.pause.until is not None:
            _log.info("uplink: backend is there again")
        self.pause.end()

    def _hold(self, code: int) -> None:
        away = code == _NO_SUBSCRIBER
        self._counters.add("backend_away" if away else "broker_refused")
        if self.pause.refused(self._now()):
            why = "backend away: nobody subscribes" if away else f"broker refuses: 0x{code:02x}"
            _log.warning("uplink: %s; probing", why)

    def _publish(self, stream: Stream, kind: str, payload: bytes) -> int | None:
        topic = topics.up(self._gateway, stream.dispenser, kind)
        token = self._link.publish(topic, payload)
        if token is None:
            self.online = False
        return token


def _counter_of(body: Body) -> str:
    if body.urgent:
        return "published_urgent"
    return "published_again" if body.again else "published"
