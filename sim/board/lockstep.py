"""Virtual time in the interpreter's process: whatever would wait asks the supervisor for a turn.

Loaded by the launcher only when the board lives in virtual time. The interpreter's calls into the
operating system that wait or tell the time are replaced here, so MicroPython, asyncio's task
queue (which is in C) and the board's own modules see virtual time without knowing. Time moves
- when the interpreter waits: by itself before `free`, otherwise the supervisor grants it;
- by a microsecond whenever it asks for the ticks, so that loops which wait for them end.
Waits in ms end with a whole millisecond, so that how often the ticks were asked for before is soon
forgotten. Where asyncio waits and nothing can have come, the board's own loop moves it
(unixport/loop.py).

Times are in us since the world began; what the two sides share is in `control.py`.
"""

import ctypes
import errno
import mmap
import os
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.board import control
    from sim.board.control import NEVER
else:
    import control  # the launcher is no part of a package
    from control import NEVER

_libc = ctypes.CDLL(None, use_errno=True)
_int, _long, _pointer = ctypes.c_int, ctypes.c_long, ctypes.c_void_p


class _PollFd(ctypes.Structure):
    _fields_ = (("fd", _int), ("events", ctypes.c_short), ("revents", ctypes.c_short))


_POLL_SIZE = ctypes.sizeof(_PollFd)
_LOCKS = tuple(
    f"mp_thread_{kind}mutex_{what}" for kind in ("", "recursive_") for what in ("lock", "unlock")
)


def _real(name: str, *arguments: Any, result: Any = _int) -> Any:
    function = getattr(_libc, name)
    function.argtypes, function.restype = arguments, result
    return function


_poll = _real("poll", _pointer, ctypes.c_ulong, _int)
_read = _real("read", _int, _pointer, ctypes.c_size_t, result=ctypes.c_ssize_t)
_write = _real("write", _int, _pointer, ctypes.c_size_t, result=ctypes.c_ssize_t)


def _fails(number: int) -> int:
    ctypes.set_errno(number)
    return -1


def _ticks_us(now: int, reached: int) -> bytes:
    """Machine code (x86-64): one more microsecond; `reached()` at `starves` or `bound`."""
    return (
        b"\x48\xb9" + struct.pack("<Q", now)  # mov rcx, now
        + b"\x48\xff\x01\x48\x8b\x01"  # inc qword [rcx]; mov rax, [rcx]
        + b"\x48\x3b\x41" + bytes((control.STARVES_AT,)) + b"\x73\x07"  # cmp rax, ..; jae +7
        + b"\x48\x3b\x41" + bytes((control.BOUND_AT,)) + b"\x73\x01\xc3"  # the same, +1; ret
        + b"\x48\xb8" + struct.pack("<Q", reached) + b"\xff\xe0"  # mov rax, reached; jmp rax
    )  # fmt: skip


def _ticks_ms(now: int, boot_us: int) -> bytes:
    """Machine code (x86-64): milliseconds since the hard reset."""
    return (
        b"\x48\xa1" + struct.pack("<Q", now)  # mov rax, [now]
        + b"\x48\xb9" + struct.pack("<q", boot_us) + b"\x48\x29\xc8"  # mov rcx, ..; sub rax, rcx
        + b"\x31\xd2\xb9\xe8\x03\x00\x00"  # xor edx, edx; mov ecx, 1000
        + b"\x48\xf7\xf1\xc3"  # div rcx; ret
    )  # fmt: skip


def _constant(value: int) -> bytes:
    """Machine code (x86-64): the number."""
    return b"\x48\xb8" + struct.pack("<Q", value) + b"\xc3"  # mov rax, value; ret


