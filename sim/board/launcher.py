"""Child process of the emulated board: CPython that loads MicroPython's Unix port and becomes it.

Run as `python -I -S launcher.py EXTENSION HEAP RAW BOOT_US PARENT RANDOM VIRTUAL ARGUMENT...`.
RANDOM is what random numbers are made from, VIRTUAL the arguments of `lockstep.Lockstep`; `-` is
without. Exits with 100 plus the REPL mode (0 friendly, 1 raw) when MicroPython ends by itself,
which is a soft reset.

Three things differ from the stock Unix port, and are patched in its global offset table (ELF
x86-64, System V ABI):
- SIGINT only schedules a KeyboardInterrupt, as on rp2; the stock handler jumps out of wherever the
  interpreter is, also out of its allocator and its file system.
- Milliseconds count from the last hard reset, also for asyncio's task queue, which is in C.
- `os.getenv` of a name that starts with 0x01 is a call to this file, from the board's own modules.
In virtual time, see `lockstep.py`, more of them.
"""

import _thread
import ctypes
import fcntl
import mmap
import os
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

SOFT_RESET = 100
PR_SET_PDEATHSIG = 1
R_X86_64_GLOB_DAT = 6
R_X86_64_JUMP_SLOT = 7
SHT_RELA = 4
SHT_DYNSYM = 11
PROT_READ_WRITE = 3
PAGE = 4096
LFLAG = 3  # of termios' settings
RESIGNAL_S = 0.01

libc = ctypes.CDLL(None, use_errno=True)


def got_slots(path: str) -> dict[str, list[int]]:
    """Offsets of the global offset table's entries in the shared object, by symbol."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:  # noqa: PTH123
        table, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + 64 * i) for i in range(count)]
        symbols = next(section for section in sections if section[1] == SHT_DYNSYM)
        names = sections[symbols[6]][4]
        slots: dict[str, list[int]] = {}
        for section in sections:
            if section[1] == SHT_RELA:
                _relocations(data, section, symbols[4], names, slots)
        return slots


def _relocations(
    data: mmap.mmap, section: Any, symbols: int, names: int, slots: dict[str, list[int]]
) -> None:
    for at in range(section[4], section[4] + section[5], 24):
        offset, info = struct.unpack_from("<QQ", data, at)
        if info & 0xFFFFFFFF in (R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT):
            name = names + struct.unpack_from("<I", data, symbols + 24 * (info >> 32))[0]
            slots.setdefault(data[name : data.find(b"\0", name)].decode(), []).append(offset)


class Interpreter:
    """The loaded extension, with its patches."""

    def __init__(self, path: str) -> None:
        self.lib = ctypes.CDLL(path)
        self._slots = got_slots(path)
        with open("/proc/self/maps") as maps:  # noqa: PTH123
            ranges = [line.split()[0].split("-") for line in maps if line.rstrip().endswith(path)]
        self._base = int(ranges[0][0], 16)
        self._end = int(ranges[-1][1], 16)
        self._kept: list[Any] = []

    def patch(self, name: str, kind: Any, function: Callable[..., Any]) -> None:
        """Let the interpreter's calls of `name` go to `function`, a callback of type `kind`."""
        self.redirect(name, self.callable(kind, function))

    def callable(self, kind: Any, function: Callable[..., Any]) -> int:
        """Make a callback of type `kind` and return its address."""
        callback = kind(function)
        self._kept.append(callback)
        return ctypes.cast(callback, ctypes.c_void_p).value or 0

    def redirect(self, name: str, address: int) -> None:
        """Let the interpreter's calls of `name` go to this address."""
        for offset in self._slots[name]:
            self._poke(self._base + offset, address)

    def _poke(self, at: int, value: int) -> None:
        page = ctypes.c_void_p(at & -PAGE)
        if libc.mprotect(page, ctypes.c_size_t(2 * PAGE), PROT_READ_WRITE):
            raise OSError(ctypes.get_errno(), "mprotect")
        ctypes.c_uint64.from_address(at).value = value

    def rename(self, module: str, old: bytes, new: bytes) -> None:
        """Replace a constant string (one that starts with `old`) of a built-in module.

        Layouts (64-bit words): module {type, globals}; dict {type, bits, count, table}; table
        entries {key, value}; str {type, hash, length, data}; attrtuple {type, length, items}.
        """
        table = self._word(self._word(self._symbol(module) + 8) + 24)
        count = self._word(self._word(self._symbol(module) + 8) + 16)
        for index in range(count):
            value = self._word(table + 16 * index + 8)
            length = self._word(value + 8) if self._inside(value) else 0
            items = [self._word(value + 16 + 8 * n) for n in range(length)] if length < 16 else []
            for item in (value, *items):
                self._rename(item, old, new)

    def _rename(self, string: int, old: bytes, new: bytes) -> None:
        if not self._inside(string) or self._word(string) != self._symbol("mp_type_str"):
            return
        if ctypes.string_at(self._word(string + 24), len(old)) == old:
            text = ctypes.create_string_buffer(new)
            self._kept.append(text)
            for offset, word in ((8, 0), (16, len(new)), (24, ctypes.addressof(text))):
                self._poke(string + offset, word)

    def _symbol(self, name: str) -> int:
        return ctypes.addressof(ctypes.c_char.in_dll(self.lib, name))

    def _inside(self, address: int) -> bool:
        return address % 8 == 0 and self._base <= address < self._end - 32

    def _word(self, address: int) -> int:
        return int(ctypes.c_uint64.from_address(address).value) if self._base <= address else 0


