"""The typed loader of board descriptions."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware import board

PICO = (board.BOARDS / "pico.toml").read_text()


def test_pico_is_read_as_its_file_says() -> None:
    raw = tomllib.loads(PICO)
    pico = board.load("pico")
    assert pico.flash.size == raw["flash"]["blocks"] * raw["flash"]["block_size"]
    assert {n: (i.pin, i.active, i.lit_by) for n, i in pico.inputs.items()} == {
        n: (t["pin"], t["active"], t.get("lit_by")) for n, t in raw["inputs"].items()
    }
    assert pico.i2c.devices == raw["i2c"]["devices"]
    assert len(set(pico.pins().values())) == len(pico.pins())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("blocks = 352", "blocks = 1", "flash.blocks: 1"),
        ("blocks = 352", 'blocks = "many"', "flash: "),
        ("block_size = 4096", "block_size = 4000", "flash.block_size: 4000"),
        ("[inputs.lid]", "[inputs.lid]\ncolour = 3", "inputs.lid.colour: unknown key"),
        ("pin = 3\n", "pin = 2\n", "beam1: pin 2 is already used by lid"),
        ("buzzer = 15", "buzzer = 30", "buzzer: pin 30 is not one of 0-29"),
        ("ir_supply = 7", "heater = 7", "inputs.beam1.lit_by: 'ir_supply' is not an output"),
        ("ds3231 = 0x68", "ds3231 = 0x80", "i2c.devices.ds3231: 0x80"),
        ("active = 1", "active = 2", "inputs.lid.active: 2"),
        ("active = 1", "", "inputs.lid: "),
        ("[flash]", "[flsh]", "flash: a table is needed"),
        ('chip = "RP2040"', "", "chip"),
        ('name = "pico"', "name = [", "not TOML"),
    ],
)
def test_a_wrong_description_names_file_and_key(old: str, new: str, expected: str) -> None:
    with pytest.raises(board.BoardError) as caught:
        board.parse(PICO.replace(old, new, 1), "pico.toml")
    assert str(caught.value).startswith("pico.toml: ")
    assert expected in str(caught.value)


def test_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(board.BoardError, match=r"'../pico' is unknown; known are: .*pico"):
        board.load("../pico")


@given(st.text() | st.integers(0, len(PICO)).map(lambda n: PICO[:n]))
def test_any_text_is_a_board_or_a_board_error(text: str) -> None:
    try:
        board.parse(text, "x.toml")
    except board.BoardError as error:
        assert str(error).startswith("x.toml: ")
