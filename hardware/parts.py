"""What a board is built of: parts, supply rails and cells."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """One line of the bill of materials; `at` names what of the board it is connected to.

    `peak_ma` and `battery_ma` are of one piece: at most when plugged in, and the mean over a day
    unplugged. `source` says where they come from, `wire` how it is connected.
    """

    what: str
    model: str
    substitutes: list[str]
    count: int = 1
    at: list[str] = field(default_factory=list)
    rail: str = ""
    peak_ma: float = 0.0
    battery_ma: float = 0.0
    source: str = ""
    wire: str = ""
    note: str = ""


@dataclass(frozen=True)
class Rail:
    """A supply of `volts`, made out of rail `origin`, or coming from outside."""

    volts: float
    limit_ma: float
    origin: str = ""
    efficiency: float = 1.0


@dataclass(frozen=True)
class Battery:
    """Primary cells in series behind a diode; volts are of one cell, `mah` of the string."""

    cells: int
    size: str
    volts_full: float
    volts_mean: float
    diode_volts: float
    mah: float
    usable: float
    hours_needed: float
