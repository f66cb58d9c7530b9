"""The emulated board: power switch, USB cable and environment of one MicroPython process."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from hardware.board import Board
from sim.board import control, images
from sim.board.conditions import Conditions
from sim.board.cut import ArmedCut
from sim.board.environment import Environment
from sim.board.events import OPERATIONS, Cut, Exit, OutputEvent, output
from sim.board.launcher import SOFT_RESET
from sim.board.process import BoardProcess, Boot, Message, heap_size
from sim.board.pty_link import Relay
from sim.board.retained import Retained
from sim.board.turns import Turns
from sim.board.watchdog import Watchdog
from sim.board.wiring import wiring
from sim.clock import Clock, RealClock, VirtualClock

__all__ = ["Cut", "EmulatedBoard", "Exit", "OutputEvent"]

State = Literal["off", "booting", "running", "resetting"]

_HANGS_WITHIN_S = 120.0  # real time, until a board that does not wait is known to hang
# What the emulation itself occupies in the interpreter's heap; a test holds it to the truth.
SHIM_HEAP = 66 * 1024


class EmulatedBoard(Conditions):
    """One board. Every method belongs to the event loop that made it."""

    def __init__(
        self,
        folder: Path,
        hardware: Board,
        *,
        name: str,
        heap: str = "240wK",
        on_output: Callable[[OutputEvent], None] | None = None,
        watched: bool = True,
        log: logging.Logger | None = None,
        erase_ms: int = 0,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        """Prepare it, switched off. `heap` as MicroPython's -X heapsize; `erase_ms` per block.

        Who gets `on_output` acts on it if `watched`: virtual time stands still meanwhile.
        The board lives in the time of `clock`, real or virtual; without, in real time. A `seed`
        makes its random numbers, and so whatever it stores, repeatable.

        Raises ValueError when the folder's images do not fit the hardware.
        """
        self.folder = folder.resolve()
        self.hardware = hardware
        self.name = name
        self.unique_id = hashlib.sha256(name.encode()).digest()[:8]
        self.state: State = "off"
        self.boots = 0
        self.exits: list[Exit] = []
        self.cuts: list[Cut] = []
        self.operations = 0
        self.wear: Counter[int] = Counter()  # erases by block
        self.peak_heap_bytes = 0
        self.plugged = True
        self._heap = heap_size(heap) + SHIM_HEAP
        self._erase_ms = erase_ms
        self._on_output = on_output
        self._seed = seed
        self._time = clock or RealClock()
        self._log = log or logging.getLogger(f"board.{name}")
        self._loop = asyncio.get_running_loop()
        images.create(self.folder, hardware.flash.size, self._time.now_ns)
        self._console = (self.folder / "console.log").open("ab", buffering=0)
        self._relay = Relay(self.folder / "port", self._console_write, self._time)
        self._turns: Turns | None = None
        if isinstance(self._time, VirtualClock):
            self._turns = Turns(
                self._time, name, watched and on_output is not None,
                self._relay, self._starved, self._notify,
            )  # fmt: skip
        self._process: BoardProcess | None = None
        self._environment = Environment(hardware)
        self._pin_names = {pin: name for name, pin in hardware.pins().items()}
        self._cause = ""  # why the process is being ended
        self._changed = self._loop.create_future()
        self._watchdog = Watchdog(self._starved, self._last_messages, self._turns)
        self._armed = ArmedCut()
        self._cuts_before = 0
        self._forget()

    def _forget(self) -> None:
        self._retained = Retained(self._time.monotonic_ns())
        self._reset_chip()

    def _reset_chip(self) -> None:
        self._retained.reset(self._time.monotonic_ns())
        self._watchdog.feed(0)
        self._raw = 0

    def hear(self, on: bool) -> None:
        """Let it tell lights and sounds in virtual time though nobody acts on them, or not."""
        if self._turns:
            self._turns.hear(on)

    # --- power and cable

    async def power_on(self) -> None:
        """Switch on and return when the board has run boot.py; no-op when it is on.

        In virtual time it has also come to where it waits.
        """
        if self.state == "off":
            self._forget()
            self._start("booting")
        started = ("running", "off")
        await self.wait_for(lambda: self.state in started and self._waits(), _HANGS_WITHIN_S)

    async def power_cut(self) -> None:
        """Battery and USB gone at once: nothing in RAM survives.

        In virtual time it strikes where the board waits; inside of what it does, see `cut_at`.
        """
        with self._time.hold():
            await self.wait_for(self._waits, _HANGS_WITHIN_S)
            self._end("power cut")
            await self.wait_for(lambda: self._process is None)

    async def cut_at(self, operation: int, byte: int) -> None:
        """Let power die inside the n-th (from 1) write or erase from now, after `byte` bytes.

        A torn erase is half a block of 0xff. `wait_cut` tells when it has happened. Holds over
        resets; on a board that is off, it counts from power-on. Raises ValueError.
        """
        self._armed.arm(operation, byte)
        self._cuts_before = len(self.cuts)
        self._send(self._armed.message())

    def cut_never(self) -> None:
        """Take back what `cut_at` armed and did not come."""
        self._armed.disarm()
        self._send(self._armed.message())

    async def wait_cut(self, timeout: float = 10) -> Cut:
        """The cut that `cut_at` armed; raises TimeoutError when it does not come."""
        await self.wait_for(self._is_cut, timeout)
        return self.cuts[-1]

    def _is_cut(self) -> bool:
        return len(self.cuts) > self._cuts_before and self.state == "off"

    async def unplug(self) -> None:
        """Pull the USB cable: the port vanishes, the board runs on from its battery."""
        self.plugged = False
        self._relay.detach()
        self._send(*self._environment.set_plugged(False))
        self._notify()

    async def plug(self) -> None:
        """Put the USB cable in: the port is back under the same path once boot.py is done."""
        self.plugged = True
        self._send(*self._environment.set_plugged(True))
        self._attach()
        self._notify()

    async def close(self) -> None:
        """Switch off and leave nothing running; the object is done with."""
        self._end("power cut")
        await self.wait_for(lambda: self._process is None)
        self._relay.detach()
        self._console.close()
        if self._turns:
            self._turns.close()

    async def __aenter__(self) -> Self:
        """Switch on."""
        try:
            await self.power_on()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    # --- environment

    @property
    def port(self) -> Path:
        """The serial port for mpremote and the gateway; there while plugged in and running."""
        return self._relay.port.link

    @property
    def pid(self) -> int | None:
        """Process id of the interpreter, None when off."""
        return self._process.pid if self._process else None

    @property
    def relay(self) -> Relay:
        """The USB cable, with its fault hook `tamper`."""
        return self._relay

    async def wait_for(self, condition: Callable[[], bool], timeout: float = 10) -> None:
        """Return once the condition holds, looked at after every change; raises TimeoutError.

        The timeout is real time; this does not let virtual time run, the clock's `run_until` does.
        """
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.shield(self._changed)

    # --- life of the process

    def _start(self, state: State) -> None:
        self.boots += 1
        self.state = state
        self._cause = ""
        flash = self.hardware.flash
        boot = Boot(
            self.folder, str(self._heap), self._raw, self._retained.boot_ns // 1000,
            self.unique_id, self._retained.reason, flash.block_size, flash.blocks, self._erase_ms,
            "" if self._seed is None else f"{self._seed}/{self.name}/{self.boots}",
        )  # fmt: skip
        self._process = BoardProcess(
            boot, self._surroundings(), self._message, self._relay.from_board, self._exited,
            self._turns,
        )  # fmt: skip
        if self._turns:
            self._turns.started(self._process)
        self._log.info("boot %d, pid %d", self.boots, self._process.pid)
        self._notify()

    def _surroundings(self) -> list[bytes]:
        """What is true before the firmware looks: wiring, levels, and what outlives a reset."""
        messages = wiring(self.hardware) + self._environment.all() + self._retained.all()
        messages.append(self._armed.message())
        fed_us = self._time.monotonic_ns() // 1000
        messages.append(control.pack(control.WATCHDOG, 0, self._watchdog.timeout_us, fed_us))
        return messages

    def _end(self, cause: str) -> None:
        """Kill the process; `_exited` goes on from there."""
        if self._cause and cause == "power cut":
            self._cause = cause  # in the middle of a reset
        elif self._process and not self._cause:
            self._cause = cause
            if cause != "soft reset":
                self._watchdog.feed(0)
                self._relay.disconnect()
                self._relay.detach()
            self._process.kill()
            if self._turns:
                self._turns.ending()

    def _exited(self, code: int) -> None:
        self._process = None
        if self._turns:
            self._turns.ended()
        cause = self._cause or "crash"
        self._relay.disconnect()
        if cause == "crash" and code in (SOFT_RESET, SOFT_RESET + 1):
            cause, self._raw = "soft reset", code - SOFT_RESET
        self.exits.append(Exit(self._time.now_ns, cause, code))
        self._log.info("process ended: %s, code %d", cause, code)
        if cause == "soft reset":
            self._relay.from_board(b"MPY: soft reboot\r\n")
            self._start("resetting")
        elif cause in ("reset", "watchdog"):
            self._reset_chip()
            self._start("resetting")
        else:
            self._off(cause)

    def _off(self, cause: str) -> None:
        self.state = "off"
        self._armed.disarm()
        self._watchdog.feed(0)
        self._relay.detach()
        if self._turns:
            self._turns.off()
        if cause == "crash":
            self._log.error("the interpreter died; see %s", self._console.name)
        self._notify()

    # --- what the board says

    def _message(self, message: Message) -> None:
        if message.kind == control.IDLE and self._turns:
            self._turns.idle(message)
            self._notify()
            return
        if self._turns:
            self._turns.noticed(message)
        if message.kind in (control.LEVEL, control.PWM, control.PIXELS):
            self._output(message)
        else:
            self._handlers()[message.kind](message)
        self._notify()

    def _handlers(self) -> dict[int, Callable[[Message], None]]:
        return {
            control.READY: self._ready,
            control.RESET: self._reset,
            control.WATCHDOG: lambda said: self._watchdog.feed(said.value),
            control.FEED: lambda said: self._watchdog.feed(said.value),
            control.STARVED: lambda _: self._starved(),
            control.CLOCK: lambda said: self._retained.set_clock(said.stamp),
            control.SCRATCH: lambda said: self._retained.set_scratch(said.ident, said.value),
            control.OPERATION: self._operation,
            control.CUT: lambda said: self._armed.echo(said.value, said.stamp),
            control.CUT_DONE: self._cut,
            control.HEAP: self._heap_peak,
        }

    def _ready(self, message: Message) -> None:
        if self._process and not self._cause:
            self.state = "running"
            self._relay.connect(self._turns or self._process)
            self._attach()

    def _reset(self, message: Message) -> None:
        if message.ident == control.RESET_SOFT:
            self._end("soft reset")
        else:
            self._retained.reason = control.REASON_FORCED
            self._end("reset")

    def _operation(self, message: Message) -> None:
        self.operations += 1
        self._armed.count()
        if message.ident == control.OP_ERASE:
            self.wear[message.value] += 1

    def _cut(self, message: Message) -> None:
        kind = OPERATIONS[message.ident]
        self.cuts.append(Cut(message.stamp, kind, message.value))
        self._end("power cut")

    def _heap_peak(self, message: Message) -> None:
        self.peak_heap_bytes = max(self.peak_heap_bytes, message.value)

    def _output(self, message: Message) -> None:
        if message.kind == control.LEVEL:
            self._retained.set_level(message.ident, message.value)
        event = output(message, self._pin_names.get(message.ident, f"gpio{message.ident}"))
        if self._on_output:
            self._on_output(event)

    # --- small things

    def _starved(self) -> None:
        self._log.info("watchdog")
        self._retained.reason = control.REASON_TIMER
        self._end("watchdog")

    def _waits(self) -> bool:
        return self._turns is None or self._turns.waiting

    def _last_messages(self) -> None:
        if self._process:
            self._process.receive()

    def _attach(self) -> None:
        if self.plugged and self.state == "running" and not self._relay.port.attached:
            self._relay.port.attach()

    def _send(self, *messages: bytes) -> None:
        to = self._turns or self._process
        for message in messages:
            if to:
                to.send(message)

    def _console_write(self, data: bytes) -> None:
        self._console.write(data)
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, self._loop.create_future()
        if not changed.done():
            changed.set_result(None)
