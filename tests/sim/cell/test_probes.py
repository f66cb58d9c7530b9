"""A slow profile's silent connection: the kernel's probes find out that the NAT has forgotten."""

import asyncio
from pathlib import Path

import pytest

from sim.cell.cell import make
from sim.cell.tunnel import possible
from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.gateway import SECRET, rig, until

EPOCH = 77
CHAIN = make_chain(SECRET, bytes([1] * 8), EPOCH, 10)
KEEPALIVE = 75
"""Seconds: with fewer an hourly gateway would rather sleep."""


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.skipif(not possible(), reason="needs root, /dev/net/tun and iproute2")
def test_a_forgotten_connection_is_made_anew_though_nobody_has_anything_to_say(
    tmp_path: Path, pki: Pki
) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, CHAIN)
            cell = make(("127.0.0.1", r.broker.port), 1)
            try:
                await cell.start()
                where = {"host": cell.host, "port": cell.port}
                await r.run_gateway(
                    cell.command([]), profile="hourly", keepalive=KEEPALIVE, **where
                )
                await until(lambda: r.stored(one), 30)
                await asyncio.sleep(1.5 * KEEPALIVE)
                assert cell.meter.connections == 1, "an answered probe ends nothing"
                cell.meter.reset()
                cell.forget_connections()
                await until(lambda: cell.meter.connections == 1, KEEPALIVE + 60 + 60)
                lost = cell.meter.up.total()
                print(f"found out and connected again with {lost} bytes up")
            finally:
                await cell.stop()

    asyncio.run(scenario())
