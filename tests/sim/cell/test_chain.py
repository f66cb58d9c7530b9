"""The way of records over a simulated modem and a rough cell: nothing lost, nothing doubled.

At IP level where this process may make TUN devices, else through the proxy; the soak's outage is
ten minutes long. The meter's table is printed behind the run.
"""

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway import status
from sim.cell.causes import Cause
from sim.cell.cell import Cell, fault, make, rough
from sim.certificates import Pki
from sim.modem.pty import ModemPort
from tests.support.chains import make_chain
from tests.support.gateway import SECRET, Rig, rig, until

EPOCH = 77
SEED = 4
CHAIN = make_chain(SECRET, bytes([1] * 8), EPOCH, 240)


@contextlib.asynccontextmanager
async def rough_cell(r: Rig) -> AsyncIterator[tuple[Cell, ModemPort]]:
    """The rig's gateway behind a modem and a cell of 60 ± 20 ms and 2 % loss."""
    port = ModemPort(r.folder / "modem", seed=SEED)
    port.modem.quirks = dataclasses.replace(port.modem.quirks, boot_s=0.4, boot=())
    port.modem.network.attach_s = 0.2
    cell = make(("127.0.0.1", r.broker.port), SEED)
    cell.carries = lambda: port.modem.passes
    plain = r.config

    def config(profile: str = "prompt", **uplink: object) -> Path:
        path = plain(profile, host=cell.host, port=cell.port, **uplink)
        modem = f'[modem]\napn = "iot.example"\nport = "{r.folder / "modem"}"\n'
        path.write_text(path.read_text() + modem + f'interface = "{cell.interface}"\n')
        return path

    r.config = config  # type: ignore[method-assign]
    rough(cell)
    try:
        await cell.start()
        port.modem.power_on()
        yield cell, port
    finally:
        port.close()
        await cell.stop()


@pytest.mark.parametrize(
    ("stall_s", "outage_s"),
    [(1.0, 4.0), pytest.param(30.0, 600.0, marks=pytest.mark.soak)],
)
def test_nothing_is_lost_over_modem_and_cell(
    tmp_path: Path,
    pki: Pki,
    record_property: Callable[[str, object], None],
    stall_s: float,
    outage_s: float,
) -> None:
    async def scenario() -> str:
        async with rig(tmp_path, pki) as r, rough_cell(r) as (cell, port):
            one = r.dispenser(1, EPOCH, CHAIN[:40])
            before = cell.command([])
            await r.run_gateway(before, confirm_timeout=5, retry_max=5)
            await until(lambda: r.stored(one), 60)
            await fault_while_reading(cell, "stall", stall_s, lambda: one.add(*CHAIN[40:80]))
            await until(lambda: r.stored(one), 60)
            await fault_while_reading(cell, "outage", outage_s, lambda: one.add(*CHAIN[80:140]))
            await until(lambda: r.stored(one), 900 if outage_s > 60 else 90)
            if outage_s > 60:
                # the kernel takes a minute to find out (TCP_USER_TIMEOUT of the uplink)
                await fault_while_reading(
                    cell, "address_change", 0, lambda: one.add(*CHAIN[140:180])
                )
                await until(lambda: r.stored(one), 300)
                port.modem.drop_context()
                one.add(*CHAIN[180:])
                await until(lambda: r.stored(one), 600)
            told = await asyncio.to_thread(status.ask, tmp_path / "data")
            assert told["modem"]["rungs"]["context"] >= 1
            await r.end_gateway()
            return _judge(cell)

    table = asyncio.run(scenario())
    record_property("meter", (f"records over modem and cell, an outage of {outage_s:g} s", table))


async def fault_while_reading(
    cell: Cell, name: str, seconds: float, then: Callable[[], None]
) -> None:
    """Let records come while something is wrong."""
    broken = asyncio.create_task(fault(cell, name, seconds))
    await asyncio.sleep(random.Random(SEED).uniform(0.05, 0.2))
    then()
    await broken


def _judge(cell: Cell) -> str:
    meter = cell.meter
    # 140 records of 22 bytes at least went up; every part of a connection is there
    assert meter.up[Cause.PUBLISH] > 140 * 22
    assert meter.down[Cause.WATERMARK] > 0
    assert meter.of(Cause.HANDSHAKE) > 3000 and meter.connections >= 1
    return meter.table()
