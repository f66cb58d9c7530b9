"""The world's clock: real time, or virtual time that moves when everybody has nothing to do.

World code takes a `Clock` and asks it alone what time it is, waits and sets timers; then the same
code runs either way. In virtual time an instant is worked off in a fixed order: first timers, in
the order in which they were set, then participants, in the order in which they joined and one
after the other. Time has a resolution of one microsecond, as the boards' ticks have.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from sim.participant import NEVER, Participant
from sim.timer import Timer

__all__ = ["NEVER", "START_NS", "Clock", "ClockError", "RealClock", "Timer", "VirtualClock"]

T = TypeVar("T")

START_NS = 1_767_225_600 * 10**9  # 2026-01-01 UTC, where a virtual world begins by default

_US = 1000
_PASSES = 16  # of the event loop that a timer's waiters have before time moves on
_RETRY_S = 0.001  # until somebody who holds work is asked again, the finest of the loop's timers;
_SOON_S, _SOON = 0.00005, 40  # sooner, at first
_PACE_S = 0.005
_SLACK_NS = 1_000_000  # that a running board may use up though time stands still
_LONGEST_S = 86_400.0
_LOOK_S = 0.25  # real time between looks at a participant that runs


class ClockError(RuntimeError):
    """Time was asked to do what it cannot."""


class Clock(ABC):
    """What world code may ask of time. Belongs to the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    @property
    @abstractmethod
    def now_ns(self) -> int:
        """The world's time in ns since 1970 (UTC)."""

    @abstractmethod
    def monotonic_ns(self) -> int:
        """Return ns since some moment of the past; never steps."""

    @abstractmethod
    def call_at(self, at_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back at a time (ns since 1970), at once if it is past."""

    @abstractmethod
    async def advance_to(self, at_ns: int) -> None:
        """Return when it is that time and all that was due by then is done."""

    @abstractmethod
    async def run_until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        """Let time run until the condition holds; raises TimeoutError after `within_s`."""

    @abstractmethod
    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold work: virtual time stands still meanwhile."""

    @abstractmethod
    async def run_through(self, work: Awaitable[T]) -> T:
        """Let time run until something is done that goes on in the world's time."""

    @abstractmethod
    async def paced(self, work: Awaitable[T]) -> T:
        """Do something that lives in real time (a process, mpremote), time keeping its pace."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back in so many seconds."""
        return self.call_at(self.now_ns + round(seconds * 1e9), callback)

    async def advance(self, seconds: float) -> None:
        """As `advance_to`, from now."""
        await self.advance_to(self.now_ns + round(seconds * 1e9))

    async def sleep_until(self, at_ns: int) -> None:
        """Wait for a time while somebody else lets time run."""
        over = asyncio.Event()
        timer = self.call_at(at_ns, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    async def sleep(self, seconds: float) -> None:
        """As `sleep_until`, from now."""
        await self.sleep_until(self.now_ns + round(seconds * 1e9))


class RealClock(Clock):
    """The host's own time."""

    @property
    def now_ns(self) -> int:
        """The host's clock."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Return the host's monotonic clock."""
        return time.monotonic_ns()

    def call_at(self, at_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back when the host's clock will show that time, if it is not set meanwhile."""
        timer = Timer(at_ns, callback)
        delay = max(at_ns - self.now_ns, 0) / 1e9
        timer.handle = self._loop.call_later(delay, timer.fire)
        return timer

    async def advance_to(self, at_ns: int) -> None:
        """Wait for that time."""
        await self.sleep_until(at_ns)

    async def run_until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        """Look at the condition every few milliseconds."""
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(_PACE_S)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Real time cannot be held."""
        yield

    async def run_through(self, work: Awaitable[T]) -> T:
        """Just do it."""
        return await work

    async def paced(self, work: Awaitable[T]) -> T:
        """Just do it."""
        return await work


class VirtualClock(Clock):
    """Time that jumps to the next thing due once every participant is idle and none holds work.

    It stands still unless somebody waits in `advance_to`, `run_until` or `paced`, one at a time;
    what happens without time (a byte arrives, an input changes) is worked off even then.
    """

    def __init__(self, start_ns: int = START_NS) -> None:
        """Begin at a time (ns since 1970), rounded to a microsecond."""
        super().__init__()
        self.start_ns = self._now_ns = start_ns // _US * _US
        self._timers: list[tuple[int, int, Timer]] = []
        self._set = 0
        self._participants: list[Participant] = []
        self._holding = 0
        self._limit_ns = self._now_ns
        self._condition: Callable[[], bool] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._step_handle: asyncio.Handle | None = None
        self._passes = self._retries = 0
        self._looker: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self.followers: list[Callable[[], None]] = []

    @property
    def now_ns(self) -> int:
        """Virtual time; `followers` are called whenever it moves."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """Return ns since the world began."""
        return self._now_ns - self.start_ns

    def join(
        self,
        name: str,
        run: Callable[[int, int], None],
        *,
        holds: Callable[[], bool] = lambda: False,
        rings: Callable[[], bool] = lambda: False,
        look: Callable[[], None] = lambda: None,
    ) -> Participant:
        """Take part, idle at first. `look` is called now and then in real time while it runs.

        `rings` tells of one that holds work whether it says by itself when that is over.
        """
        participant = Participant(self, name, run, holds, rings, look)
        self._participants.append(participant)
        return participant

    def forget(self, participant: Participant) -> None:
        """Let a participant go."""
        if participant in self._participants:
            self._participants.remove(participant)
            self.look_again()

    def call_at(self, at_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back at that virtual time, the next whole microsecond."""
        timer = Timer(max(-(-at_ns // _US) * _US, self._now_ns), callback)
        self._set += 1
        heapq.heappush(self._timers, (timer.at_ns, self._set, timer))
        self.look_again()
        return timer

    def reach(self, at_ns: int) -> None:
        """A participant has come that far by itself, within its horizon."""
        if at_ns > self._now_ns:
            self._now_ns = at_ns
            for follow in self.followers:
                follow()

    def settle(self) -> None:
        """Let tasks that wait for what has just happened act before time moves."""
        self._passes = _PASSES

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold work, for instance while a process does something at this instant."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
            self.look_again()

    async def advance_to(self, at_ns: int) -> None:
        """Let time run to `at_ns`, that instant included.

        A board that uses up time by running may take it up to a millisecond further.
        """
        async with self._running(-(-at_ns // _US) * _US, None) as over:
            await over

    async def run_until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        """As in real time, but the condition is looked at before each move of time."""
        limit = self._now_ns + math.ceil(within_s * 1e6) * _US
        async with self._running(limit, condition) as over:
            await over
        if not condition():
            raise TimeoutError(f"not within {within_s} s of virtual time")

    async def run_through(self, work: Awaitable[T]) -> T:
        """As fast as it can, at most for a day; raises TimeoutError then."""
        task = asyncio.ensure_future(work)
        if self._waiter:
            return await task
        try:
            task.add_done_callback(lambda _: self.look_again())
            await self.run_until(task.done, _LONGEST_S)
            return task.result()
        finally:
            task.cancel()

    async def paced(self, work: Awaitable[T]) -> T:
        """Let virtual time run as fast as the host's until the work is done.

        If somebody lets it run already, it goes on as fast as that.
        """
        task = asyncio.ensure_future(work)
        if self._waiter:
            return await task
        real, start = self._loop.time(), self._now_ns
        try:
            while not task.done():
                await asyncio.wait([task], timeout=_PACE_S)
                passed = round((self._loop.time() - real) * 1e6) * _US
                async with self._running(max(start + passed, self._now_ns), task.done) as over:
                    await over
            return task.result()
        finally:
            task.cancel()

    @asynccontextmanager
    async def _running(
        self, limit_ns: int, condition: Callable[[], bool] | None
    ) -> AsyncIterator[asyncio.Future[None]]:
        if self._waiter:
            raise ClockError("somebody else lets time run already")
        self._limit_ns, self._condition = limit_ns, condition
        self._waiter = self._loop.create_future()
        try:
            self.look_again()
            yield self._waiter
        finally:
            self._waiter = self._condition = None
            self._limit_ns = self._now_ns

    # --- one step

    def look_again(self) -> None:
        """Something has changed: work off what is due, or move time, in the loop's next pass."""
        if self._step_handle is None:
            self._step_handle = self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._step_handle = None
        if self._retry:
            self._retry.cancel()
            self._retry = None
        try:
            self._work_off()
        except Exception as error:
            if self._waiter is None or self._waiter.done():
                raise
            self._waiter.set_exception(error)

    def _work_off(self) -> None:
        if any(participant.until_ns is None for participant in self._participants):
            self._keep_looking()
        elif self._passes:
            self._passes -= 1
            self.look_again()
        elif holder := next((one for one in self._participants if one.holds()), None):
            self._wait_for(holder)
        elif self._holding:
            return
        elif self._condition and self._condition():
            self._over()
        else:
            self._next()

    def _wait_for(self, holder: Participant) -> None:
        if self._step_handle:  # it has said so already
            return
        if self._retries > _SOON or holder.rings():
            self._retry = self._loop.call_later(_RETRY_S, self.look_again)
        else:
            self._retries += 1
            time.sleep(_SOON_S)
            self.look_again()

    def _next(self) -> None:
        self._retries = 0
        timer, participant = self._next_timer(), self._next_participant()
        at_ns = min(timer, participant.until_ns or 0) if participant else timer
        if at_ns > max(self._limit_ns, self._now_ns):
            self.reach(self._limit_ns)
            self._over()
            return
        self.reach(at_ns)
        if timer <= self._now_ns:
            self.settle()
            heapq.heappop(self._timers)[2].fire()
            self.look_again()
        elif participant:
            self._give_turn(participant)

    def _give_turn(self, participant: Participant) -> None:
        others = [one.until_ns or 0 for one in self._participants if one is not participant]
        event = min([self._next_timer(), *others])
        limit = max(self._limit_ns, self._now_ns)
        strict = self._waiter is None or self._condition is not None
        participant.busy()
        participant.run(min(event, limit + _SLACK_NS), 0 if strict else min(event, limit + _US))

    def _next_timer(self) -> int:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else NEVER

    def _next_participant(self) -> Participant | None:
        return min(self._participants, key=lambda one: one.until_ns or 0, default=None)

    def _over(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _keep_looking(self) -> None:
        if self._looker is None:
            self._looker = self._loop.call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._looker = None
        running = [one for one in self._participants if one.until_ns is None]
        for participant in running:
            participant.look()
        if running:
            self._keep_looking()
