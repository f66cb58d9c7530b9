"""`dosewire flash`: the words, the bars, several boards at once; the work is `tools.flash`."""

import concurrent.futures
import json
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from protocol.bundle import Release
from protocol.manifest import ManifestError, SignatureError
from protocol.schema import Service
from tools.compile import FIRMWARE, CompileError
from tools.exits import MEANING, Exit, ToolError
from tools.facts import Facts
from tools.plan import Allowed, Plan

_AT_ONCE = 16
CODES = "\n\n".join(f"{int(code)}: {text}" for code, text in MEANING.items())


def flash(
    port: Annotated[list[Path] | None, typer.Option(help="Serial port; may be repeated.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every board that is found.")] = False,
    release: Annotated[
        Path | None, typer.Option(help="Release bundle; without, one is built from the sources.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Public key that the release must be signed with.")
    ] = None,
    firmware: Annotated[Path, typer.Option(help="Folder with the firmware's sources.")] = FIRMWARE,
    uf2: Annotated[
        Path | None, typer.Option(help="MicroPython image for a board in BOOTSEL mode.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="What the image must have; else FILE.sha256 is read.")
    ] = None,
    drive: Annotated[
        Path | None, typer.Option(help="Where the board's BOOTSEL drive is mounted.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Also onto a board with a newer release.")
    ] = False,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Also onto a board with somebody else's files.")
    ] = False,
    wait: Annotated[
        bool, typer.Option(help="Wait (20 s) until a provisioned dispenser has confirmed it.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a board.")] = False,
) -> None:
    """Bring boards to a release: checked, into the free slot, proven, switched, started.

    The release before stays and still starts if this is interrupted; run it again then. The
    journal is never touched.
    """
    from tools import port as ports

    if uf2 or drive:
        _image(uf2, sha256, drive)
        return
    try:
        build = _release(release, key, firmware)
        chosen = ports.chosen(port or [], everyone=everyone)
    except ToolError as error:
        _tell(error)
        raise typer.Exit(int(_bootsel_hint(error))) from error
    batch = _Batch(build, Allowed(allow_downgrade, foreign), yes=yes, wait=wait, as_json=as_json)
    raise typer.Exit(int(batch.run(chosen)))


def _release(path: Path | None, key: Path | None, source: Path) -> Release:
    from tools import release as releases
    from tools.release_key import KeyFileError

    try:
        if path is None:
            return releases.build(source, ["pico"], releases.signer(None)[0])
        return releases.read(path, releases.verifier(key))
    except SignatureError as error:
        told = "ask who built it for the public key, and give it as --key"
        raise ToolError(f"{path}: {error}; {told}", Exit.WRONG_SIGNATURE) from error
    except ManifestError as error:
        raise ToolError(f"{path}: {error}: fetch it again", Exit.TAMPERED) from error
    except OSError as error:
        raise ToolError(f"release {path}: {error.strerror}", Exit.USAGE) from error
    except (CompileError, KeyFileError) as error:
        raise ToolError(str(error), Exit.USAGE) from error


def _image(image: Path | None, sha256: str | None, drive: Path | None) -> None:
    from tools import uf2

    try:
        where = drive or uf2.find_drive()
        if where is None or image is None:
            raise ToolError(uf2.HOW, Exit.BOOTSEL)
        uf2.write(image, sha256, where)
    except ToolError as error:
        _tell(error)
        raise typer.Exit(int(error.exit)) from error
    print(f"{where}: {image.name} is on the board, which restarts; next: dosewire flash")


def _bootsel_hint(error: ToolError) -> Exit:
    from tools import uf2

    if error.exit == Exit.NO_DEVICE and (uf2.find_drive() or uf2.waiting()):
        print(f"dosewire flash: a board in BOOTSEL mode is here: {uf2.HOW}", file=sys.stderr)
        return Exit.BOOTSEL
    return error.exit


def _tell(error: Exception) -> None:
    print(f"dosewire flash: {error}", file=sys.stderr)


