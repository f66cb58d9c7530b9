"""A scenario as a file: what the console records, and anybody may write.

TOML with the keys `name`, `story`, `days`, `diary`, and where they differ from the usual
`dispensers`, `gateways`, `patients`, `begins`, `seed`, `cell`, `modem`.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sim import patients, techs
from sim.actions import Action, DiaryError
from sim.faults import FAULTS
from sim.scenario import Scenario


class ScenarioFileError(ValueError):
    """A file that is no scenario; says where and what is allowed."""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    story: str
    days: float
    diary: str = ""
    dispensers: list[str] = msgspec.field(default_factory=lambda: ["d1"])
    gateways: list[str] = msgspec.field(default_factory=lambda: ["gw-1"])
    patients: dict[str, str] = msgspec.field(default_factory=dict)
    begins: str = "2026-09-07"
    seed: int = 1
    cell: bool = False
    modem: bool = False


def load(path: Path) -> Scenario:
    """Return the scenario of a file. Raises ScenarioFileError."""
    try:
        told = msgspec.toml.decode(path.read_bytes(), type=_Written)
        scenario = Scenario(**{name: getattr(told, name) for name in _Written.__struct_fields__})
        _check(scenario)
    except OSError as error:
        raise ScenarioFileError(f"{path}: {error.strerror}") from error
    except RecursionError:
        raise ScenarioFileError(f"{path}: nested too deeply") from None
    except msgspec.ValidationError as error:
        known = ", ".join(_Written.__struct_fields__)
        raise ScenarioFileError(f"{path}: {error}; a scenario has the keys {known}") from error
    except (msgspec.MsgspecError, DiaryError, ValueError, OverflowError) as error:
        raise ScenarioFileError(f"{path}: {error}") from error
    return scenario


def _check(scenario: Scenario) -> None:
    if not 0 <= scenario.days < math.inf:
        raise ValueError(f"days = {scenario.days}: not a number of days")
    for what, names in (("dispensers", scenario.dispensers), ("gateways", scenario.gateways)):
        if not names or len(set(names)) < len(names):
            raise ValueError(f"{what}: names them, each once")
    for model in scenario.patients.values():
        _known("patient", model, patients.MODELS)
    for dispenser in scenario.patients:
        _known("dispenser", dispenser, scenario.dispensers)
    _ = scenario.start_ns
    broken: set[tuple[str, ...]] = set()
    for action in scenario.actions(scenario.seed):
        _check_action(action, scenario, broken)


def _check_action(action: Action, scenario: Scenario, broken: set[tuple[str, ...]]) -> None:
    if action.dispenser:
        _known("dispenser", action.dispenser, scenario.dispensers)
        return
    word, name, *rest = action.words
    part = rest[0] if rest and rest[0] != "for" else ""
    if word == "tech":
        _known("tech", name, techs.DEEDS)
        _known("dispenser", part or scenario.dispensers[0], scenario.dispensers)
        return
    _known("fault", name, FAULTS)
    parts = FAULTS[name].parts(scenario.dispensers, scenario.gateways)
    if part:
        _known(f"part that {name} hits", part, parts)
    if word == "heal" and (name, part) not in broken:
        named = " ".join((name, part)).strip()
        raise ValueError(f"heal {named}: no `fault {named}` strikes before it")
    broken.add((name, part))


def _known(what: str, name: str, names: Iterable[str]) -> None:
    if name not in (found := list(names)):
        near = difflib.get_close_matches(name, found, 1)
        told = f"; did you mean {near[0]}?" if near else f", only {', '.join(found)}"
        raise ValueError(f"no {what} {name!r}{told}")


def dump(scenario: Scenario) -> str:
    """Return the text of a scenario's file; what it expects is not in it."""
    # JSON's strings, numbers and lists are TOML's
    heads = [
        f"{name} = {_value(value)}"
        for name, value in (
            ("name", scenario.name),
            ("story", scenario.story),
            ("days", scenario.days),
            ("begins", scenario.begins),
            ("seed", scenario.seed),
            ("cell", scenario.cell),
            ("modem", scenario.modem),
            ("dispensers", list(scenario.dispensers)),
            ("gateways", list(scenario.gateways)),
        )
    ]
    lines = [_value(line)[1:-1] for line in scenario.diary.strip().splitlines()]
    diary = "\n".join(['diary = """', *lines, '"""'])
    lives = [f"{_value(one)} = {_value(model)}" for one, model in scenario.patients.items()]
    return "\n".join([*heads, diary, *(["", "[patients]", *lives] if lives else [])]) + "\n"


def _value(value: object) -> str:
    # TOML wants DEL escaped, too
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
