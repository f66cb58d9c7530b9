"""What hands, the battery and failing parts do to an emulated board."""

from abc import ABC, abstractmethod
from pathlib import Path

from sim.board import images
from sim.board.environment import Environment
from sim.clock import Clock


class Conditions(ABC):
    """A board's inputs and parts."""

    folder: Path
    _environment: Environment
    _time: Clock

    @abstractmethod
    def _send(self, *messages: bytes) -> None: ...

    def set_input(self, name: str, active: bool) -> int:
        """Make an input active or not; returns the true time (ns since 1970) of the edge.

        Raises KeyError for an unknown name.
        """
        messages = self._environment.set_input(name, active)
        now = self._time.now_ns
        self._send(*messages)
        return now

    def set_battery(self, millivolts: int) -> None:
        """Voltage of the cells; the pin sees it through the board's divider."""
        self._send(*self._environment.set_battery(millivolts))

    def rtc_present(self, present: bool) -> None:
        """Whether the DS3231 answers on the bus."""
        self._send(*self._environment.set_present("ds3231", present))

    def eeprom_present(self, present: bool) -> None:
        """Whether the AT24C32 answers on the bus."""
        self._send(*self._environment.set_present("at24c32", present))

    def rtc_set_offset(self, seconds: float) -> None:
        """Let the DS3231 jump: the world's clock (UTC) plus `seconds` from now on."""
        images.set_rtc_offset(self.folder, seconds)

    def rtc_offset(self) -> float:
        """Seconds by which the DS3231 is ahead of the world's clock."""
        return images.rtc_offset(self.folder)

    def rtc_stop_oscillator(self) -> None:
        """Set the DS3231's oscillator-stop flag."""
        images.stop_oscillator(self.folder)