class _Batch:
    """Several boards at once, a thread and a bar each; Ctrl-C stops all where they may stop."""

    def __init__(
        self, release: Release, allowed: Allowed, *, yes: bool, wait: bool, as_json: bool
    ) -> None:
        self._release = release
        self._allowed = allowed
        self._ask = not yes and sys.stdin.isatty()
        self._wait = wait
        self._json = as_json
        self._stop = threading.Event()
        self._one = threading.Lock()
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)

    def run(self, chosen: list[Path]) -> Exit:
        """Flash all; returns the first trouble's exit code."""
        pool = concurrent.futures.ThreadPoolExecutor(min(len(chosen), _AT_ONCE))
        with self._bars, pool:
            try:
                results = list(pool.map(self._flash, chosen))
            except KeyboardInterrupt:
                self._stop.set()
                told = "interrupted; the release before still starts: run this again"
                print(f"dosewire flash: {told}", file=sys.stderr)
                return Exit.INTERRUPTED
        return next((code for code in results if code != Exit.DONE), Exit.DONE)

    def _flash(self, port: Path) -> Exit:
        from tools import flash as flashing

        bar = self._bars.add_task(f"{port}", total=None)
        try:
            done = flashing.flash(
                port, self._release, self._reporter(port, bar), self._allowed, confirm=self._wait
            )
        except ToolError as error:
            self._failed(port, error)
            return error.exit
        with self._one:
            self._done(port, done)
        return Exit.FAILED if done.confirmed is False else Exit.DONE

    def _failed(self, port: Path, error: ToolError) -> None:
        text = str(error) if str(port) in str(error) else f"{port}: {error}"
        with self._one:
            if self._json:
                print(json.dumps({"port": str(port), "exit": int(error.exit), "error": text}))
            _tell(ToolError(text))

    def _reporter(self, port: Path, bar: TaskID) -> Any:
        from tools.flash import Reporter

        batch = self

        class Shown(Reporter):
            def planned(self, facts: Facts, plan: Plan) -> None:
                batch.confirm(port, plan)

            def begin(self, total: int) -> None:
                batch._bars.update(bar, total=total)

            def advance(self, count: int) -> None:
                batch._bars.advance(bar, count)

            def step(self, name: str) -> None:
                batch._bars.update(bar, description=f"{port} {name}")

        return Shown(self._stop)

    def confirm(self, port: Path, plan: Plan) -> None:
        """Show the plan; ask if that is wanted. Raises StoppedError for a no."""
        from tools.flash import StoppedError, described

        with self._one:
            told = f"{port}: {described(plan, self._release)}"
            self._bars.console.print(told, highlight=False, markup=False, soft_wrap=True)
            if not self._ask or plan.current:
                return
            self._bars.stop()
            try:
                if not typer.confirm("go on?", err=True):
                    raise StoppedError(f"{port}: nothing was written")
            except typer.Abort:
                raise StoppedError(f"{port}: nothing was written") from None
            finally:
                self._bars.start()

    def _done(self, port: Path, done: Any) -> None:
        hello = done.hello
        if self._json:
            print(json.dumps(_told(port, done, self._release.version)))
            return
        sure = {True: ", confirmed", False: ", NOT confirmed: look at it", None: ""}
        same = "already " if done.plan.current else ""
        print(
            f"{port}: firmware {self._release.version} {same}runs{sure[done.confirmed]}, "
            f"service: {hello.service.name}"
        )
        if done.faults:
            print(f"{port}: self-test: {_named(done.faults)}: check the wiring")
        if hello.service == Service.unprovisioned:
            print(f"next: dosewire provision --port {port} --registry FILE")


def _told(port: Path, done: Any, version: str) -> dict[str, Any]:
    return {
        "port": str(port), "exit": 1 if done.confirmed is False else 0, "version": version,
        "slot": done.plan.slot, "written": not done.plan.current,
        "service": done.hello.service.name, "faults": done.faults, "confirmed": done.confirmed,
    }  # fmt: skip


def _named(codes: list[int]) -> str:
    from protocol.schema import FaultKind

    known = {int(kind): kind.name for kind in list(FaultKind)}
    return ", ".join(known.get(code, str(code)) for code in codes)
