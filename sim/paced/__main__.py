"""`python -m sim.paced PAGE GRANTS BELL START_NS SEED gateway|backend ...`: a program in virtual
time, started by `sim.paced.child`.
"""

import importlib
import os
import random
import sys
import threading
from types import SimpleNamespace

from sim.paced import stand_ins
from sim.paced.inside import Inside
from sim.paced.page import FIELD, SLOW_COMMIT, WATCHED

_PROGRAMS = {"gateway": "gateway.cli", "backend": "sim.backend.cli"}
_SELDOM = {
    "gateway.commands": {"_LOOK_EVERY": 600.0},
    "gateway.daemon": {"_PULSE_EVERY": 1800.0, "_COUNT_EVERY": 600.0},
    "gateway.database": {"_LOOK_EVERY": 600.0},
    # what is unplugged for days; one plugged in is seen within the half minute a stage waits
    "gateway.dispensers": {"_REOPEN_MAX": 20.0},
    "gateway.health": {"_LOOK_EVERY": 1800.0},
    "gateway.hotplug": {"_LOOK_EVERY": 3600.0},
    "gateway.publisher": {"_LONGEST_IDLE": 600.0},
    "gateway.pump": {"_LOOK_EVERY": 300.0},
    # a dispenser that hears nothing for three minutes searches, and its light with it
    "gateway.session": {"PING_EVERY": 170.0},
    "gateway.uplink": {"_BEAT_EVERY": 3600.0},
}
"""What only looks whether all is well does so less often: a month has many seconds."""


def main(argv: list[str]) -> int:
    """Take over, then run the program as its own command line would."""
    shared, grants, bell, start_ns = map(int, argv[:4])
    inside = Inside(shared, grants, bell, start_ns)
    random.seed(argv[4])
    stand_ins.take_over_random(argv[4])
    stand_ins.take_over(inside)
    if SLOW_COMMIT in os.environ:
        stand_ins.slow_commits(float(os.environ[SLOW_COMMIT]))
    program = importlib.import_module(_PROGRAMS[argv[5]])
    _prepare(argv[5], inside)
    code: int = program.main(argv[6:])
    return code


def _prepare(name: str, inside: Inside) -> None:
    stand_ins.take_over_paho(inside)
    if name == "backend":
        connection = importlib.import_module("sim.backend.connection")
        its_own = {**vars(threading), "Event": stand_ins.Event}
        connection.threading = SimpleNamespace(**its_own)  # type: ignore[attr-defined]
        return
    stand_ins.take_over_silence()
    if WATCHED in os.environ:
        _SELDOM.pop("gateway.health")
    if FIELD in os.environ:
        _SELDOM.clear()
    for module, values in _SELDOM.items():
        loaded = importlib.import_module(module)
        for key, value in values.items():
            if not hasattr(loaded, key):
                raise AttributeError(f"{module} has no {key}: mend sim/paced/__main__.py")
            setattr(loaded, key, value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
