"""Faults by name: each is a switch that breaks a part, heals it, and says what came of it."""

from collections.abc import Iterable

from sim.faults.base import Fault, FaultError
from sim.faults.board import BOARD
from sim.faults.cellular import CELLULAR, OfCell
from sim.faults.certificates import CERTIFICATES
from sim.faults.disk import DISK
from sim.faults.gateway import GATEWAY
from sim.faults.modem import MODEM, OfModem
from sim.faults.server import SERVER
from sim.faults.slow import SLOW

__all__ = ["FAULTS", "Fault", "FaultError", "make", "needs", "of_cell", "of_modem"]

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (*BOARD, *GATEWAY, *DISK, *CERTIFICATES, *CELLULAR, *MODEM, *SERVER, *SLOW)
}


def needs(name: str) -> frozenset[str]:
    """Return what a fault needs of board target and machine, nothing if there is no such fault."""
    return FAULTS[name].needs if name in FAULTS else frozenset()


def of_cell(names: Iterable[str]) -> bool:
    """Tell whether one of these faults needs a world with a cell."""
    return any(issubclass(FAULTS[name], OfCell) for name in names if name in FAULTS)


def of_modem(names: Iterable[str]) -> bool:
    """Tell whether one of these faults needs a world with a modem."""
    return any(issubclass(FAULTS[name], OfModem) for name in names if name in FAULTS)


def make(name: str, target: str = "", seed: int = 0) -> Fault:
    """Return a fault by name; `target` is a part's name, "" for the first it fits.

    Raises FaultError that names those there are.
    """
    if name not in FAULTS:
        raise FaultError(f"no fault {name!r}, only {', '.join(sorted(FAULTS))}")
    return FAULTS[name](target, seed)