class Timer:
    """Thread that schedules a MicroPython function when it is due and wakes a blocked read.

    A signal can arrive just before the read begins, so it is repeated until the function has
    armed the next time.
    """

    def __init__(self, lib: ctypes.CDLL) -> None:
        self._lib = lib
        self._due: float | None = None
        self._function = ctypes.c_void_p()
        self._changed = _thread.allocate_lock()
        self._changed.acquire()
        self._main = _thread.get_ident()
        self._running = False

    def arm(self, function: int, delay_us: int) -> None:
        """Schedule the function at this address in `delay_us`; -1 = not at all."""
        self._function = ctypes.c_void_p(function)
        self._due = None if delay_us < 0 else time.monotonic() + delay_us / 1e6
        if not self._running:
            self._start()
        elif self._changed.locked():
            self._changed.release()

    def _start(self) -> None:
        self._running = True
        signal.signal(signal.SIGUSR1, lambda *_: None)
        # signals are for the interpreter's thread: only there do they end a blocked read
        before = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        _thread.start_new_thread(self._run, ())
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _run(self) -> None:
        while True:
            due = self._due
            wait = -1 if due is None else max(due - time.monotonic(), 0)
            if not self._changed.acquire(timeout=wait):
                self._schedule()

    def _schedule(self) -> None:
        self._lib.mp_sched_schedule(self._function, self._function)
        while True:
            signal.pthread_kill(self._main, signal.SIGUSR1)
            if self._changed.acquire(timeout=RESIGNAL_S):
                return


def patch_interrupts(interpreter: Interpreter) -> None:
    """Make Ctrl-C synchronous, and make SIG_DFL for SIGINT mean: ignore."""
    schedule = interpreter.lib.mp_sched_keyboard_interrupt
    handler = ctypes.cast(schedule, ctypes.c_void_p).value
    real = libc.sigaction
    real.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]

    def sigaction(number: int, action: int | None, old: int | None) -> int:
        if number == signal.SIGINT and action:
            field = ctypes.c_void_p.from_address(action)
            field.value = handler if field.value else int(signal.SIG_IGN)
        return int(real(number, action, old))

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    interpreter.patch("sigaction", kind, sigaction)


