"""`python -m sim.board FOLDER`: one emulated board, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
from pathlib import Path

from hardware import board
from sim.board.emulated import EmulatedBoard, OutputEvent


async def _run(folder: Path, name: str) -> None:
    emulated = EmulatedBoard(folder, board.load("pico"), name=name, on_output=_show)
    async with emulated:
        print(f"port {emulated.port}", flush=True)
        await asyncio.Event().wait()


def _show(event: OutputEvent) -> None:
    if event.kind != "pixels":
        logging.info("%s %s %d", event.name, event.kind, event.value)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="sim.board", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds flash, EEPROM, clock and the port's link")
    parser.add_argument("--name", default="bench", help="the board's unique id is made from it")
    parser.add_argument("--verbose", action="store_true", help="show boots and outputs")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s"
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(arguments.folder, arguments.name))


if __name__ == "__main__":
    main()
