"""A modem's command port is found by USB id and interface number, whatever its ttyUSBn is."""

import asyncio
from pathlib import Path

import pytest

from gateway.modem.find import candidates
from gateway.modem.host import LinuxHost
from gateway.modem.profiles import by_model, by_usb, profiles
from gateway.modem.rungs import Rung
from sim.modem.quirks import KINDS


async def passes() -> bool | None:
    return None


def plug(root: Path, usb: str, name: str, interface: int, bus: str = "1-1") -> Path:
    """Make what the kernel shows of one serial port of a USB device."""
    device = root / "sys/devices/usb1" / bus
    part = device / f"{bus}:1.{interface}"
    tty = part / name
    tty.mkdir(parents=True)
    vendor, product = usb.split(":")
    (device / "idVendor").write_text(vendor + "\n")
    (device / "idProduct").write_text(product + "\n")
    (device / "busnum").write_text("1\n")
    (device / "devnum").write_text("7\n")
    (part / "bInterfaceNumber").write_text(f"{interface:02x}\n")
    link = root / "sys/class/tty" / name
    link.mkdir(parents=True)
    (link / "device").symlink_to(tty)
    return device


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generic"])
@pytest.mark.parametrize("order", [1, -1])
def test_found_by_interface_not_by_number(tmp_path: Path, kind: str, order: int) -> None:
    quirks = KINDS[kind]
    names = [f"ttyUSB{i}" for i in range(7)][::order]
    for interface, name in enumerate(names):
        plug(tmp_path, quirks.usb, name, interface)
    plug(tmp_path, "2e8a:0005", "ttyACM0", 0, "1-2")
    found = candidates(tmp_path)
    assert found[0].node == tmp_path / "dev" / names[quirks.at_interface]
    assert found[0].interface == quirks.at_interface
    assert {one.usb for one in found} == {quirks.usb}
    assert by_model(quirks.model) == found[0].profile == by_usb(quirks.usb)


def test_nothing_there_and_strangers(tmp_path: Path) -> None:
    assert candidates(tmp_path) == []
    plug(tmp_path, "0403:6001", "ttyUSB0", 0)
    plug(tmp_path, "2c7c:0125", "ttyUSB1", 0, "1-2")  # its diagnostic port
    assert candidates(tmp_path) == []


def test_profiles_are_sound() -> None:
    ids = [usb for kind in profiles().values() for usb in kind.usb]
    assert len(ids) == len(set(ids)), "one USB id, one kind"
    for kind in profiles().values():
        asked = [kind.iccid, kind.retries, kind.serving, kind.signal, kind.reset, *kind.setup]
        assert all(text.startswith("AT") for text in asked)
    assert by_model("Unheard-of 5000").name == "generic"
    assert by_usb("dead:beef") is None


def test_host_does_what_it_can_and_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        commands = {
            Rung.INTERFACE: ["touch", str(tmp_path / "renewed")],
            Rung.POWER: ["false"],
            Rung.REBOOT: [str(tmp_path / "no-such-program")],
        }
        host = LinuxHost(commands, lambda: None, passes, lambda: False, lambda: None, tmp_path)
        assert await host.do(Rung.INTERFACE) and (tmp_path / "renewed").exists()
        assert not await host.do(Rung.POWER)
        assert not await host.do(Rung.REBOOT)
        assert not await host.do(Rung.USB), "there is no modem"
        device = plug(tmp_path, "2c7c:0125", "ttyUSB0", 2)
        (tmp_path / "dev/bus/usb/001").mkdir(parents=True)
        (tmp_path / "dev/bus/usb/001/007").write_text("")
        host = LinuxHost({}, lambda: device, passes, lambda: False, lambda: None, tmp_path)
        assert not await host.do(Rung.USB), "a file takes no USB reset"
        assert Rung.POWER not in host.rungs and Rung.USB in host.rungs

    asyncio.run(scenario())


def test_usb_reset_is_asked_of_the_right_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    device = plug(tmp_path, "2c7c:0125", "ttyUSB0", 2)
    (tmp_path / "dev/bus/usb/001").mkdir(parents=True)
    (tmp_path / "dev/bus/usb/001/007").write_text("")
    monkeypatch.setattr("fcntl.ioctl", lambda fd, request, value: asked.append(request))

    async def scenario() -> None:
        host = LinuxHost({}, lambda: device, passes, lambda: False, lambda: None, tmp_path)
        assert await host.do(Rung.USB)

    asyncio.run(scenario())
    assert asked == [0x5514]
