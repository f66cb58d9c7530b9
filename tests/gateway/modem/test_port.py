"""The port against the simulated modem: virtual time on a wire, and real time on a terminal."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from gateway.modem.at import Reply
from gateway.modem.parse import meaning
from gateway.modem.port import AtPort, DeafError
from gateway.modem.radio import Csq
from gateway.modem.registration import Reg
from gateway.serial_port import PortLostError, SerialPort
from sim.modem.pty import ModemPort
from sim.modem.quirks import KINDS
from tests.sim.modem.virtual import Wire, run


async def started(wire: Wire) -> AtPort:
    wire.modem.power_on()
    await asyncio.sleep(60)
    loop = asyncio.get_running_loop()
    port = AtPort(wire.open(), lambda line: None, loop.time)
    await port.command("ATE0")
    return port


def info(reply: Reply) -> tuple[str, ...]:
    assert reply.ok, reply
    return reply.info


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", [0, 1, 4])
def test_every_kind_answers(kind: str, chunk: int) -> None:
    async def scenario() -> None:
        wire = Wire(kind)
        wire.modem.faults.chunk = chunk
        port = await started(wire)
        assert info(await port.command("AT+CGMM")) == (KINDS[kind].model,)
        found = meaning(await port.command("AT+CEREG?"))
        assert isinstance(found, Reg) and found.packet_service_usable
        assert port.timeouts == 0

    run(scenario())


@pytest.mark.parametrize("seed", range(5))
def test_noise_inside_answers(seed: int) -> None:
    async def scenario() -> None:
        wire = Wire(seed=seed)
        port = await started(wire)
        wire.modem.faults.noise = 0.7
        wire.modem.faults.chunk = 3
        for _ in range(50):
            assert meaning(await port.command("AT+CSQ")) == Csq(18, None, -77)
            assert info(await port.command("AT+CGMI")) == ("Quectel",)

    run(scenario())


@pytest.mark.parametrize("delay", [3.5, 4.9, 5.1, 8.0, 11.0, 20.0])
def test_late_answers_are_never_taken_for_another(delay: float) -> None:
    async def scenario() -> None:
        wire = Wire()
        port = await started(wire)
        for i in range(20):
            wire.modem.network.rssi = i
            wire.modem.faults.delay_next_s = delay
            assert (await port.command("AT+CGMM")).final is None
            assert info(await port.command("AT+CSQ")) == (f"+CSQ: {i},99",)
        assert port.timeouts == 20

    run(scenario())


def test_residue_in_the_modems_input() -> None:
    async def scenario() -> None:
        wire = Wire()
        wire.modem.power_on()
        await asyncio.sleep(60)
        wire.modem.feed(b"+Q+")
        port = AtPort(wire.open(), lambda line: None, asyncio.get_running_loop().time)
        assert info(await port.command("AT+CGMM")) == ("EC25",)

    run(scenario())


def test_a_deaf_modem_is_told_and_found_again() -> None:
    async def scenario() -> None:
        wire = Wire()
        port = await started(wire)
        wire.modem.faults.hang = True
        assert (await port.command("AT+CSQ")).final is None
        with pytest.raises(DeafError):
            await port.command("AT+CSQ")
        wire.modem.faults.hang = False
        assert info(await port.command("AT+CSQ")) == ("+CSQ: 18,99",)

    run(scenario())


def test_echo_that_returns_with_a_reset() -> None:
    async def scenario() -> None:
        wire = Wire()
        port = await started(wire)
        assert (await port.command("AT+CFUN=1,1")).ok
        with pytest.raises(PortLostError):
            for _ in range(100):
                await port.listen(1.0)
        await asyncio.sleep(60)
        port = AtPort(wire.open(), lambda line: None, asyncio.get_running_loop().time)
        reply = await port.command("AT+CSQ")
        assert reply.echo == "AT+CSQ" and info(reply) == ("+CSQ: 18,99",)

    run(scenario())


@pytest.mark.parametrize("seed", range(3))
def test_garbage_on_the_line_never_makes_a_figure_up(seed: int) -> None:
    async def scenario() -> None:
        wire = Wire(seed=seed)
        port = await started(wire)
        wire.modem.faults.garbage = 0.02
        good = 0
        for _ in range(100):
            try:
                reply = await port.command("AT+CGMM", 1.0)
            except DeafError:
                continue
            good += reply.ok and reply.info == ("EC25",)
        assert good > 30
        wire.modem.faults.garbage = 0.0
        assert info(await port.command("AT+CGMM")) == ("EC25",)

    run(scenario())


def test_on_a_terminal(tmp_path: Path) -> None:
    urcs: list[str] = []

    async def scenario() -> None:
        side = ModemPort(tmp_path / "modem", "generic")
        side.modem.quirks = dataclasses.replace(KINDS["generic"], boot_s=0.05)
        side.modem.network.attach_s = 0.05
        side.modem.faults.chunk = 2
        side.modem.power_on()
        while not (side.modem.ready and side.modem.present):
            await asyncio.sleep(0.01)
        serial = SerialPort(tmp_path / "modem")
        loop = asyncio.get_running_loop()
        port = AtPort(serial, urcs.append, loop.time, quiet=0.05)
        assert info(await port.command("ATE0")) == ()
        assert info(await port.command("AT+CEREG=1")) == ()
        while not any(line.startswith("+CEREG: 1") for line in urcs):
            await port.listen(1.0)
        assert info(await port.command("AT+CGMM")) == ("M1",)
        side.modem.reset()
        with pytest.raises(PortLostError):
            await port.listen(5.0)
        serial.close()
        side.close()
        assert not (tmp_path / "modem").is_symlink()

    asyncio.run(scenario())
