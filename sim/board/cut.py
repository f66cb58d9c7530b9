"""A power cut that is armed for a write or erase to come."""

from __future__ import annotations

from sim.board import control


class ArmedCut:
    """Counts along with the board, so that the cut holds over resets."""

    def __init__(self) -> None:
        self._operation = self._byte = 0
        self._echoed = False

    def arm(self, operation: int, byte: int) -> None:
        """Set it for the n-th operation (from 1) after `byte` bytes. Raises ValueError."""
        if operation < 1 or byte < 0:
            raise ValueError("operation counts from 1, byte from 0")
        self._operation, self._byte, self._echoed = operation, byte, False

    def disarm(self) -> None:
        """Forget it."""
        self._operation = self._byte = 0

    def message(self) -> bytes:
        """What tells a board, which echoes it."""
        return control.pack(control.CUT, 0, self._operation, self._byte)

    def echo(self, operation: int, byte: int) -> None:
        """The board counts from here on."""
        self._echoed = (operation, byte) == (self._operation, self._byte)

    def count(self) -> None:
        """An operation was done."""
        if self._echoed:
            self._operation = max(self._operation - 1, 0)
