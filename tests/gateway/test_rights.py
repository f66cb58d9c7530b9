"""What the broker forbids a gateway, seen from the gateway: told, kept, and delivered later."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from gateway import status
from sim.broker import Broker
from sim.certificates import Pki, make_pki
from tests.support.chains import plain_chain
from tests.support.gateway import GATEWAY, Rig, rig, until

EPOCH = 0xAC1
pytestmark = pytest.mark.slow


class Rights:
    """The broker's list of rights, changed under way: it reads it again on SIGHUP."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self._broker = broker
        self._file = folder / "mosquitto.acl"
        self._good = self._file.read_text()

    def change(self, old: str, new: str) -> None:
        """Replace a line."""
        assert old in self._good
        self._write(self._good.replace(old, new))

    def restore(self) -> None:
        """Allow everything that is meant to be allowed."""
        self._write(self._good)

    def _write(self, text: str) -> None:
        self._file.write_text(text)
        assert self._broker.pid is not None
        os.kill(self._broker.pid, signal.SIGHUP)


async def _uplink_says(r: Rig, text: str) -> None:
    async with asyncio.timeout(60):
        while True:
            state = await asyncio.to_thread(status.ask, r.folder / "data")
            found = next(f for f in state["findings"] if f["part"] == "uplink")
            if text in found["text"]:
                assert found["works"] is False and found["remedy"]
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("right", "says"),
    [
        ("pattern write rtm/v1/%u/up/#", "does not take anything"),
        ("pattern read rtm/v1/%u/dn/#", "answers no question"),
    ],
)
def test_a_right_taken_away_and_given_back(
    tmp_path: Path, pki: Pki, right: str, says: str
) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(60)
            one = r.dispenser(1, EPOCH, chain[:20])
            await r.run_gateway(confirm_timeout=0.5, watermark_interval=0)
            await until(lambda: r.stored(one))
            rights = Rights(r.broker, r.folder)
            rights.change(right, "")
            one.add(*chain[20:])
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 60)
            await _uplink_says(r, says)
            rights.restore()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_a_gateway_under_anothers_name_publishes_nothing_and_disturbs_nobody(
    tmp_path: Path,
) -> None:
    pki = make_pki(tmp_path / "own", [GATEWAY, "gw-2"])

    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(60)
            one = r.dispenser(1, EPOCH, chain[:20])
            await r.run_gateway()
            await until(lambda: r.stored(one))
            # its configuration names the other one, its certificate tells who it is
            other = Rig(tmp_path / "b", pki, GATEWAY)
            other.folder.mkdir()
            other.broker, other.backend = r.broker, r.backend
            two = other.dispenser(2, EPOCH, plain_chain(30))
            own = pki.gateways["gw-2"]
            try:
                await other.run_gateway(cert=str(own.cert), key=str(own.key))
                await until(lambda: len(other.spooled((two.id, EPOCH))) == 30)
                await _uplink_says(other, "does not take anything")
            finally:
                await other.end_gateway()
                two.unplug()
            assert two.id not in r.backend.hellos
            assert (two.id, EPOCH) not in r.backend.stored
            assert two.watermarks == []
            one.add(*chain[20:])
            await until(lambda: r.stored(one))
            await r.end_gateway()
            assert r.counters()["connects"] == 1, "thrown off"
            # put right: what it read meanwhile is delivered
            other.gateway = "gw-2"
            two.plug()
            await other.run_gateway()
            try:
                await until(lambda: r.backend.next((two.id, EPOCH)) == 30)
            finally:
                await other.end_gateway()

    asyncio.run(scenario())
