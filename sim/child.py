"""One process of a running world: started, stopped, killed, logged, and never left behind."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

_STOPPED_WITHIN = 10.0
_TOLD_LINES = 6
_STILL_OURS = '[ "$PPID" = "$0" ] && exec "$@"'
"""We may have died before the signal was arranged for: it would never come."""


class ChildError(RuntimeError):
    """A process that ended by itself or badly; says the end of its log."""


def dosewire(*words: str) -> list[str]:
    """Return the command line of `dosewire words...` with this interpreter."""
    return [sys.executable, "-m", "tools.main", *words]


class Child:
    """A long-running process; may be ended and started again."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self.frozen = False
        self.before: Sequence[str] = ()
        """Words before its command at the next start: a program that runs and watches it."""
        self._command = list(command)
        self._environment: dict[str, str] = {}
        self._fds: Sequence[int] = ()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id, None when it does not run."""
        return self._process.pid if self._process else None

    def set_environment(self, **values: str) -> None:
        """Replace what is added to our own environment at the next start."""
        self._environment = values

    @property
    def running(self) -> bool:
        """Whether it has been started and not been ended by us."""
        return self._process is not None

    async def start(self) -> None:
        """Start it; raises ChildError if it runs already."""
        if self._process is not None:
            raise ChildError(f"{self.name} is running already")
        with self.log.open("ab") as log:
            self._process = await spawn(
                [*self.before, *self._command],
                log.fileno(),
                log.fileno(),
                self._fds,
                self._environment,
            )

    async def stop(self) -> None:
        """End it in order (SIGTERM); killed if that takes longer than 10 s: ChildError then."""
        self.thaw()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOPPED_WITHIN)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise ChildError(f"{self.name} did not stop within {_STOPPED_WITHIN:.0f} s") from None

    async def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        self.frozen = False
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def freeze(self) -> None:
        """Let it run no more (SIGSTOP), until `thaw`; nothing if it does not run."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            self.frozen = True

    def thaw(self) -> None:
        """Let it run again (SIGCONT)."""
        if self.frozen and self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        self.frozen = False

    def close(self) -> None:
        """Give up what is kept for the next start."""

    def check(self) -> None:
        """Raise ChildError if it has ended though nobody ended it."""
        if self._process is not None and self._process.returncode is not None:
            raise ChildError(
                f"{self.name} ended with {self._process.returncode}:\n{last_lines(self.log)}"
            )


@contextlib.asynccontextmanager
async def limited(
    name: str, process: asyncio.subprocess.Process, log: Path, within: float
) -> AsyncIterator[None]:
    """Let a process live as long as the block, at most `within` seconds of the host's time.

    Raises ChildError if it takes longer.
    """
    try:
        async with asyncio.timeout(within):
            yield
    except TimeoutError:
        raise ChildError(f"{name} takes longer than {within:.0f} s: see {log}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def run(name: str, command: Sequence[str], log: Path, within: float) -> str:
    """Run a command to its end, its errors into `log`; returns what it prints.

    Raises ChildError if it fails or takes longer than `within` seconds.
    """
    with log.open("ab") as errors:
        process = await spawn(command, asyncio.subprocess.PIPE, errors.fileno())
        async with limited(name, process, log, within):
            out, _ = await process.communicate()
    if process.returncode:
        raise ChildError(f"{name} ended with {process.returncode}:\n{last_lines(log)}")
    return out.decode()


async def spawn(
    command: Sequence[str],
    out: int,
    errors: int,
    descriptors: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
) -> asyncio.subprocess.Process:
    """Start a process that dies with ours and does not hear our terminal's Ctrl-C.

    It inherits `descriptors`, and our environment with `environment` added.
    """
    return await asyncio.create_subprocess_exec(
        *tied(command),
        stdin=stdin,
        stdout=out,
        stderr=errors,
        start_new_session=True,
        pass_fds=descriptors,
        env={**os.environ, **(environment or {})},
    )


def tied(command: Sequence[str]) -> list[str]:
    """Return the command line of a process that dies with the thread that starts it.

    By setpriv(1), prctl(2) PR_SET_PDEATHSIG. Raises ChildError if that is not installed.
    """
    setpriv = shutil.which("setpriv", path=os.environ.get("PATH", "") + ":/usr/bin")
    if setpriv is None:
        raise ChildError("setpriv is not installed: apt-get install util-linux")
    return [
        setpriv,
        "--pdeathsig",
        "KILL",
        "--",
        "sh",
        "-c",
        _STILL_OURS,
        str(os.getpid()),
        *command,
    ]


def last_lines(log: Path) -> str:
    """Return the end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TOLD_LINES:])
