"""Virtual time inside a process: time stands while a thread runs, and moves when all of them wait.

Every thread that runs holds a token; one that waits gives it back, and whoever wakes it takes it
again on its behalf, so that nothing is on its way between two threads without a token. When the
last token is given back the process is idle and says until when. The main thread alone takes the
grants, so it must wait in `turn`.
"""

import heapq
import itertools
import mmap
import os
import struct
import threading
from collections.abc import Callable

from sim.paced import page

_allocate = threading.Lock
_read, _write = os.read, os.write


class Waiter:
    """A thread that waits; `due` in µs."""

    def __init__(self, due: int) -> None:
        self.due = due
        self.woken = False
        self._gate = _allocate()
        self._gate.acquire()

    def wait(self) -> None:
        """Return when woken."""
        self._gate.acquire()

    def open(self) -> None:
        """Wake it."""
        self.woken = True
        self._gate.release()


class Inside:
    """The process's time and tokens."""

    def __init__(self, shared: int, grants: int, bell: int, start_ns: int) -> None:
        """`shared`, `grants`, `bell`: descriptors of the page, the pipe and an eventfd."""
        self.grants = grants
        self.lock = threading.RLock()
        self.start_us = start_ns // 1000
        self._memory = mmap.mmap(shared, page.SIZE)
        self._bell = bell
        self._now = page.get(self._memory, page.NOW)
        self._tokens = 1
        self._due: list[tuple[int, int, Waiter]] = []
        self._count = itertools.count()
        self._main = threading.main_thread()
        self._main_due: int | None = None
        self._main_poked = False
        self._free = 0
        self._noticed = True

    @property
    def now_us(self) -> int:
        """The process's time."""
        return self._now

    def due_in(self, seconds: float | None) -> int:
        """Return when so many seconds have passed, rounded up to a µs."""
        if seconds is None:
            return page.NEVER
        return self._now + max(-int(-seconds * 1e6 // 1), 0)

    def is_main(self) -> bool:
        """Whether the main thread asks."""
        return threading.current_thread() is self._main

    # --- tokens

    def busy(self) -> None:
        """One more runs."""
        with self.lock:
            self._tokens += 1
            self._noticed = True
            if self._tokens == 1:
                self._add(page.SEQ)
                page.put(self._memory, page.AWAKE, 1)
                self._now = max(self._now, page.get(self._memory, page.WORLD))

    def rest(self) -> None:
        """One runs no more."""
        with self.lock:
            self._tokens -= 1
            if self._tokens == 0:
                page.put(self._memory, page.NOW, self._now)
                page.put(self._memory, page.UNTIL, self._next())
                page.put(self._memory, page.AWAKE, 0)
                _write(self._bell, struct.pack("<Q", 1))

    def notice(self) -> None:
        """Something was done that others may act on: the next wait asks for a turn."""
        self._noticed = True

    def touch(self) -> None:
        """A connection is used."""
        self._noticed = True
        with self.lock:
            self._add(page.TOUCHED)

    def _add(self, at: int) -> None:
        page.put(self._memory, at, page.get(self._memory, at) + 1)

    def _next(self) -> int:
        while self._due and self._due[0][2].woken:
            heapq.heappop(self._due)
        first = self._due[0][0] if self._due else page.NEVER
        return min(first, page.NEVER if self._main_due is None else self._main_due)

    # --- threads but the main one

    def park(self, waiter: Waiter) -> None:
        """Give the token back and wait until woken or due; `lock` must not be held."""
        with self.lock:
            if waiter.due < page.NEVER:
                heapq.heappush(self._due, (waiter.due, next(self._count), waiter))
            self.rest()
        waiter.wait()

    def wake(self, waiter: Waiter) -> None:
        """Wake a thread, its token taken on its behalf."""
        with self.lock:
            if not waiter.woken:
                self.busy()
                waiter.open()

    # --- the main thread

    def poke(self) -> None:
        """What follows wakes the main thread: its token is taken already."""
        with self.lock:
            if self._main_due is not None and not self._main_poked:
                self._main_poked = True
                self.busy()

    def turn(self, due: int, block: Callable[[], tuple[bool, bool]]) -> None:
        """Wait in the main thread until `due`, or until `block` says that something came.

        `block` waits without bound and returns whether a grant came, and whether anything else.
        """
        while self._now < due:
            with self.lock:
                self._main_due = due
                if self._goes_on():
                    self._main_due = None
                    continue
                self.rest()
            granted, came = block()
            with self.lock:
                self._main_due = None
                if not self._main_poked:
                    self.busy()
                self._main_poked = False
                if granted:
                    self._take()
            if came:
                return

    def _goes_on(self) -> bool:
        # nobody else runs and nobody has seen anything: this much time is free
        until = self._next()
        if self._tokens > 1 or self._noticed or until >= self._free:
            return False
        self._move(until)
        return True

    def _take(self) -> None:
        data = _read(self.grants, page.GRANT_SIZE * 16)
        now, self._free = struct.unpack_from(page.GRANT, data, len(data) - page.GRANT_SIZE)
        taken = page.get(self._memory, page.TAKEN) + len(data) // page.GRANT_SIZE
        self._move(now)
        self._noticed = self._tokens > 1
        page.put(self._memory, page.TAKEN, taken)

    def _move(self, now: int) -> None:
        self._now = max(self._now, now)
        while self._due and self._due[0][0] <= self._now:
            self.wake(heapq.heappop(self._due)[2])
