"""From power to a broker that is heard: a hundred starts, in virtual time.

Modems start in 10 to 15 s and attach in 10 to 120 s, evenly on a logarithmic scale, as operators'
and makers' figures have it; the uplink tries at most half a minute apart. A host's own start is
not in it.
"""

import dataclasses
import math
import random
import statistics
from collections.abc import Callable
from pathlib import Path

from sim.modem.quirks import KINDS
from tests.gateway.modem.bench import Bench
from tests.sim.modem.virtual import run

STARTS = 100


def _start(folder: Path, seed: int) -> float:
    async def scenario() -> float:
        dice = random.Random(seed)
        folder.mkdir()
        kind = dice.choice(list(KINDS))
        bench = Bench(folder, kind, seed)
        boot = dice.uniform(10.0, 15.0)
        bench.modem.quirks = dataclasses.replace(bench.modem.quirks, boot_s=boot)
        # the simulated network spreads it by 0.7 to 1.5 once more
        bench.modem.network.attach_s = 10.0 * math.exp(dice.random() * math.log(8.0))
        bench.modem.power_on()
        took = await bench.until_connected(600.0)
        await bench.end()
        return took

    return run(scenario())


def test_a_hundred_starts(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    times = sorted(_start(tmp_path / str(seed), seed) for seed in range(STARTS))
    p50, p95 = statistics.median(times), times[int(STARTS * 0.95) - 1]
    told = f"p50 {p50:.0f} s, p95 {p95:.0f} s, longest {times[-1]:.0f} s"
    record_property("recovery", (f"{STARTS} cold starts of all kinds", p50, told))
    assert p95 <= 180.0, told
    assert len(set(times)) > STARTS / 2, "every start is one of its own"
