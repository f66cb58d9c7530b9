"""What stands in for the standard library's clocks and waits in a paced process."""

import asyncio
import collections
import contextlib
import os
import queue
import random
import select
import selectors
import sqlite3
import ssl
import threading
import time
from types import SimpleNamespace
from typing import Any

from sim.paced.inside import Inside, Waiter
from sim.shifted import sitecustomize

_SELDOM_S = 900.0
"""So long a thread of paho's waits for its sockets, then it looks at its keepalive."""

_select, _write = select.select, os.write
_start = threading.Thread.start


class Selector(selectors.EpollSelector):
    """Waits of the event loop, in virtual time."""

    inside: Inside

    def __init__(self) -> None:
        super().__init__()
        self.register(self.inside.grants, selectors.EVENT_READ)

    def select(self, timeout: float | None = None) -> list[Any]:
        """As the real one."""
        came = self._look(0)[1]
        if came or (timeout is not None and timeout <= 0):
            return came

        def block() -> tuple[bool, bool]:
            granted, came[:] = self._look(None)
            return granted, bool(came)

        self.inside.turn(self.inside.due_in(timeout), block)
        return came

    def _look(self, timeout: float | None) -> tuple[bool, list[Any]]:
        found = super().select(timeout)
        came = [pair for pair in found if pair[0].fd != self.inside.grants]
        # a grant that comes unasked waits until this process waits
        return len(came) < len(found), came


class Queue:
    """queue.SimpleQueue; also in the main thread of a process without an event loop."""

    inside: Inside

    def __init__(self) -> None:
        self._items: collections.deque[Any] = collections.deque()
        self._waiters: collections.deque[Waiter] = collections.deque()
        self._main = -1
        self._main_waits = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """As the real one."""
        with self.inside.lock:
            self._items.append(item)
            while self._waiters:
                waiter = self._waiters.popleft()
                if not waiter.woken:
                    self.inside.wake(waiter)
                    return
            if self._main >= 0:
                # the main thread may wait for something else, and would keep the token
                if self._main_waits:
                    self.inside.poke()
                _write(self._main, bytes((1, 0, 0, 0, 0, 0, 0, 0)))

    put_nowait = put

    def __class_getitem__(cls, _item: Any) -> type["Queue"]:
        """As the real one's."""
        return cls

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """As the real one."""
        due = self.inside.due_in(timeout)
        while True:
            with self.inside.lock:
                if self._items:
                    return self._items.popleft()
                if not block or self.inside.now_us >= due:
                    raise queue.Empty
                waiter = Waiter(due)
                if not self.inside.is_main():
                    self._waiters.append(waiter)
            if self.inside.is_main():
                self._wait_in_main(due)
            else:
                self.inside.park(waiter)

    def get_nowait(self) -> Any:
        """As the real one."""
        return self.get(block=False)

    def empty(self) -> bool:
        """As the real one."""
        return not self._items

    def qsize(self) -> int:
        """As the real one."""
        return len(self._items)

    def _wait_in_main(self, due: int) -> None:
        if self._main < 0:
            self._main = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        with self.inside.lock:
            if self._items:  # a signal's handler has put it
                return
            self._main_waits = True
        try:
            self.inside.turn(due, lambda: _poll(self.inside.grants, self._main))
        finally:
            self._main_waits = False


def _poll(grants: int, other: int) -> tuple[bool, bool]:
    poll = select.poll()
    poll.register(grants, select.POLLIN)
    if other >= 0:
        poll.register(other, select.POLLIN)
    ready = {fd for fd, _ in poll.poll()}
    if other in ready:
        with contextlib.suppress(BlockingIOError):
            os.read(other, 8)
    return grants in ready, other in ready


class Event:
    """threading.Event."""

    inside: Inside

    def __init__(self) -> None:
        self._set = False
        self._waiters: list[Waiter] = []

    def is_set(self) -> bool:
        """As the real one."""
        return self._set

    def set(self) -> None:
        """As the real one."""
        with self.inside.lock:
            self._set = True
            for waiter in self._waiters:
                self.inside.wake(waiter)
            self._waiters.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """As the real one; not in the main thread."""
        with self.inside.lock:
            if self._set:
                return True
            waiter = Waiter(self.inside.due_in(timeout))
            self._waiters.append(waiter)
        self.inside.park(waiter)
        return self._set


def take_over(inside: Inside) -> None:
    """Let this process live in virtual time; before anything else is imported."""
    for stand_in in (Selector, Queue, Event):
        stand_in.inside = inside
    selectors.DefaultSelector = Selector  # type: ignore[misc,assignment]
    queue.SimpleQueue = Queue  # type: ignore[misc,assignment]
    _clocks(inside)
    _threads(inside)
    _loop(inside)

    def write(descriptor: int, data: bytes) -> int:
        inside.notice()
        return _write(descriptor, data)

    os.write = write  # type: ignore[assignment]


