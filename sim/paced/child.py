"""A gateway or a backend as a process of its own, in the world's virtual time."""

import asyncio
import contextlib
import mmap
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from sim.child import Child, ChildError
from sim.clock import NEVER, VirtualClock
from sim.paced import page
from sim.paced.threads import all_sleep


class PacedChild(Child):
    """As `Child`; virtual time moves only while the process is idle."""

    def __init__(
        self, name: str, words: Sequence[str], log: Path, clock: VirtualClock, seed: str
    ) -> None:
        """`words` as after `dosewire`."""
        super().__init__(name, words, log)
        self._clock = clock
        self._words = list(words)
        self._seed = seed
        self._page = os.memfd_create(name)
        os.ftruncate(self._page, page.SIZE)
        self._memory = mmap.mmap(self._page, page.SIZE)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK)
        self._grants = -1
        self._given = 0
        self._seen = -1
        self._starts = 0
        self._signals = 0
        self._ending: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        # whatever it did, it rings when it has done it
        self._participant = clock.join(name, self._run, holds=self._holds, rings=lambda: True)
        clock.followers.append(self._follow)

    @property
    def touched(self) -> int:
        """How often it used a connection, or something was done to it from outside."""
        return page.get(self._memory, page.TOUCHED) + self._signals

    def has_open(self, path: str) -> bool:
        """Whether it has this file open."""
        folder = f"/proc/{self.pid}/fd"
        with contextlib.suppress(OSError):  # closed meanwhile
            return any(os.readlink(f"{folder}/{n}") == path for n in os.listdir(folder))  # noqa: PTH115, PTH208
        return False

    def stirs(self) -> bool:
        """Whether it does something at this instant, or was woken."""
        return self.awake() or not (self.frozen or self.pid is None or all_sleep(self.pid))

    async def start(self) -> None:
        """Start it; time stands until it waits."""
        if self._process is not None:
            raise ChildError(f"{self.name} is running already")
        grants, self._grants = os.pipe()
        self._given = 0
        for at, value in ((page.AWAKE, 1), (page.TAKEN, 0), (page.NOW, self._now())):
            page.put(self._memory, at, value)
        self._follow()
        self._seen = -1
        numbers = (self._page, grants, self._bell, self._clock.start_ns)
        self._starts += 1
        seed = f"{self._seed} {self._starts}"
        self._command = [sys.executable, "-m", "sim.paced", *map(str, numbers), seed]
        self._command += self._words
        self._fds = numbers[:3]
        # the order of sets must not change from run to run
        self._environment = {**self._environment, "PYTHONHASHSEED": "0"}
        try:
            await super().start()
        finally:
            os.close(grants)
        self._loop.add_reader(self._bell, self._rings)
        self._participant.idle()
        assert self._process is not None
        self._ending = asyncio.create_task(self._wait_for_end(self._process))

    def awake(self) -> bool:
        """Whether anything runs in it."""
        if self._grants < 0 or self.frozen:
            return False
        taken = page.get(self._memory, page.TAKEN)
        return bool(page.get(self._memory, page.AWAKE)) or taken < self._given

    def _holds(self) -> bool:
        # whatever it did since it was last looked at, others must be asked about again
        seq = page.get(self._memory, page.SEQ)
        if self.awake():
            return True
        if seq == self._seen or self._grants < 0 or self.frozen:
            return False
        start = self._clock.start_ns
        until = min(page.get(self._memory, page.UNTIL) * 1000 + start, NEVER)
        reached = page.get(self._memory, page.NOW) * 1000 + start
        if page.get(self._memory, page.SEQ) == seq:
            self._seen = seq
            self._participant.idle(until, reached)
        return True

    def _follow(self) -> None:
        page.put(self._memory, page.WORLD, self._now())

    async def stop(self) -> None:
        """As in real time: time runs meanwhile, for what the process still waits for."""
        with self._clock.hold():
            task = asyncio.ensure_future(super().stop())
            await asyncio.sleep(0)
            self._signals += 1  # time must not move before it has heard it
        await self._clock.run_through(task)

    def freeze(self) -> None:
        """Stop it from running at all (SIGSTOP)."""
        super().freeze()
        self._participant.idle()

    def thaw(self) -> None:
        """Let it run again; its timers find out how late it is."""
        super().thaw()
        self._participant.idle(self._clock.now_ns)

    async def kill(self) -> None:
        """End it without warning."""
        with self._clock.hold():
            await super().kill()
        self._gone()

    def close(self) -> None:
        """Let time go on without it for ever."""
        self._gone()
        self._participant.leave()
        self._clock.followers.remove(self._follow)
        self._memory.close()
        os.close(self._page)
        os.close(self._bell)

    async def _wait_for_end(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if self._process in (None, process):
            self._gone()

    def _gone(self) -> None:
        if self._grants >= 0:
            self._loop.remove_reader(self._bell)
            os.close(self._grants)
            self._grants = -1
            # who waits for its end acts before time moves
            self._clock.settle()
            self._participant.idle()

    def _now(self) -> int:
        return self._clock.monotonic_ns() // 1000

    def _rings(self) -> None:
        try:
            os.read(self._bell, 8)
        except BlockingIOError:
            return
        self._clock.look_again()

    def _run(self, _horizon_ns: int, free_ns: int) -> None:
        if self._grants < 0 or self.frozen:
            self._participant.idle()
            return
        free = max(free_ns - self._clock.start_ns, 0) // 1000
        self._given += 1
        self._participant.idle()
        try:
            os.write(self._grants, struct.pack(page.GRANT, self._now(), free))
        except BrokenPipeError:
            self._participant.idle()
