"""What a modem's keeping has come to, in figures: attach times, signal, rungs; no I/O."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from gateway.modem.rungs import Rung
from gateway.modem.supervisor import Fault, Order, Seen

# <AcT>, TS 27.007 clause 7.3; makers of LTE-M modules give 8 for LTE-M
TECHNOLOGIES = {
    **dict.fromkeys((0, 1), "GSM"),
    3: "EGPRS",
    **dict.fromkeys((2, 4, 5, 6), "UMTS"),
    7: "LTE",
    8: "LTE-M or EC-GSM-IoT",
    9: "NB-IoT",
    10: "LTE",
    **dict.fromkeys((11, 12), "NR"),
    13: "LTE and NR",
    14: "NB-IoT by satellite",
    15: "LTE by satellite",
}
_DBM = ("rsrp_dbm", "dbm", "rssi_dbm", "rsrp")
_WELL = (Fault.NONE, Fault.SERVER)


class Figures:
    """Fed with each look and what followed; times are seconds of one clock, whichever."""

    def __init__(self) -> None:
        self.rungs: Counter[str] = Counter()
        self.attach_seconds: float | None = None
        self.recovery_seconds: float | None = None
        self.was_well = False
        self._searching_since: float | None = None
        self.ill_since: float | None = None

    def note(self, now: float, seen: Seen, order: Order) -> None:
        """Take a look and the order that followed from it."""
        if order.rung is not None and order.rung > Rung.DIAGNOSE:
            self.rungs[order.rung.name.lower()] += 1
        if seen.serving:
            self.attach_seconds = _took(self._searching_since, now, self.attach_seconds)
            self._searching_since = None
        elif self._searching_since is None:
            self._searching_since = now
        if order.fault in _WELL:
            self.was_well = True
            self.recovery_seconds = _took(self.ill_since, now, self.recovery_seconds)
            self.ill_since = None
        elif self.ill_since is None:
            self.ill_since = now


def _took(since: float | None, now: float, before: float | None) -> float | None:
    return before if since is None else now - since


def signal_dbm(facts: Mapping[str, object]) -> float | None:
    """Return the signal's strength in dBm: LTE's RSRP if it is told, else the RSSI."""
    signal = facts.get("signal")
    if not isinstance(signal, dict):
        return None
    found = (signal.get(name) for name in _DBM)
    return next((float(dbm) for dbm in found if isinstance(dbm, int | float)), None)


def technology(facts: Mapping[str, object]) -> str | None:
    """Return the radio technology's name, None if it is not known."""
    act = facts.get("technology")
    return TECHNOLOGIES.get(act) if isinstance(act, int) else None


def shared(facts: Mapping[str, object]) -> dict[str, Any]:
    """Return what may leave the gateway: no number of SIM, module or cell."""
    found = {"technology": technology(facts), "signal_dbm": signal_dbm(facts)}
    return {name: value for name, value in found.items() if value is not None}