class Lockstep:
    """Virtual time of one process; also stands in for the launcher's timer thread."""

    def __init__(
        self, interpreter: Any, page: int, grants: int, messages: int,
        watched: int, start_ns: int, boot_us: int,
    ) -> None:  # fmt: skip
        """Take the descriptors, and the time over.

        `watched`: 1 = others may act on outputs; `start_ns`: when the world began, since 1970;
        `boot_us`: last hard reset, since then.
        """
        self._memory = mmap.mmap(page, control.PAGE_SIZE)
        self._now = ctypes.c_int64.from_buffer(self._memory, control.NOW_AT)
        self._starves = ctypes.c_int64.from_buffer(self._memory, control.STARVES_AT)
        self._bound = ctypes.c_int64.from_buffer(self._memory, control.BOUND_AT)
        self._turn = ctypes.c_int64.from_buffer(self._memory, control.TURN_AT)
        self._free = ctypes.c_int64.from_buffer(self._memory, control.FREE_AT)
        struct.pack_into("<qq", self._memory, control.HEARD_AT, watched, boot_us)
        self._grants, self._messages = grants, messages
        self._start_us, self._boot_us = start_ns // 1000, boot_us
        self._quiet = control.QUIET if watched else control.QUIET + control.OUTPUTS
        self._schedule = interpreter.lib.mp_sched_schedule
        self._function = _pointer()
        self._due = NEVER
        self._horizon = self._granted = 0
        # descriptors read empty, sets polled in vain: until a grant, or what it does itself
        self._empty: set[int | bytes] = set()
        os.set_blocking(0, False)
        self.address = str(ctypes.addressof(self._now)).encode()
        self._take(os.read(grants, control.GRANT_SIZE))
        self._patch(interpreter)

    def _patch(self, interpreter: Any) -> None:
        size, signed = ctypes.c_size_t, ctypes.c_ssize_t
        types: dict[str, tuple[Any, ...]] = {
            "mp_hal_time_ns": (ctypes.c_uint64,),
            "mp_hal_delay_ms": (None, ctypes.c_uint64),
            "gettimeofday": (_int, ctypes.POINTER(_long * 2), _pointer),
            "usleep": (_int, ctypes.c_uint),
            "poll": (_int, _pointer, ctypes.c_ulong, _int),
            "read": (signed, _int, _pointer, size),
            "write": (signed, _int, _pointer, size),
        }
        for name, (result, *arguments) in types.items():
            kind = ctypes.CFUNCTYPE(result, *arguments, use_errno=True)
            interpreter.patch(name, kind, getattr(self, name.replace("mp_hal_", "")))
        kind = ctypes.CFUNCTYPE(ctypes.c_uint64)
        self._code = mmap.mmap(-1, control.PAGE_SIZE, prot=7)  # also executable
        now, reached = ctypes.addressof(self._now), interpreter.callable(kind, self.reached)
        interpreter.redirect("mp_hal_ticks_us", self._emit(_ticks_us(now, reached)))
        interpreter.redirect("mp_hal_ticks_ms", self._emit(_ticks_ms(now, self._boot_us)))

    def alone(self, interpreter: Any) -> None:
        """One thread runs here: its state need not be looked up, and nothing be locked."""
        state = interpreter.lib.mp_thread_get_state
        state.restype = ctypes.c_uint64
        interpreter.redirect("mp_thread_get_state", self._emit(_constant(state())))
        locked = self._emit(_constant(1))
        for name in _LOCKS:
            interpreter.redirect(name, locked)

    def _emit(self, code: bytes) -> int:
        at = self._code.tell()
        self._code.write(code)
        return ctypes.addressof(ctypes.c_char.from_buffer(self._code)) + at

    def arm(self, function: int, delay_us: int) -> None:
        """Schedule the MicroPython function at this address in `delay_us`; -1 = not at all."""
        self._function = _pointer(function)
        self._due = NEVER if delay_us < 0 else self._now.value + delay_us
        self._find_bound()

    # --- time

    def _take(self, grant: bytes) -> None:
        self._now.value, self._horizon, self._granted = struct.unpack(control.GRANT, grant)
        self._look_again()
        self._find_bound()

    def _look_again(self) -> None:
        self._turn.value += 1
        self._empty.clear()

    def _notice(self) -> None:
        # others may act on what it does: the next wait asks
        self._granted = self._free.value = 0
        self._look_again()

    def _find_bound(self) -> None:
        self._bound.value = min(self._horizon, self._due)
        self._free.value = min(self._granted, self._due)

    def _pass(self, until: int) -> None:
        """Let time pass up to `until`; less of it if a timer or the world comes in between."""
        until = min(until, self._due, self._starves.value)
        if until < self._granted:
            self._now.value = max(self._now.value, until)
        else:
            self._ask(until)
        self._happen()

    def _ask(self, until: int, why: int = control.IDLE_WAITS) -> None:
        stamp = (self._start_us + self._now.value) * 1000
        payload = struct.pack("<q", until)
        os.write(self._messages, control.pack(control.IDLE, why, 0, stamp, payload))
        self._take(os.read(self._grants, control.GRANT_SIZE))

    def _happen(self) -> None:
        now = self._now.value
        if self._starves.value <= now:
            stamp = (self._start_us + now) * 1000
            os.write(self._messages, control.pack(control.STARVED, 0, 0, stamp))
            os.read(self._grants, control.GRANT_SIZE)  # never comes
        if self._due <= now:
            self._due = NEVER
            self._find_bound()
            self._schedule(self._function, self._function)

    # --- what the interpreter calls

    def reached(self) -> int:
        """Asking for the ticks has brought time to the horizon, a timer or the watchdog's end."""
        if self._now.value >= self._horizon:
            self._ask(self._now.value + 1)
        self._happen()
        return self._now.value

    def time_ns(self) -> int:
        """Return ns since 1970."""
        return (self._start_us + self._now.value) * 1000

    def gettimeofday(self, moment: Any, _zone: Any) -> int:
        """As gettimeofday(2)."""
        seconds, us = divmod(self._start_us + self._now.value, 1_000_000)
        moment[0][0], moment[0][1] = seconds, us
        return 0

    def delay_ms(self, ms: int) -> None:
        """Sleep, whatever happens; so the flash takes its time."""
        end = self._now.value + ms * 1000
        while self._now.value < end:
            self._pass(end)

    def usleep(self, us: int) -> int:
        """As usleep(3) that a signal may end early: something may have happened."""
        self._pass(self._now.value + us)
        return 0

    def poll(self, entries: int, count: int, timeout: int) -> int:
        """As poll(2); EINTR whenever something may have happened before the time is over.

        It is over when the ticks in ms have come so far, as a chip's own poll sees it.
        """
        ready = self._ready(entries, count)
        if ready or not timeout:
            return ready
        begun = self._now.value - (self._now.value - self._boot_us) % 1000
        end = NEVER if timeout < 0 else begun + timeout * 1000
        before = self._turn.value
        self._pass(end)
        if before != self._turn.value:
            ready = self._ready(entries, count)
        return _fails(errno.EINTR) if not ready and self._now.value < end else ready

    def _ready(self, entries: int, count: int) -> int:
        asked = ctypes.string_at(entries, count * _POLL_SIZE)
        if asked in self._empty:
            return 0
        ready = int(_poll(entries, count, 0))
        if not ready:
            self._empty.add(asked)
        return ready

    def read(self, descriptor: int, buffer: int, size: int) -> int:
        """As read(2); the prompt waits here for its input."""
        if descriptor not in self._empty:
            count = int(_read(descriptor, buffer, size))
            if count >= 0 or ctypes.get_errno() != errno.EAGAIN:
                return count
            self._empty.add(descriptor)
        if descriptor:
            return _fails(errno.EAGAIN)
        self._pass(NEVER)
        return _fails(errno.EINTR)

    def write(self, descriptor: int, data: int, size: int) -> int:
        """As write(2); what is printed can be noticed, and may have to wait for its reader."""
        if descriptor == self._messages:
            return self._tell(data, size)
        if descriptor not in (1, 2):
            self._look_again()
            return int(_write(descriptor, data, size))
        done = 0
        self._notice()
        while done < size:
            count = int(_write(descriptor, data + done, size - done))
            done += max(count, 0)
            if count < 0 and ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
                return count
            if done < size:
                self._ask(NEVER, control.IDLE_PRINTS)
                self._happen()
        return done

    def _tell(self, data: int, size: int) -> int:
        kind = ctypes.string_at(data, 1)[0]
        if kind not in self._quiet:
            self._notice()
        return int(_write(self._messages, data, size))
