"""A scenario as a file: what the console records, and anybody may write.

TOML with the keys `name`, `story`, `days`, `diary`, and where they differ from the usual
`dispensers`, `gateways`, `patients`, `begins`, `seed`.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from sim import patients
from sim.actions import DiaryError
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


def load(path: Path) -> Scenario:
    """Return the scenario of a file. Raises ScenarioFileError."""
    try:
        told = msgspec.toml.decode(path.read_bytes(), type=_Written)
        scenario = Scenario(**{name: getattr(told, name) for name in _Written.__struct_fields__})
        scenario.actions(scenario.seed)
        _ = scenario.start_ns
    except OSError as error:
        raise ScenarioFileError(f"{path}: {error.strerror}") from error
    except KeyError as error:
        known = ", ".join(patients.MODELS)
        raise ScenarioFileError(f"{path}: no patient {error}, only {known}") from error
    except (msgspec.MsgspecError, DiaryError, ValueError) as error:
        raise ScenarioFileError(f"{path}: {error}") from error
    return scenario


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
            ("dispensers", list(scenario.dispensers)),
            ("gateways", list(scenario.gateways)),
        )
    ]
    diary = f'diary = """\n{scenario.diary.strip()}\n"""'
    lives = [f"{_value(one)} = {_value(model)}" for one, model in scenario.patients.items()]
    return "\n".join([*heads, diary, *(["", "[patients]", *lives] if lives else [])]) + "\n"


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