def patch_clock(interpreter: Interpreter, boot_us: int) -> None:
    """Let milliseconds begin at the last hard reset (monotonic clock, in us)."""

    def ticks_ms() -> int:
        return (time.monotonic_ns() // 1000 - boot_us) // 1000

    interpreter.patch("mp_hal_ticks_ms", ctypes.CFUNCTYPE(ctypes.c_uint64), ticks_ms)


def patch_random(interpreter: Interpreter, seed: str) -> None:
    """Make os.urandom and the seed of module random repeatable."""
    import hashlib

    state = hashlib.sha256(seed.encode())

    def get_random(count: int, buffer: int) -> None:
        data = b""
        while len(data) < count:
            state.update(b"next")
            data += state.digest()
        ctypes.memmove(buffer, data, count)

    kind = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_void_p)
    interpreter.patch("mp_hal_get_random", kind, get_random)


def take_as_data() -> None:
    """Let Ctrl-C be data from now on: at once, so one that strikes meanwhile is data, too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    settings = termios.tcgetattr(0)
    settings[LFLAG] &= ~termios.ISIG
    termios.tcsetattr(0, termios.TCSANOW, settings)
    signal.sigtimedwait([signal.SIGINT], 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def patch_getenv(interpreter: Interpreter, timer: Any, page: bytes | None) -> None:
    """Answer the board's own modules; everybody else gets the environment.

    `page`: address of what virtual time shares with them, see `control.py`.
    """
    lib = interpreter.lib
    real = libc.getenv
    address = ctypes.create_string_buffer(page) if page else None
    real.argtypes, real.restype = [ctypes.c_char_p], ctypes.c_void_p

    def getenv(name: bytes) -> int | None:
        if name == b"\x01lock":
            lib.mp_sched_lock()
        elif name == b"\x01unlock":
            lib.mp_sched_unlock()
        elif name == b"\x01data":
            take_as_data()
        elif name == b"\x01interrupt":
            lib.mp_sched_unlock()
            lib.mp_sched_keyboard_interrupt()
        elif name.startswith(b"\x01timer "):
            function, delay_us = name.split()[1:]
            timer.arm(int(function), int(delay_us))
        elif name == b"\x01page":
            if address is None:
                return None
            timer.alone(interpreter)
            return ctypes.addressof(address)
        else:
            return real(name)  # type: ignore[no-any-return]
        return None

    interpreter.patch("getenv", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p), getenv)


def patch_time(interpreter: Interpreter, boot_us: int, virtual: str) -> None:
    """Give the board its time, real or virtual, and its timers."""
    if virtual == "-":
        patch_clock(interpreter, boot_us)
        patch_getenv(interpreter, Timer(interpreter.lib), None)
        return
    sys.path.append(os.path.dirname(__file__))  # noqa: PTH120
    lockstep = __import__("lockstep").Lockstep(interpreter, *map(int, virtual.split(",")), boot_us)
    patch_getenv(interpreter, lockstep, lockstep.address)


def main(arguments: list[str]) -> int:
    """Become the board; see the module's text for the arguments."""
    extension, heap, raw, boot_us, parent, random, virtual = arguments[:7]
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return 1  # the supervisor died before it could be noticed
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    interpreter = Interpreter(extension)
    patch_interrupts(interpreter)
    if random != "-":
        patch_random(interpreter, random)
    patch_time(interpreter, int(boot_us), virtual)
    interpreter.rename("mp_module_sys", b"linux [", b"Raspberry Pi Pico with RP2040")
    interpreter.rename("mp_module_sys", b"linux", b"rp2")
    mode = ctypes.c_int.in_dll(interpreter.lib, "pyexec_mode_kind")
    mode.value = int(raw)
    words = [b"micropython", b"-X", b"heapsize=" + heap.encode(), b"-i"]
    words += [word.encode() for word in arguments[7:]]
    vector = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    return interpreter.lib.micropython_unix_main(len(words), vector) or SOFT_RESET + mode.value


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
