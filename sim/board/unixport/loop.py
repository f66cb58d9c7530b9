# asyncio as on rp2: its poller takes in pin interrupts, and a ThreadSafeFlag wakes it at once
import gc
import select
import sys

import bus
import clock
import control
import proxies
import utime
from bus import latched
from micropython import const

_HALF = const(1 << 29)


class _Ticks:
    # asyncio's task queue is in C and its ticks do not wrap, so asyncio's must not either; what a
    # wrap in time forbids is forbidden all the same
    ticks_ms = utime.ticks_ms
    ticks_diff = utime.ticks_diff

    def ticks_add(ticks, delta):
        if not -_HALF < delta < _HALF:
            raise OverflowError("ticks interval overflow")
        return ticks + delta


sys.modules["time"] = _Ticks

import asyncio  # noqa: E402
import asyncio.core as core  # noqa: E402

sys.modules["time"] = clock

# a look at the heap takes as long as all that the app does in between, and months must fly
_SAMPLE_MS = const(100)
_SELDOM_MS = const(600000)

_waiting = []  # (flag, task)
_page = None  # virtual time's
_looked = -1  # its turn in which the poller found nothing, and since when no flag is set
_idle = False
_baseline = 0  # what this emulation itself occupies
_peak = 0
_sampled = -_SELDOM_MS


class ThreadSafeFlag:
    def __init__(self):
        self.state = 0

    def set(self):
        global _looked
        _looked = -1
        self.state = 1
        if _idle:
            bus.wake()

    def clear(self):
        self.state = 0

    async def wait(self):
        if not self.state:
            _waiting.append((self, core.cur_task))
            core.cur_task.data = core._io_queue
            yield
        self.state = 0


class IOQueue(core.IOQueue):
    def __init__(self):
        global _looked
        super().__init__()
        _looked = -1
        bus.register(self.poller)
        _waiting.clear()

    def remove(self, task):
        _waiting[:] = [entry for entry in _waiting if entry[1] is not task]
        super().remove(task)

    def wait_io_event(self, dt):
        global _idle
        if dt:
            _sample()
        else:
            utime.ticks_us()  # who only waits for the time must see it move
        if _page and _page.turn == _looked and not latched:
            # nothing can have come
            if not dt or _passes(dt):
                return
        while True:
            _idle = True
            try:
                ready = _wake_tasks()
                self._serve(0 if ready or latched else dt)
                bus.pump()
            finally:
                _idle = False
            # without a timed task the caller takes a task at once: there must be one
            if _wake_tasks() or dt >= 0 or core._task_queue.peek():
                return

    def _enqueue(self, stream, index):
        global _looked
        _looked = -1
        super()._enqueue(stream, index)

    def _serve(self, dt):
        global _looked
        turn = _page and _page.turn
        for stream, event in self.poller.ipoll(dt):
            turn = -1
            if bus.owns(stream):
                bus.clear_wake(stream)
                continue
            self._ready(self.map[id(stream)], event)
        _looked = turn

    def _ready(self, entry, event):
        if event & ~select.POLLOUT and entry[0] is not None:
            core._task_queue.push(entry[0])
            entry[0] = None
        if event & ~select.POLLIN and entry[1] is not None:
            core._task_queue.push(entry[1])
            entry[1] = None
        self._watch(entry)

    def _watch(self, entry):
        if entry[0] is None and entry[1] is None:
            self._dequeue(entry[2])
        else:
            self.poller.modify(entry[2], select.POLLIN if entry[0] else select.POLLOUT)


def _passes(dt):
    # whether time could be moved without asking for it: as the launcher does, only faster
    now = _page.now
    until = now + dt * 1000 - (now - _page.boot) % 1000
    if dt < 0 or until >= _page.free or until >= _page.starves:
        return False
    _page.now = until
    return True


def _wake_tasks():
    # without allocating where there is nothing to do, which is nearly always
    for entry in _waiting:
        if entry[0].state:
            break
    else:
        return False
    for entry in list(_waiting):
        if entry[0].state:
            _waiting.remove(entry)
            core._task_queue.push(entry[1])
    return True


def _sample():
    global _peak, _sampled
    now = utime.ticks_ms()
    if now - _sampled >= (_SELDOM_MS if _page else _SAMPLE_MS):
        _sampled = now
        used = _used() - _baseline
        if used > _peak:
            _peak = used
            bus.send(control.HEAP, 0, used)


def _used():
    # garbage is collected seldom in virtual time: what the firmware would have let lie is added
    if _page and proxies.allowed:
        gc.collect()
        return gc.mem_alloc() + proxies.allowed
    return gc.mem_alloc()


def start():
    global _page
    _page = bus.page
    core.IOQueue = IOQueue
    core.new_event_loop()
    asyncio.ThreadSafeFlag = ThreadSafeFlag


def measure():
    global _baseline
    gc.collect()
    _baseline = gc.mem_alloc()
