"""What is made from a board says what the board says, and the same each time."""

import csv
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from hardware import board, front, generate, pinmap, tables, wiring
from hardware.chip import chips

ROOT = Path(__file__).parent.parent.parent
PICO = board.load("pico")
SVG = "{http://www.w3.org/2000/svg}"


def test_all_that_is_made_is_current_and_the_same_twice() -> None:
    assert generate.main(["--check"]) == 0
    assert generate.files(PICO) == generate.files(board.load("pico"))


def test_a_stale_pin_map_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(board.BOARDS, tmp_path / "boards")
    text = (tmp_path / "boards" / "pico.toml").read_text()
    (tmp_path / "boards" / "pico.toml").write_text(text.replace("lights = 14 ", "lights = 18 "))
    monkeypatch.setattr(board, "BOARDS", tmp_path / "boards")
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert "firmware/dispenser/pins.py is stale: run `make generate`" in told
    assert "hardware/made/pico2/wiring.svg is stale: run `make generate`" in told


def test_a_board_that_cannot_be_built_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(board.BOARDS, tmp_path / "boards")
    (tmp_path / "boards" / "mine.toml").write_text('like = "pico"\nname = "mine"\nchip = "Z80"\n')
    monkeypatch.setattr(board, "BOARDS", tmp_path / "boards")
    monkeypatch.setattr(generate, "_write", lambda texts: pytest.fail("wrote"))
    assert generate.main([]) == 1
    assert "mine.toml: chip: 'Z80' is unknown" in capsys.readouterr().err


def test_the_bill_counts_what_the_board_needs() -> None:
    rows = list(csv.DictReader(tables.bill(PICO).splitlines()))
    count = {row["reference"]: int(row["quantity"]) for row in rows}
    lines = {name for row in rows for name in row["connected to"].split()}
    assert count["S2"] == 5 and count["D1"] == count["Q1"] == count["R1"] == 4
    # one series resistor and one capacitor an input that is no beam; the buzzer has a resistor
    switches = [name for name in PICO.inputs if not name.startswith("beam")]
    assert count["C1"] == len(switches) and count["R5"] == len(switches) + 1
    assert lines == set(PICO.pins()) - set(PICO.internal)
    assert sum("substitutes" in row and bool(row["substitutes"]) for row in rows) >= 14


def test_the_pin_table_has_seventeen_pins_used_of_twenty_six() -> None:
    text = tables.pins(PICO)
    assert "17 pins used, 9 free." in text
    assert "| 4 | GP2 | lid | high | yes | 50 ms | S1 |" in text
    assert "| 10 | GP7 | ir_supply | | | | D1 Q5 |" in text


@pytest.mark.parametrize("name", board.names())
def test_the_diagram_names_every_pin_and_what_is_at_it(name: str) -> None:
    one = board.load(name)
    words = [e.text for e in ET.fromstring(wiring.diagram(one)).iter(f"{SVG}text")]
    said = " ".join(" ".join(e.itertext()) for e in ET.fromstring(wiring.diagram(one)).iter())
    assert words is not None
    for used, pin in one.pins().items():
        if used not in one.internal:
            assert re.search(rf"\bGP{pin}\b", said), pin
            assert used in said, used


def test_the_front_plate_keeps_its_sizes() -> None:
    root = ET.fromstring(front.plate())
    assert root.get("width") == "210mm"
    assert float(root.get("font-size", "0")) >= 16 * 25.4 / 72  # 16 pt in mm
    buttons = [c for c in root.iter(f"{SVG}circle") if float(c.get("r", "0")) > 7]
    assert len(buttons) == 5 and all(2 * float(c.get("r", "0")) >= 15 for c in buttons)
    raised = [c.get("cx") for c in root.iter(f"{SVG}circle") if c.get("class") == "raised"]
    assert raised == [buttons[0].get("cx"), buttons[4].get("cx")]


def test_boot_and_main_name_the_watchdog_and_the_service_button_of_the_boards() -> None:
    boot, main = ((ROOT / "firmware" / name).read_text() for name in ("boot.py", "main.py"))
    bases = re.search(r"WATCHDOG = (0x\w+) if \"RP2350\" .* else (0x\w+)", boot)
    assert bases is not None
    assert [int(base, 16) for base in bases.groups()] == [
        chips()["RP2350"].watchdog,
        chips()["RP2040"].watchdog,
    ]
    assert {board.load(n).inputs["service"].pin for n in board.names()} == {
        int(pin) for pin in re.findall(r"Pin\((\d+), Pin\.IN", main)
    }


def test_the_other_board_has_its_own_registers() -> None:
    text = pinmap.generate(board.load("pico2"))
    assert 'BOARD = "pico2"' in text and "SCRATCH0 = const(0x400d800c)" in text
    assert "SCRATCH0 = const(0x4005800c)" in pinmap.generate(PICO)
