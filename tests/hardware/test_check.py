"""Boards that could not work are refused, each for its reason."""

import pytest

from hardware import board, check
from hardware.board import Board

PICO = (board.BOARDS / "pico.toml").read_text()


def parsed(old: str, new: str, text: str = PICO) -> Board:
    assert old in text
    return board.parse(text.replace(old, new, 1), "pico.toml")


@pytest.mark.parametrize("name", ["pico", "pico2"])
def test_our_boards_can_be_built(name: str) -> None:
    assert check.problems(board.load(name)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('chip = "RP2040"', 'chip = "RP2041"', "chip: 'RP2041' is unknown; known are: RP2040"),
        ('header = "pico"', 'header = "zero"', "header: 'zero' is unknown"),
        ("[inputs.service]", "[inputs.bell]", "inputs.service: the dispenser needs it"),
        ("battery = 26", "battery = 22", "adc.battery: GPIO 22 has no ADC; 26, 27, 28, 29 have"),
        ("lights = 14 ", "lights = 23 ", "lights: GPIO 23 is not on the header"),
        ("vbus_sense = 24", "vbus_sense = 22", "internal.vbus_sense: GPIO 22 is on the header"),
        ('lights = "pio"', 'lights = "pwm"', "lights and buzzer share PWM slice 7"),
        ('lights = "pio"', 'lights = "dma"', "functions.lights: 'dma' is none of pio, pwm"),
        ("sda = 16", "sda = 18", "i2c.sda: GPIO 18 is not SDA of bus 0"),
        ("scl = 17", "scl = 19", "i2c.scl: GPIO 19 is not SCL of bus 0 beside GPIO 16"),
        ("id = 0", "id = 2", "i2c.id: 2 is not one of 0-1"),
        ("freq = 400000", "freq = 1000000", "i2c.freq: 1000000"),
        ("at24c32 = 0x57", "at24c32 = 0x68", "ds3231 and at24c32 share address 0x68"),
        ('at = ["lid"]', 'at = ["door"]', "parts.S1.at: 'door' is nothing of the board"),
        ('at = ["lid"]', "at = []", "lid: no part is connected to it"),
        ("count = 5", "count = 0", "parts.S2.count: 0"),
        ('rail = "vsys"', 'rail = "12v"', "parts.U3.rail: '12v' is none of usb, vsys, 3v3"),
        ('source = "its datasheet, at 3 V"', "", "parts.BZ1.source: say where"),
        ("[rails.vsys]", "[rails.vbat]", "rails.vsys: the dispenser needs it"),
        ('origin = "vsys"', 'origin = "3v3"', "rails.3v3.origin: '3v3' is no rail named before"),
        ("efficiency = 0.85", "efficiency = 0", "rails.3v3: volts must be above 0"),
        ("peak_ma = 120", "peak_ma = 480", "rails.usb: 600 mA at most, it gives 500 mA"),
        ("peak_ma = 95", "peak_ma = 300", "rails.3v3: 349 mA at most, it gives 300 mA"),
        ("battery_ma = 25", "battery_ma = 90", "72 h are needed"),
        ("cells = 3", "cells = 4", "battery: 6.4 V when fresh is too much for VSYS"),
        ("volts_full = 1.6", "volts_full = 1.8", "would feed the board while it is plugged in"),
        ("volts_mean = 1.2", "volts_mean = 0", "battery: cells and parts"),
    ],
)
def test_a_board_that_cannot_work_is_refused(old: str, new: str, expected: str) -> None:
    try:
        found = check.problems(parsed(old, new))
    except board.BoardError as error:
        found = [str(error)]
    assert any(expected in problem for problem in found), found


def test_cells_in_full_at_the_pin_are_refused() -> None:
    split = parsed("battery = 2\n", "battery = 1\n")
    assert check.problems(split) == [
        "dividers.battery: 4.8 V at the pin when fresh, 3.3 V at most"
    ]


def test_the_erratum_of_the_other_chip_is_known() -> None:
    pulled = parsed("active = 1\npull_up = true", "active = 1\npull_up = false")
    assert check.problems(pulled) == []
    other = parsed('chip = "RP2040"', 'chip = "RP2350"', PICO)
    assert check.problems(other) == []
    text = PICO.replace("active = 1\npull_up = true", "active = 1\npull_up = false", 1)
    assert check.problems(parsed('chip = "RP2040"', 'chip = "RP2350"', text)) == [
        "inputs.lid: RP2350 needs a pull-up or a resistor to ground of 8.2 kohm"
    ]


def test_run_time_is_charge_by_current() -> None:
    pico = board.load("pico")
    # by hand: 3v3 rail 25 + 0.3 + 4 x 0.1 + 0.01 mA, at 3.3 V out of 3.3 V by 0.85; vsys 5.51
    by_hand = (25 + 0.3 + 0.4 + 0.01) / 0.85 + 5.51
    assert check.battery_ma(pico) == pytest.approx(by_hand)
    assert check.hours_on_battery(pico) == pytest.approx(6500 * 0.8 / by_hand)
    assert check.hours_on_battery(pico) >= 72
