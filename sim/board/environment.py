"""What surrounds a board: inputs, battery, USB voltage, chips that answer; as control messages."""

from __future__ import annotations

from hardware.board import Board
from sim.board import control

ADC_FULL_MV = 3300


class Environment:
    """Keeps what is true now; each change returns the messages that tell a running board."""

    def __init__(self, hardware: Board) -> None:
        self._hardware = hardware
        self._active = dict.fromkeys(hardware.inputs, False)
        self._present = dict.fromkeys(hardware.i2c.devices, True)
        self._battery_mv = 4500
        self._plugged = True

    def all(self) -> list[bytes]:
        """Everything, for a board that starts."""
        inputs = [self._input(name) for name in self._active]
        chips = [self._chip(name) for name in self._present]
        return [*inputs, *chips, self._battery(), *self._vbus()]

    def set_input(self, name: str, active: bool) -> list[bytes]:
        """Make an input active or not. Raises KeyError for an unknown name."""
        if name not in self._active:
            raise KeyError(name)
        self._active[name] = active
        return [self._input(name)]

    def set_present(self, chip: str, present: bool) -> list[bytes]:
        """Let a chip answer or not."""
        self._present[chip] = present
        return [self._chip(chip)]

    def set_battery(self, millivolts: int) -> list[bytes]:
        """Set the voltage of the cells."""
        self._battery_mv = millivolts
        return [self._battery()]

    def set_plugged(self, plugged: bool) -> list[bytes]:
        """Put voltage on USB or not."""
        self._plugged = plugged
        return self._vbus()

    def _input(self, name: str) -> bytes:
        pin = self._hardware.inputs[name].pin
        return control.pack(control.INPUT, pin, int(self._active[name]))

    def _chip(self, name: str) -> bytes:
        address = self._hardware.i2c.devices[name]
        return control.pack(control.PRESENT, address, int(self._present[name]))

    def _battery(self) -> bytes:
        at_pin = self._battery_mv / self._hardware.dividers.get("battery", 1)
        reading = min(max(round(at_pin * 65535 / ADC_FULL_MV), 0), 65535)
        return control.pack(control.ANALOG, self._hardware.adc["battery"], reading)

    def _vbus(self) -> list[bytes]:
        pin = self._hardware.internal.get("vbus_sense")
        return [] if pin is None else [control.pack(control.INPUT, pin, int(self._plugged))]
