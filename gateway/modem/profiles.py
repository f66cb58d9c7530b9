"""Kinds of modems, read from profiles.toml: which ports take commands, and vendors' commands."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import msgspec


class Ecm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the module is made a network card: `mode` is the right answer to `ask`."""

    ask: str
    mode: int
    set: str


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind; usb maps vendor:product to interface numbers, best first; boot in seconds."""

    name: str
    usb: dict[str, list[int]]
    iccid: str
    retries: str
    serving: str
    signal: str
    reset: str
    boot: float
    setup: list[str]
    reset_low_ms: tuple[int, int]
    ecm: Ecm | None = None


@cache
def profiles() -> dict[str, Profile]:
    """Return every kind by name; "generic" gives the others what they leave out."""
    text = resources.files("gateway.modem").joinpath("profiles.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    base = tables["generic"]
    made = {name: {"name": name, **base, **table} for name, table in tables.items()}
    return {name: msgspec.convert(table, Profile) for name, table in made.items()}


def by_usb(usb: str) -> Profile | None:
    """Return the kind of a vendor:product id, None if it is no known modem."""
    return next((kind for kind in profiles().values() if usb in kind.usb), None)


# What the modem itself says: 27.007 clauses 5.1 (+CGMI) and 5.2 (+CGMM).
_BY_MODEL = (
    ("EC2", "quectel-ec25"),
    ("EG2", "quectel-ec25"),
    ("EG9", "quectel-ec25"),
    ("BG9", "quectel-bg95"),
    ("SIM7600", "simcom-sim7600"),
    ("A76", "simcom-a76xx"),
    ("LARA-R6", "ublox-lara-r6"),
    ("SARA", "ublox-sara"),
    ("LE910", "telit-le910"),
)


def by_model(model: str) -> Profile:
    """Return the kind of a model as it names itself, generic if it is not known."""
    plain = model.upper().removeprefix("SIMCOM_")
    names = (name for begin, name in _BY_MODEL if plain.startswith(begin))
    return profiles()[next(names, "generic")]
