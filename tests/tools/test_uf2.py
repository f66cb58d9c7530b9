"""BOOTSEL mode: an image is checked before a byte goes to the drive."""

import hashlib
import struct

import pytest
from typer.testing import CliRunner

from tools import uf2
from tools.app import app
from tools.exits import Exit, ToolError

RP2040 = 0xE48BFF56  # UF2 specification, list of families


def block(number, count, family=RP2040):
    # Microsoft, UF2 specification: 32 bytes of head, 476 of data, magic number at the end
    head = struct.pack(
        "<8I",
        0x0A324655,
        0x9E5D5157,
        0x2000,
        0x10000000 + 256 * number,
        256,
        number,
        count,
        family,
    )
    return head + bytes(476) + struct.pack("<I", 0x0AB16F30)


IMAGE = block(0, 2) + block(1, 2)


@pytest.fixture
def drive(tmp_path):
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nBoard-ID: RPI-RP2\n")
    return folder


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "pico.uf2"
    path.write_bytes(IMAGE)
    return path


def flash(*words):
    return CliRunner().invoke(app, ["flash", *map(str, words)])


def test_a_good_image_is_written(drive, image):
    done = flash("--uf2", image, "--sha256", hashlib.sha256(IMAGE).hexdigest(), "--drive", drive)
    assert done.exit_code == 0, done.output
    assert (drive / "pico.uf2").read_bytes() == IMAGE
    assert "next: dosewire flash" in done.output


def test_the_sum_may_stand_beside_it(drive, image):
    image.with_name("pico.uf2.sha256").write_text(hashlib.sha256(IMAGE).hexdigest() + "  pico.uf2")
    assert flash("--uf2", image, "--drive", drive).exit_code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "nothing to check it against"), (["--sha256", "00" * 32], "SHA-256 is not")],
)
def test_without_the_right_sum_nothing_is_written(drive, image, words, says):
    done = flash("--uf2", image, "--drive", drive, *words)
    assert done.exit_code == Exit.BOOTSEL
    assert says in done.stderr and done.stderr.count("\n") == 1
    assert [path.name for path in drive.iterdir()] == ["INFO_UF2.TXT"]


@pytest.mark.parametrize(
    "data",
    [
        b"", IMAGE[:-1], block(0, 2), block(1, 2) + block(0, 2), b"x" * 512,
        block(0, 2) + block(1, 2, 0xE48BFF59),
    ],
)  # fmt: skip
def test_what_is_no_image_for_this_chip_is_refused(data):
    with pytest.raises(ToolError) as refused:
        uf2.check(data)
    assert refused.value.exit == Exit.BOOTSEL


def test_no_drive_says_what_to_do(tmp_path, image, monkeypatch):
    monkeypatch.setattr(uf2, "_mounts", list)
    done = flash("--uf2", image)
    assert done.exit_code == Exit.BOOTSEL
    assert "--uf2 FILE" in done.stderr
    assert flash("--uf2", image, "--drive", tmp_path).exit_code == Exit.BOOTSEL


def test_a_board_in_bootsel_mode_is_told_when_no_port_is_there(tmp_path, monkeypatch):
    from tools import port as ports

    monkeypatch.setattr(ports.list_ports, "comports", list)
    monkeypatch.setattr(uf2, "_mounts", list)
    monkeypatch.setattr(uf2, "waiting", lambda: False)
    assert flash("--yes").exit_code == Exit.NO_DEVICE
    monkeypatch.setattr(uf2, "waiting", lambda: True)
    done = flash("--yes")
    assert done.exit_code == Exit.BOOTSEL
    assert "BOOTSEL" in done.stderr


def test_usb_says_who_waits(tmp_path):
    device = tmp_path / "1-1"
    device.mkdir()
    (device / "idVendor").write_text("2e8a\n")
    (device / "idProduct").write_text("0005\n")
    assert not uf2.waiting(tmp_path)
    (device / "idProduct").write_text("0003\n")
    assert uf2.waiting(tmp_path)
