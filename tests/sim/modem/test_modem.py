"""The simulated modem on the byte level: what it sends, and when, by clause of the standards."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sim.modem.modem import Modem
from sim.modem.quirks import KINDS
from tests.sim.modem.virtual import run


class Line:
    """A modem and all that it has sent since it was last asked for."""

    def __init__(self, kind: str = "ec25") -> None:
        self._sent = bytearray()
        self.usb: list[bool] = []
        self.modem = Modem(self._sent.extend, kind, on_usb=self.usb.append)

    def take(self) -> str:
        sent = self._sent.decode("latin-1")
        self._sent.clear()
        return sent

    async def started(self) -> "Line":
        self.modem.power_on()
        await asyncio.sleep(60)
        await self.ask("ATE0")
        return self

    async def ask(self, text: str, seconds: float = 5.0) -> str:
        self.take()
        self.modem.feed(text.encode() + b"\r")
        await asyncio.sleep(seconds)
        return self.take()


def scenario(play: Callable[[Line], Awaitable[None]], kind: str = "ec25") -> None:
    async def main() -> None:
        await play(await Line(kind).started())

    run(main())


def test_boot_registration_context_and_data() -> None:
    async def main() -> None:
        line = Line()
        modem = line.modem
        modem.power_on()
        await asyncio.sleep(6.0)
        assert line.usb == [True] and "\r\nRDY\r\n" in line.take() and not modem.passes
        await asyncio.sleep(1.0)
        modem.feed(b"AT\r")
        assert line.take() == "AT\r", "echo, but no answer before it has started"
        await asyncio.sleep(60)
        assert "+CEREG: 0,1" in await line.ask("AT+CEREG?")
        assert "ERROR" in await line.ask("AT+CGACT=1,1"), "no context was defined"
        await line.ask('AT+CGDCONT=1,"IP","iot.example"')
        assert "OK" in await line.ask("AT+CGACT=1,1") and modem.passes
        assert '+CGPADDR: 1,"10.64.3.17"' in await line.ask("AT+CGPADDR=1")

    run(main())


def test_echo_is_what_was_typed_and_can_be_switched_off() -> None:
    async def play(line: Line) -> None:
        await line.ask("ATE1")
        assert await line.ask("AT") == "AT\r\r\nOK\r\n"
        await line.ask("ATE0")
        assert await line.ask("AT") == "\r\nOK\r\n"
        await line.ask("AT+CFUN=1,1", 60.0)
        assert (await line.ask("AT")).startswith("AT\r"), "a restart brings echo back"

    scenario(play)


def test_answers_come_in_order() -> None:
    async def play(line: Line) -> None:
        line.modem.faults.delay_next_s = 4.0
        line.modem.feed(b"AT+CGMM\rAT+CGMI\r")
        await asyncio.sleep(10)
        sent = line.take()
        assert sent.index("EC25") < sent.index("OK") < sent.index("Quectel")

    scenario(play)


def test_a_wrong_pin_costs_a_try_and_the_third_blocks() -> None:
    async def main() -> None:
        line = Line()
        line.modem.card.pin = "2468"
        await line.started()
        await line.ask("AT+CMEE=1")
        assert "+CPIN: SIM PIN" in await line.ask("AT+CPIN?")
        assert '+QPINC: "SC",3,10' in await line.ask("AT+QPINC?")
        assert "+CME ERROR: 16" in await line.ask('AT+CPIN="0000"')
        assert "+CME ERROR: 16" in await line.ask('AT+CPIN="0000"')
        assert "+CME ERROR: 12" in await line.ask('AT+CPIN="0000"')
        assert "+CPIN: SIM PUK" in await line.ask("AT+CPIN?")
        assert line.modem.card.pin_tries == 0 and line.modem.pins_tried == ["0000"] * 3

    run(main())


@pytest.mark.parametrize(("cause", "tries"), [(11, 1), (15, 6)])
def test_a_refusal_names_its_cause_and_keeps_to_its_timer(cause: int, tries: int) -> None:
    async def main() -> None:
        line = Line()
        line.modem.network.denied = cause
        await line.started()
        await line.ask("AT+CEREG=3")
        assert f"+CEREG: 3,3,,,,0,{cause}" in await line.ask("AT+CEREG?")
        assert f'+CEER: "EMM cause",{cause}' in await line.ask("AT+CEER")
        await asyncio.sleep(3600)
        assert len(line.modem.network.attaches) == tries

    run(main())


def test_coverage_lost_and_found() -> None:
    async def play(line: Line) -> None:
        modem = line.modem
        await line.ask("AT+CEREG=1")
        modem.network.coverage = False
        modem.lose_network()
        assert "+CEREG: 2" in await line.ask("AT") or modem.stat == 2
        assert "+CSQ: 99,99" in await line.ask("AT+CSQ")
        await asyncio.sleep(600)
        modem.network.coverage = True
        await asyncio.sleep(60)
        assert "\r\n+CEREG: 1\r\n" in line.take()

    scenario(play)


def test_errors_by_cmee() -> None:
    async def play(line: Line) -> None:
        await line.ask("AT+CFUN=4")
        for mode, error in (
            (0, "\r\nERROR\r\n"),
            (1, "+CME ERROR: 30"),
            (2, "+CME ERROR: no network service"),
        ):
            await line.ask(f"AT+CMEE={mode}")
            assert error in await line.ask("AT+CGACT=1,1")

    scenario(play)


@pytest.mark.parametrize("kind", KINDS)
def test_the_makers_own_commands(kind: str) -> None:
    async def play(line: Line) -> None:
        quirks = KINDS[kind]
        assert line.modem.card.iccid in await line.ask(f"AT{quirks.iccid[0]}")
        assert "OK" in await line.ask(f"AT{quirks.retries[0]}")
        line.usb.clear()
        await line.ask(f"AT{quirks.reset}", 60.0)
        assert line.usb == [False, True] and line.modem.resets == 1

    scenario(play, kind)


def test_hang_dead_and_what_helps() -> None:
    async def play(line: Line) -> None:
        modem = line.modem
        modem.faults.hang = True
        assert await line.ask("AT") == ""
        modem.usb_reset()
        await asyncio.sleep(60)
        assert "OK" in await line.ask("AT")
        modem.faults.dead = True
        modem.usb_reset()
        await asyncio.sleep(60)
        assert await line.ask("AT") == ""
        modem.power_off()
        modem.power_on()
        await asyncio.sleep(60)
        assert "OK" in await line.ask("AT")

    scenario(play)


def test_the_same_seed_gives_the_same_bytes() -> None:
    def record() -> str:
        async def main() -> str:
            line = Line()
            line.modem.faults.noise, line.modem.faults.garbage = 0.5, 0.05
            line.modem.power_on()
            await asyncio.sleep(60)
            return "".join([await line.ask("AT+CSQ") for _ in range(20)])

        return run(main())

    assert record() == record()
