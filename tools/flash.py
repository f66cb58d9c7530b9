"""Puts a release into the free slot of a board, proves every byte, and only then switches to it.

The release that runs is not touched; a cut at any point leaves it in charge, and the next run goes
on from there. Written are the free slot, the pointer to it and the two start files, nothing else.
"""

import asyncio
import dataclasses
import re
import threading
from collections.abc import Iterable
from pathlib import Path

from protocol.bundle import MANIFEST, START, Release
from protocol.schema import Hello, RecordType, ReleaseAction, Service
from sim.hello import NoAnswerError, ask
from tools import facts as asking
from tools import plan as planning
from tools.compile import digest, placed
from tools.exits import ToolError
from tools.facts import Facts
from tools.plan import Allowed, Plan
from tools.prompt import Prompt
from tools.session import events_from

STARTS_WITHIN = 20.0
"""Seconds from reset to the app's first answer."""
CONFIRMS_WITHIN = 60.0
"""Seconds until a provisioned dispenser confirms a release; it does after 20."""
_RUN_AGAIN = "check cable and power, then run this again"
_OURS = re.compile(r"/(slots/[ab]/.+|slot\.new|boot\.py\.new|main\.py\.new)", re.ASCII)
_NEW = ".new"

_FOLDERS = """
import os
for path in {folders!r}:
    try:
        os.mkdir(path)
    except OSError as error:
        if error.errno != 17:
            raise
"""
_REMOVE = """
import os
for path in {paths!r}:
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != 2:
            raise
"""
# files of an earlier release would be imported in place of ones that are gone
_STALE = """
import os
def _walk(path):
    for entry in os.ilistdir(path):
        name = path + "/" + entry[0]
        if entry[1] & 0x4000:
            _walk(name)
        elif name not in {keep!r}:
            os.remove(name)
_walk({slot!r})
"""
# whether it loads on this MicroPython, and what of the parts is found broken
_TRY = """
import sys
sys.path.insert(0, {slot!r})
import dispenser.app
from dispenser import selftest
print("faults", selftest.run())
"""
# starts of the release before must not count against the new one (WATCHDOG_SCRATCH0)
_SWITCH = """
import os, machine
machine.mem32[_watchdog + 0xC] = 0
os.rename("/slot.new", "/slot")
"""


class FlashError(ToolError):
    """The dispenser does not hold or does not start what it should; one line."""


class StoppedError(FlashError):
    """Another thread said stop."""


@dataclasses.dataclass(frozen=True, slots=True)
class Flashed:
    """What became of a board; `faults` are codes of the self-test, `confirmed` None if unasked."""

    plan: Plan
    hello: Hello
    faults: list[int]
    confirmed: bool | None = None


