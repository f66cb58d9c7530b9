"""`dosewire kit check` and `bench-test`: the words; the work is done elsewhere."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tools.exits import Exit, ToolError

Port = Annotated[Path, typer.Option(help="Serial port, such as /dev/ttyACM0.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
kit = typer.Typer(
    no_args_is_help=True, help="Dispenser, gateway and backend as one: does a press come through?"
)


@kit.callback()
def _group() -> None:
    # keeps `check` a word of its own
    pass


@kit.command()
def check(
    port: Port,
    store: Annotated[
        str | None,
        typer.Option(help="The backend's store (file or URL); else the dispenser is asked."),
    ] = None,
    within: Annotated[float, typer.Option(min=1, max=3600, help="Seconds for each hop.")] = 180.0,
    as_json: AsJson = False,
) -> None:
    """Follow one press to the clinic and back: bench, store, watermark, panel.

    Begin with the dispenser (batteries in) at this machine; it says when to put its cable into
    the gateway. Nothing of it counts as a patient's: for 15 min everything is typed *bench*.
    """
    from tools.asking import Asker
    from tools.kit import Check

    checking = Check(port, Asker(), within)
    code = _told("kit", lambda: checking.run(store))
    report = checking.report
    if as_json:
        print(msgspec.json.encode(report).decode())
    elif report.good:
        print(f"dispenser {report.dispenser}: the kit works, press {report.seq} came through")
    raise typer.Exit(code)


def bench_test(
    port: Port,
    page: Annotated[
        Path | None, typer.Option(help="Write the protocol as one printable page (HTML).")
    ] = None,
    within: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds for you to do each thing.")
    ] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Test a dispenser part by part: lid, compartments, buttons, lights, sound.

    It says what to do, one thing after the other. Each must become a record, typed *bench*: never
    a patient's. Everything is tried, also after a failure; exit code 23 if any part failed.
    """
    import datetime

    from tools import bench_page, bench_test
    from tools.asking import Asker

    def work() -> None:
        if page and not page.parent.is_dir():
            raise ToolError(f"page {page}: no such folder", Exit.USAGE)
        test = bench_test.BenchTest(port, Asker(), within)
        made = test.run(lambda: datetime.datetime.now(datetime.UTC))
        print(msgspec.json.encode(made).decode() if as_json else bench_test.passed(made))
        if page:
            page.write_text(bench_page.page(made), encoding="utf-8")
        if not made.good:
            raise ToolError(bench_test.passed(made), Exit.FAULTY)

    raise typer.Exit(_told("bench-test", work))


def _told(command: str, work: Callable[[], None]) -> int:
    # what does not pass is one line and a code of its own
    try:
        work()
    except ToolError as error:
        print(f"dosewire {command}: {error}", file=sys.stderr)
        return int(error.exit)
    except OSError as error:
        print(f"dosewire {command}: {error.filename}: {error.strerror}", file=sys.stderr)
        return int(Exit.FAILED)
    except KeyboardInterrupt:
        told = "interrupted; mode bench ends by itself within 15 min"
        print(f"dosewire {command}: {told}", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    return int(Exit.DONE)
