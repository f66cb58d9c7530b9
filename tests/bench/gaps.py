"""How late the firmware's watchdog would be fed: a task beside its own notes every delay."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.firmware import rig

# a task that is due every 5 ms notes by how much it is late; what the machine gave to other
# processes meanwhile (Linux, Documentation/scheduler/sched-stats: time spent waiting) is left out
_PROBE = """
        import asyncio, time, vfs
        from array import array
        gaps = array("H", bytes(4002))
        vfs.mount(vfs.VfsPosix("/proc/self"), "/host")
        waits = open("/host/schedstat", "rb")
        def waited():
            waits.seek(0)
            return int(waits.read().split()[1]) // 1000000
        async def probe():
            last, away = time.ticks_ms(), waited()
            while True:
                await asyncio.sleep_ms(5)
                now, since = time.ticks_ms(), away
                away = waited()
                late = time.ticks_diff(now, last) - (away - since)
                gaps[max(min(late, 2000), 0)] += 1
                last = now
        whole = dispenser._run
        async def probed():
            await asyncio.gather(whole(), probe())
        dispenser._run = probed
        dispenser.run()
"""


def install(folder: Path) -> None:
    """Put the probe into main.py of the board in `folder`, which is off."""
    with rig.files(folder) as system:
        with system.open("/main.py", "r") as file:
            text = file.read()
        with system.open("/main.py", "w") as file:
            file.write(text.replace("        dispenser.run()\n", _PROBE))


async def read(board: rig.Rig) -> list[int]:
    """Return delays by ms; stops the app."""
    text = await board.mpremote("resume", "exec", "print(list(gaps))")
    return [int(count) for count in json.loads(text)]


def figures(
    name: str, histogram: list[int], most_p99: float | None, most: float | None
) -> Iterator[Figure]:
    """Return p99 and the worst."""
    total, seen, p99 = sum(histogram), 0, 0
    for ms, count in enumerate(histogram):
        seen += count
        if seen >= total * 0.99:
            p99 = ms
            break
    worst = max(ms for ms, count in enumerate(histogram) if count)
    yield Figure(f"feed late by, {name}: p99", p99, "ms", most=most_p99)
    yield Figure(f"feed late by, {name}: max", worst, "ms", most=most)
