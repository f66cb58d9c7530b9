"""A release over the wire: how long it takes, and what it does to the firmware meanwhile."""

import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import gaps
from tests.bench.figures import Figure
from tests.firmware import rig, updating
from tests.firmware.living import fill_journal

_HEAP = 240 * 1024


def figures(folder: Path, erase_ms: int) -> Iterator[Figure]:
    """Measure on the board in `folder`, provisioned and off; its journal is filled first."""
    fill_journal(folder)
    gaps.install(folder)
    contents = updating.newer(folder, folder)
    transfer = updating.transfer_of(contents)
    seen: dict[str, list[int]] = {}

    async def scenario(board: rig.Rig) -> None:
        transfer.greeted(await board.hello())
        began = time.monotonic()
        while transfer.left() and await updating.step(board, transfer):
            pass
        seen["ms"] = [int((time.monotonic() - began) * 1000)]
        seen["free"] = [(_HEAP - board.board.peak_heap_bytes // 2) // 1024]
        seen["gaps"] = await gaps.read(board)

    rig.play(folder, scenario, erase_ms)
    name = f"{erase_ms} ms erases"
    sent = sum(map(len, contents.values()))
    yield Figure(f"release over the wire, {name}", seen["ms"][0] / 1000, "s")
    yield Figure("size of that release", sent / 1024, "KiB")
    yield Figure("heap free at its peak meanwhile, of 240 kB", seen["free"][0], "KiB", least=60)
    yield from gaps.figures(f"{name}, release coming in", seen["gaps"], 100, 250)