class Reporter:
    """What a caller wants to hear of one board; each method may be replaced."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def planned(self, facts: Facts, plan: Plan) -> None:
        """Before anything is written; raises ToolError to leave the board as it is."""

    def begin(self, total: int) -> None:
        """So many bytes are to be written."""

    def advance(self, count: int) -> None:
        """So many more have arrived."""

    def step(self, name: str) -> None:
        """What is done now."""

    def live(self) -> None:
        """Raise StoppedError if another thread said stop."""
        if self._stop.is_set():
            raise StoppedError("stopped; the release before still runs")


def flash(
    port: Path,
    release: Release,
    reporter: Reporter,
    allowed: Allowed = Allowed(),  # noqa: B008 - immutable
    *,
    confirm: bool = False,
) -> Flashed:
    """Bring a board to a release; see the module's text.

    With `confirm` it waits until a provisioned dispenser has confirmed the release. Raises
    PortError, RefusedError or FlashError.
    """
    planning.protocol_fits(release)
    faults: list[int] = []
    with Prompt(port) as prompt:
        reporter.step("probe")
        facts = asking.ask(prompt)
        planning.check(release, facts, allowed)
        plan = planning.make(release, facts, prompt.digests(planning.wanted(release)))
        reporter.planned(facts, plan)
        if not plan.current:
            faults = Installer(prompt, release, plan, reporter).run()
        prompt.reset()
    reporter.step("start")
    hello = restarted(port)
    _runs(hello, release)
    sure = _confirmed(port, hello, release, reporter) if confirm and not plan.current else None
    # a new board has neither key nor time yet
    known = faults if facts.identity else []
    return Flashed(plan, hello, known, sure)


def restarted(port: Path) -> Hello:
    """Return the HELLO of a dispenser that has just been reset; raises FlashError."""
    try:
        return asyncio.run(ask(port, STARTS_WITHIN))
    except NoAnswerError as error:
        raise FlashError(f"the firmware does not start: {error}; {_RUN_AGAIN}") from error


class Installer:
    """The steps, in an order in which each may be the last."""

    def __init__(self, prompt: Prompt, release: Release, plan: Plan, reporter: Reporter) -> None:
        self._prompt = prompt
        self._release = release
        self._plan = plan
        self._reporter = reporter
        self._slot = f"/slots/{plan.slot}"

    def run(self) -> list[int]:
        """Install; returns the faults that the self-test found. Raises FlashError, PromptError."""
        plan, reporter = self._plan, self._reporter
        reporter.begin(sum(len(self._release.files[path]) for path in plan.write + plan.outside))
        if plan.back_to:
            self._point(plan.back_to)
        reporter.step("copy")
        self._clear()
        for path in plan.write:
            self._write(placed(path, plan.slot), self._release.files[path])
        reporter.step("verify")
        self._prove()
        reporter.step("self-test")
        faults = self._try()
        reporter.step("switch")
        for path in plan.outside:
            self._replace(f"/{path}", self._release.files[path])
        self._point(plan.slot)
        return faults

    def _clear(self) -> None:
        # first of all what would let main.py fall back into this slot
        state, manifest = f"{self._slot}/state", f"{self._slot}/{MANIFEST}"
        files = [placed(path, self._plan.slot) for path in self._slot_files()]
        parents = {str(parent) for path in files for parent in Path(path).parents} - {"/"}
        self._prompt.run(_REMOVE.format(paths=[state, manifest]))
        self._prompt.run(_FOLDERS.format(folders=sorted(parents)))
        self._prompt.run(_STALE.format(keep=set(files), slot=self._slot))

    def _slot_files(self) -> list[str]:
        return [path for path in self._release.files if path not in START]

    def _write(self, path: str, content: bytes) -> None:
        if not _OURS.fullmatch(path):
            raise FlashError(f"{path}: not a place for a release")

        def progress(count: int) -> None:
            self._reporter.live()
            self._reporter.advance(count)

        self._prompt.write(path, content, progress)

    def _prove(self) -> None:
        wanted = {
            placed(path, self._plan.slot): digest(self._release.files[path])
            for path in self._slot_files()
        }
        self._same(wanted)
        # the manifest is there when all it names is
        self._write(f"{self._slot}/{MANIFEST}", self._release.signed)
        self._same({f"{self._slot}/{MANIFEST}": digest(self._release.signed)})

    def _same(self, wanted: dict[str, str]) -> None:
        found = self._prompt.digests(wanted)
        for path, sha256 in wanted.items():
            if found[path] != sha256:
                raise FlashError(
                    f"{path}: the board reads other bytes than were written: run this again, "
                    "and take the board out of service if it says so again"
                )

    def _try(self) -> list[int]:
        told = self._prompt.run(_TRY.format(slot=self._slot))
        found = re.search(r"faults \[([0-9, ]*)\]", told)
        if found is None:
            raise FlashError(f"the release does not load: {told[-80:]!r}; the one before runs on")
        return [int(code) for code in found.group(1).split(",") if code.strip()]

    def _replace(self, path: str, content: bytes) -> None:
        self._write(path + _NEW, content)
        self._same({path + _NEW: digest(content)})
        self._prompt.run(f"import os\nos.rename({path + _NEW!r}, {path!r})")

    def _point(self, slot: str) -> None:
        self._write("/slot" + _NEW, slot.encode())
        self._same({"/slot" + _NEW: digest(slot.encode())})
        self._prompt.run(_SWITCH)


def _runs(hello: Hello, release: Release) -> None:
    found = (hello.major, hello.minor, hello.patch)
    if found != release.manifest.version:
        raise FlashError(
            f"{'.'.join(map(str, found))} runs, not {release.version}: it did not start three "
            "times and the board went back; `dosewire journal read` tells why"
        )


def _confirmed(port: Path, hello: Hello, release: Release, reporter: Reporter) -> bool | None:
    if hello.service != Service.ok:
        return None
    reporter.step("confirm")
    wanted = bytes((ReleaseAction.confirmed, *release.manifest.version))
    return asyncio.run(_await_record(port, hello, wanted, reporter))


async def _await_record(port: Path, hello: Hello, wanted: bytes, reporter: Reporter) -> bool:
    records = events_from(port, hello.epoch, max(hello.next - 1, hello.first), CONFIRMS_WITHIN)
    async for record in records:
        reporter.live()
        if record.type == RecordType.release and record.data.startswith(wanted):
            return True
    return False


def described(plan: Plan, release: Release) -> str:
    """Return the plan in words, one line."""
    if plan.current:
        return f"{release.version} is there already (slot {plan.slot}): nothing to write"
    size = sum(len(release.files[path]) for path in plan.write + plan.outside)
    start = f", {_and(plan.outside)}" if plan.outside else ""
    before = f"{plan.before} stays in the other slot" if plan.before else "nothing was there"
    return (
        f"{release.version} into slot {plan.slot}: {len(plan.write)} files{start}, "
        f"{size / 1000:.0f} kB; {before}"
    )


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)
