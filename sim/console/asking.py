"""The clinic asks: settings with a question after each dose, sent as a clinic sends them."""

from __future__ import annotations

from sim.audit import SETTINGS
from sim.child import dosewire, run
from sim.ledger import Tech
from sim.world import World

_WITHIN_S = 30.0
_FILE = "questions.toml"
_TEXT = """# sent by the console: what the clinic asks, and when it reminds
zone = "UTC"
quiet = ["03:00", "03:01"]
sets = 200

[[window]]
number = 1
compartment = 1
start = "00:00"
length = 1440

[[question]]
question = 1
after_dose = 0
expiry = 30

[[question]]
question = 2
after_dose = 1
expiry = 30
"""


async def ask(world: World, dispenser: str) -> None:
    """Queue it at the backend for a dispenser. Raises ChildError."""
    there = world.dispensers[dispenser]
    world.ledger.append(Tech(t=world.clock.now_ns, dispenser=dispenser, tech=SETTINGS))
    file = world.folder / _FILE
    file.write_text(_TEXT, encoding="utf-8")
    words = ("--config", str(world.folder / "backend.toml"), there.id, str(file))
    command = dosewire("backend", "send", "settings", *words)
    await run("send settings", command, world.logs / "clinic.log", _WITHIN_S)
