"""The modem's interface watched, the probe beyond it, and ports opened in turn."""

import asyncio
import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.modem import doctor, path
from gateway.modem.opener import Opener
from gateway.modem.probe import Probe
from gateway.modem.service import Cellular
from tests.gateway.modem.test_find import plug

HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
DEFAULT = "{} 00000000 0103A8C0 {:04X} 0 0 700 00000000 0 0 0\n"
LOCAL = "wwan0 0103A8C0 00000000 0001 0 0 700 00FFFFFF 0 0 0\n"


def _host(
    root: Path, routes: str = "", six: str = "", resolv: str = "", state: str = "up"
) -> Path:
    net = root / "sys/class/net/wwan0"
    (net / "statistics").mkdir(parents=True, exist_ok=True)
    (net / "operstate").write_text(state + "\n")
    (net / "statistics/rx_bytes").write_text("1200\n")
    (net / "statistics/tx_bytes").write_text("800\n")
    (root / "proc/self/net").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/net/route").write_text(HEAD + routes)
    (root / "proc/self/net/ipv6_route").write_text(six)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/resolv.conf").write_text(resolv)
    return root


SIX = "0" * 32 + " 00 " + "0" * 32 + " 00 " + "f" * 32 + " 00000400 1 0 {:08x} {}\n"


@pytest.mark.parametrize(
    ("how", "works", "text"),
    [
        ({"state": "down"}, False, "is there but down"),
        ({"routes": LOCAL}, False, "is up, but no route leads out over it"),
        ({"routes": DEFAULT.format("eth0", 3)}, False, "no route leads out"),
        ({"routes": DEFAULT.format("wwan0", 2)}, False, "no route leads out"),
        ({"six": SIX.format(0x00200201, "wwan0")}, False, "no route leads out"),
        ({"routes": LOCAL + DEFAULT.format("wwan0", 3)}, False, "there is no name server"),
        (
            {"routes": DEFAULT.format("wwan0", 3), "resolv": "# x\nnameserver 10.0.0.1\n"},
            True,
            "leads out",
        ),
        ({"six": SIX.format(3, "wwan0"), "resolv": "nameserver ::1"}, True, "leads out"),
        ({"state": "unknown", "routes": "garbage\n\n"}, False, "no route leads out"),
    ],
)
def test_interface_in_plain_words(
    tmp_path: Path, how: dict[str, str], works: bool, text: str
) -> None:
    found = path.judge("wwan0", path.look("wwan0", _host(tmp_path, **how)))
    assert found.works is works and text in found.text and (works or found.remedy)


def test_no_interface_and_its_bytes(tmp_path: Path) -> None:
    assert "is not there" in path.judge("wwan1", path.look("wwan1", _host(tmp_path))).text
    way = path.look("wwan0", tmp_path)
    assert (way.received, way.sent) == (1200, 800)


def test_connections_go_over_the_interface_that_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        made = path.connect("127.0.0.1", port, 5.0, "lo")
        bound = made.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
        made.close()
        assert bound.rstrip(b"\0") == b"lo"
        with pytest.raises(OSError) as caught:
            path.connect("127.0.0.1", port, 5.0, "nowhere0")
        assert caught.value.errno == errno.ENODEV


def _probe(interface: str, *hosts: tuple[str, int]) -> tuple[Probe, list[float]]:
    now = [0.0]
    return Probe(hosts, interface, lambda: now[0]), now


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_what_is_refused_came_back_too() -> None:
    async def scenario() -> None:
        probe, _ = _probe("lo", ("127.0.0.1", _closed_port()))
        assert await probe.passes()

    asyncio.run(scenario())


def test_an_answer_holds_for_minutes_and_can_be_doubted() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            probe, now = _probe("", ("127.0.0.1", server.getsockname()[1]))
            assert await probe.passes()
        reached = []

        async def note(address: Any) -> bool:
            reached.append(address)
            return False

        probe._answers = note  # type: ignore[method-assign]
        now[0] = 299.0
        assert await probe.passes() and not reached
        probe.doubt()
        assert not await probe.passes() and len(reached) == 1
        now[0] = 700.0
        assert not await probe.passes() and len(reached) == 2

    asyncio.run(scenario())


def test_a_witness_tells_for_a_broker_that_is_away() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            witness = ("127.0.0.1", server.getsockname()[1])
            # names below .invalid are never resolved (RFC 2606)
            probe, _ = _probe("", ("broker.invalid", 8883), witness)
            assert await probe.passes()
        probe, _ = _probe("", ("broker.invalid", 8883))
        assert not await probe.passes() and not probe.names_resolve
        probe, _ = _probe("nowhere0", ("127.0.0.1", 1))
        assert not await probe.passes() and probe.names_resolve

    asyncio.run(scenario())


def test_ports_in_turn_after_one_that_is_deaf(tmp_path: Path) -> None:
    for number, interface in enumerate((0, 1, 2, 3)):
        device = plug(tmp_path, "2c7c:0125", f"ttyUSB{number}", interface)
    opened: list[str] = []
    opener = Opener(None, tmp_path, lambda node: opened.append(node.name))  # type: ignore[func-returns-value, arg-type, return-value]
    opener()
    opener()
    opener.deaf()
    opener()
    opener.deaf()
    opener()
    assert opened == ["ttyUSB2", "ttyUSB2", "ttyUSB3", "ttyUSB2"]
    assert opener.device == device
    with pytest.raises(FileNotFoundError):
        Opener(None, tmp_path / "none")()


def test_a_named_port_is_the_only_one(tmp_path: Path) -> None:
    device = plug(tmp_path, "2c7c:0125", "ttyUSB3", 2)
    opened: list[Path] = []
    named = tmp_path / "dev/ttyUSB3"
    opener = Opener(named, tmp_path, opened.append)  # type: ignore[arg-type]
    opener()
    opener.deaf()
    opener()
    assert opened == [named, named] and opener.device == device


def test_doctor_looks_without_opening(tmp_path: Path) -> None:
    def told(settings: config.Modem) -> list[tuple[str, bool | None]]:
        return [(one.text, one.works) for one in doctor.examine(settings, tmp_path)]

    assert told(config.Modem()) == [("no known modem on USB", False)]
    plug(tmp_path, "2c7c:0125", "ttyUSB3", 2)
    assert told(config.Modem())[0][1] is False, "no node in /dev"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/ttyUSB3").touch()
    assert told(config.Modem()) == [("is there and may be opened", True)]
    named = config.Modem(port=str(tmp_path / "none"), interface="wwan0")
    assert [works for _, works in told(named)] == [False, False]


def test_an_address_that_has_changed_ends_the_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = ("127.0.0.1", server.getsockname()[1])
        settings = config.Modem(interface="lo", port=str(tmp_path / "none"))
        modem = Cellular(settings, tmp_path, broker, Counters(), Clock())
        ended: list[str] = []
        modem.renew, modem.connected = ended.append, lambda: True
        with modem.dial(*broker, 5.0):
            asyncio.run(modem.keeper.once())
            assert ended == []
            # what the connection was made from is not what the interface has any more
            modem._address = "127.0.0.77"
            asyncio.run(modem.keeper.once())
        assert len(ended) == 1 and "another address" in ended[0]
    assert path.address("nowhere0") is None
