"""Refuses a board that could not work: pins, chip functions, addresses, currents, run time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from hardware.board import Board
from hardware.chip import Chip, chips, headers
from hardware.parts import Battery

FUNCTIONS = ("pio", "pwm")
NEEDED_INPUTS = (
    "lid",
    *(f"beam{n}" for n in range(1, 5)),
    *(f"button{n}" for n in range(5)),
    "service",
)
NEEDED_OUTPUTS = ("ir_supply", "lights", "buzzer")
NEEDED_RAILS = ("usb", "vsys", "3v3")
MAX_VSYS = 5.5  # volts, Pico datasheet, section 2.2


def problems(board: Board) -> list[str]:
    """What is wrong with a board, one line each; nothing if it can be built."""
    chip = chips().get(board.chip)
    header = headers().get(board.header)
    if chip is None:
        return [f"chip: {board.chip!r} is unknown; known are: {', '.join(chips())}"]
    if header is None:
        return [f"header: {board.header!r} is unknown; known are: {', '.join(headers())}"]
    found = [*_needed(board), *_header(board, header), *_functions(board, chip)]
    found += [*_bus(board, chip), *_parts(board), *_rails(board)]
    # sums over rails and parts mean nothing before these are right
    return found or [*_currents(board), *_cells(board)]


def _needed(board: Board) -> Iterator[str]:
    for group, names in (("inputs", NEEDED_INPUTS), ("outputs", NEEDED_OUTPUTS)):
        for name in names:
            if name not in getattr(board, group):
                yield f"{group}.{name}: the dispenser needs it"
    if "battery" not in board.adc:
        yield "adc.battery: the dispenser needs it"
    for device in ("ds3231", "at24c32"):
        if device not in board.i2c.devices:
            yield f"i2c.devices.{device}: the dispenser needs it"


def _header(board: Board, header: list[int | str]) -> Iterator[str]:
    for name, pin in board.pins().items():
        if name not in board.internal and pin not in header:
            yield f"{name}: GPIO {pin} is not on the header"
        if name in board.internal and pin in header:
            yield f"internal.{name}: GPIO {pin} is on the header"


def _functions(board: Board, chip: Chip) -> Iterator[str]:
    for name, pin in board.adc.items():
        if pin not in chip.adc:
            yield f"adc.{name}: GPIO {pin} has no ADC; {_listed(chip.adc)} have"
    for name, function in board.functions.items():
        if function not in FUNCTIONS:
            yield f"functions.{name}: {function!r} is none of {', '.join(FUNCTIONS)}"
    pwm = [name for name, function in board.functions.items() if function == "pwm"]
    for one, other in combinations(pwm, 2):
        slices = [chip.slice(board.outputs[name]) for name in (one, other)]
        if slices[0] == slices[1]:
            yield f"functions: {one} and {other} share PWM slice {slices[0]}: one frequency only"
    for name, part in board.inputs.items():
        if part.active and not part.pull_up and not chip.pull_down_reliable:
            yield f"inputs.{name}: {chip.name} needs a pull-up or a resistor to ground of 8.2 kohm"


def _bus(board: Board, chip: Chip) -> Iterator[str]:
    bus = board.i2c
    if not 0 <= bus.id < len(chip.i2c_sda):
        yield f"i2c.id: {bus.id} is not one of 0-{len(chip.i2c_sda) - 1}"
    elif bus.sda not in chip.i2c_sda[bus.id]:
        yield f"i2c.sda: GPIO {bus.sda} is not SDA of bus {bus.id}"
    elif bus.scl != bus.sda + 1:
        yield f"i2c.scl: GPIO {bus.scl} is not SCL of bus {bus.id} beside GPIO {bus.sda}"
    if not 0 < bus.freq <= 400_000:  # fast mode, NXP UM10204, section 5.2; DS3231's limit
        yield f"i2c.freq: {bus.freq} is not within 1-400000 Hz"
    for one, other in combinations(bus.devices, 2):
        if bus.devices[one] == bus.devices[other]:
            yield f"i2c.devices: {one} and {other} share address {bus.devices[one]:#x}"


def _parts(board: Board) -> Iterator[str]:
    pins = board.pins()
    for reference, part in board.parts.items():
        for name in part.at:
            if name not in pins:
                yield f"parts.{reference}.at: {name!r} is nothing of the board"
        if part.count < 1:
            yield f"parts.{reference}.count: {part.count} is less than 1"
        if part.rail and part.rail not in board.rails:
            yield f"parts.{reference}.rail: {part.rail!r} is none of {', '.join(board.rails)}"
        if not part.rail and (part.peak_ma or part.battery_ma):
            yield f"parts.{reference}: it draws current and names no rail"
        if part.rail and not part.source:
            yield f"parts.{reference}.source: say where its currents come from"
    connected = {name for part in board.parts.values() for name in part.at}
    for name in pins.keys() - connected - board.internal.keys():
        yield f"{name}: no part is connected to it"


def peak_ma(board: Board, rail: str) -> float:
    """Return what a rail gives at most, with what the rails made of it take."""
    own = sum(part.peak_ma * part.count for part in board.parts.values() if part.rail == rail)
    volts = board.rails[rail].volts
    made = [
        peak_ma(board, name) * made.volts / volts / made.efficiency
        if made.efficiency < 1
        else peak_ma(board, name)
        for name, made in board.rails.items()
        if made.origin == rail
    ]
    return own + sum(made)


def _rails(board: Board) -> Iterator[str]:
    for name in NEEDED_RAILS:
        if name not in board.rails:
            yield f"rails.{name}: the dispenser needs it"
    above = set()
    for name, rail in board.rails.items():
        if rail.origin and rail.origin not in above:
            yield f"rails.{name}.origin: {rail.origin!r} is no rail named before it"
        if rail.volts <= 0 or not 0 < rail.efficiency <= 1:
            yield f"rails.{name}: volts must be above 0, efficiency within 0-1"
        above.add(name)


def _currents(board: Board) -> Iterator[str]:
    for name, rail in board.rails.items():
        peak = peak_ma(board, name)
        if peak > rail.limit_ma:
            yield f"rails.{name}: {peak:.0f} mA at most, it gives {rail.limit_ma:.0f} mA"


def battery_ma(board: Board) -> float:
    """Return the mean current out of the cells over a day unplugged, in mA."""
    cells = board.battery
    volts = cells.cells * cells.volts_mean - cells.diode_volts
    total = 0.0
    for part in board.parts.values():
        if part.rail in board.rails:
            rail = board.rails[part.rail]
            share = rail.volts / volts / rail.efficiency if rail.efficiency < 1 else 1.0
            total += part.battery_ma * part.count * share
    return total


def hours_on_battery(board: Board) -> float:
    """Return how long the cells last, in hours: usable charge by mean current."""
    return board.battery.mah * board.battery.usable / battery_ma(board)


def _cells(board: Board) -> Iterator[str]:
    cells = board.battery
    if cells.cells * cells.volts_mean <= cells.diode_volts or battery_ma(board) <= 0:
        yield "battery: cells and parts that draw from them must have volts and milliamperes"
        return
    full = cells.cells * cells.volts_full
    if full - cells.diode_volts > MAX_VSYS:
        yield f"battery: {full:.1f} V when fresh is too much for VSYS, {MAX_VSYS} V"
    if full - cells.diode_volts > board.rails["vsys"].volts:
        yield f"battery: {full:.1f} V when fresh would feed the board while it is plugged in"
    yield from _divider(board, cells)
    hours = hours_on_battery(board)
    if hours < cells.hours_needed:
        yield f"battery: {hours:.0f} h unplugged, {cells.hours_needed:.0f} h are needed"


def _divider(board: Board, cells: Battery) -> Iterator[str]:
    at_pin = cells.cells * cells.volts_full / board.dividers.get("battery", 1)
    if at_pin > board.rails["3v3"].volts:
        yield f"dividers.battery: {at_pin:.1f} V at the pin when fresh, 3.3 V at most"


def _listed(pins: list[int]) -> str:
    return ", ".join(str(pin) for pin in pins)