def take_over_random(seed: str) -> None:
    """Let what is drawn from the system's randomness (`secrets`) hang on the seed, too."""
    random._urandom = random.Random(f"{seed} system").randbytes  # type: ignore[attr-defined]


def _clocks(inside: Inside) -> None:
    def sleep(seconds: float) -> None:
        due = inside.due_in(seconds)
        if inside.is_main():
            inside.turn(due, lambda: _poll(inside.grants, -1))
        else:
            inside.park(Waiter(due))

    time.monotonic = lambda: inside.now_us / 1e6
    time.monotonic_ns = lambda: inside.now_us * 1000
    start_us = inside.start_us + round(sitecustomize.offset() * 1e6)
    time.time = lambda: (start_us + inside.now_us) / 1e6
    time.time_ns = lambda: (start_us + inside.now_us) * 1000
    time.sleep = sleep  # type: ignore[assignment]


def _threads(inside: Inside) -> None:
    def start(self: threading.Thread) -> None:
        run = self.run

        def hold_a_token() -> None:
            try:
                run()
            finally:
                inside.rest()

        self.run = hold_a_token  # type: ignore[method-assign]
        inside.busy()
        _start(self)

    threading.Thread.start = start  # type: ignore[method-assign]


def _loop(inside: Inside) -> None:
    real = asyncio.BaseEventLoop.call_soon_threadsafe

    def call_soon_threadsafe(self: Any, callback: Any, *args: Any, context: Any = None) -> Any:
        if not inside.is_main():
            inside.poke()
        return real(self, callback, *args, context=context)

    asyncio.BaseEventLoop.call_soon_threadsafe = (  # type: ignore[method-assign]
        call_soon_threadsafe  # type: ignore[assignment]
    )


def _connections(inside: Inside) -> None:
    def touched(real: Any) -> Any:
        def use(*args: Any, **more: Any) -> Any:
            inside.touch()
            try:
                return real(*args, **more)
            finally:
                inside.touch()

        return use

    for name in ("send", "recv", "do_handshake", "connect", "close", "shutdown"):
        setattr(ssl.SSLSocket, name, touched(getattr(ssl.SSLSocket, name)))


def slow_commits(seconds: float) -> None:
    """Let every COMMIT of SQLite begin so much later, in real time: a slow disk."""
    wait = threading.Event().wait

    class Slow(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "COMMIT":
                wait(seconds)
            return super().execute(sql, *values)

    real = sqlite3.connect
    sqlite3.connect = lambda *words, **more: real(*words, **{"factory": Slow, **more})


def take_over_silence() -> None:
    """Let a gateway tell a broker's silence in virtual time: the kernel's is real (TCP_INFO)."""
    from gateway.uplink import Uplink

    def heard(self: Uplink) -> float | None:
        return self._pump.silence if self._up and self._pump is not None else None

    Uplink.heard = heard  # type: ignore[method-assign]


class Selecting(Waiter):
    """A thread of paho's that waits for its sockets, as select(2) does."""

    _bells = threading.local()

    def __init__(self, due: int, r: list[Any], w: list[Any]) -> None:
        super().__init__(due)
        if not hasattr(self._bells, "own"):
            self._bells.own = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._bell: int = self._bells.own
        self._sockets = (r, w)
        self.ready: tuple[list[Any], list[Any], list[Any]] = ([], [], [])

    def wait(self) -> None:
        """As the real one, without end."""
        r, w = self._sockets
        readable, writable, _ = _select([*r, self._bell], w, [])
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        self.ready = ([one for one in readable if one is not self._bell], writable, [])

    def open(self) -> None:
        """Wake it."""
        self.woken = True
        os.eventfd_write(self._bell, 1)


def take_over_paho(inside: Inside) -> None:
    """Let paho's threads give their tokens back while they wait for the broker."""
    from paho.mqtt import client

    resting: dict[int, Selecting] = {}

    def wait(r: list[Any], w: list[Any], x: list[Any], timeout: float) -> Any:
        ready = _select(r, w, x, 0)
        if any(ready) or timeout <= 0:
            return ready
        waiter = Selecting(inside.due_in(_SELDOM_S), r, w)
        with inside.lock:
            resting.update({id(one): waiter for one in r})
        inside.park(waiter)
        with inside.lock:
            for one in r:
                resting.pop(id(one), None)
            if not waiter.woken:  # by its sockets
                waiter.woken = True
                inside.busy()
        return waiter.ready

    real = client.Client._packet_queue

    def queue_packet(self: Any, *args: Any, **more: Any) -> Any:
        waiter = resting.get(id(self._sockpairR))
        if waiter:
            inside.wake(waiter)
        return real(self, *args, **more)

    _connections(inside)
    client.select = SimpleNamespace(select=wait)  # type: ignore[attr-defined,assignment]
    client.Client._packet_queue = queue_packet  # type: ignore[method-assign]
