"""What people do in a world with the real tools, by name: a diary's `tech NAME DISPENSER`.

`ask` and `question` are the clinic's: a dose is due each morning and pain is asked for at nine; or
a dose is due all day, and two questions are asked after each.

The tools are programs in the host's time: virtual time keeps the host's pace meanwhile.
"""

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from sim.actions import Action
from sim.audit import SETTINGS
from sim.child import dosewire, run
from sim.dispenser import Dispenser
from sim.hands import Hands
from sim.ledger import Tech
from sim.panel import DELIVERED, SEEN, Panel
from sim.report import REGISTRY, STORE
from sim.talk import talk
from sim.throttle import as_the_host
from sim.world import World

_FIRMWARE = Path(__file__).parent.parent / "firmware"
_VERSION = re.compile(r"^VERSION = \((\d+), (\d+), (\d+)\)$", re.MULTILINE)
_WITHIN_S = 60.0
_KIT_WITHIN_S = 180.0
_LOOKS_FOR_NS = 30 * 10**9
_LOOKS_EVERY_S = 0.5
_BY_THE_CLOCK = """zone = "UTC"

[[window]]
number = 1
compartment = 1
start = "08:00"
length = 60

[[question]]
question = 1
at = "09:00"
expiry = 60
"""


_AFTER_DOSES = """zone = "UTC"
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


class TechError(ValueError):
    """Nothing that techs do; one line."""


async def do(name: str, world: World, target: str) -> None:
    """Do it at a dispenser, by default the first. Raises TechError or ChildError."""
    if name not in DEEDS:
        raise TechError(f"no tech does {name!r}, only {', '.join(DEEDS)}")
    part = world.part(target or next(iter(world.dispensers)))
    if not isinstance(part, Dispenser):
        raise TechError(f"{name}: {target} is no dispenser")
    with as_the_host(world.clock):
        await DEEDS[name](world, part)


async def _ask(world: World, dispenser: Dispenser) -> None:
    """Send settings: a dose is due from eight to nine, pain is asked for at nine."""
    await _settings(world, dispenser, _BY_THE_CLOCK)


async def _question(world: World, dispenser: Dispenser) -> None:
    """Send settings: a dose is due all day, two questions are asked after each."""
    await _settings(world, dispenser, _AFTER_DOSES)


async def _seen(world: World, dispenser: Dispenser) -> None:
    """Let the clinic say that it has seen all that is stored; the patient looks at the panel."""
    world.look(dispenser.name)
    world.ledger.append(Tech(t=world.clock.now_ns, dispenser=dispenser.name, tech=SEEN))
    config = ("--config", str(world.folder / "backend.toml"))
    await _tool(world, "backend", "send", "seen", *config, dispenser.id)


async def _settings(world: World, dispenser: Dispenser, text: str) -> None:
    world.ledger.append(Tech(t=world.clock.now_ns, dispenser=dispenser.name, tech=SETTINGS))
    file = world.folder / f"{dispenser.name}-settings.toml"
    file.write_text(text)
    config = ("--config", str(world.folder / "backend.toml"))
    await _tool(world, "backend", "send", "settings", *config, dispenser.id, str(file))


async def _check(world: World, dispenser: Dispenser) -> None:
    """Follow a press to the clinic and back before the kit leaves: the panel is looked at."""
    panel = world.panels.get(dispenser.name)
    if panel is None:
        raise TechError(f"check: nobody looks at the panel of {dispenser.name} in this world")
    await dispenser.to_bench()
    store = ("--store", str(world.folder / STORE))
    command = dosewire("kit", "check", "--port", str(dispenser.board.port), *store)
    async with talk("kit check", command, world.logs / "tech.log", _KIT_WITHIN_S) as tool:
        await tool.hear("into the gateway")
        await dispenser.to_gateway()
        pressed = world.clock.now_ns
        await Hands(dispenser, world.clock).do(Action(0.0, dispenser.name, ("press", "4")))
        await tool.hear("green once")
        await tool.answer("y" if await _glowed(world, panel, pressed) else "n")
        await tool.end()


async def _glowed(world: World, panel: Panel, since: int) -> bool:
    end = world.clock.now_ns + _LOOKS_FOR_NS
    while world.clock.now_ns < end:
        if any(t > since and answer == DELIVERED for t, answer in panel.answers):
            return True
        await world.clock.sleep(_LOOKS_EVERY_S)
    return False


async def _reissue(world: World, dispenser: Dispenser) -> None:
    """Retire it at the bench, refused until all is delivered, and give it a new life."""
    registry = ("--registry", str(world.folder / REGISTRY))
    await dispenser.to_bench()
    await world.tech(dispenser, "retire", *registry, "--store", str(world.folder / STORE))
    told = await world.tech(dispenser, "provision", *registry, "--again", "--json")
    dispenser.epoch = json.loads(told)["epoch"]
    dispenser.follow()
    await dispenser.to_gateway()


async def _update(world: World, dispenser: Dispenser) -> None:
    """Build the next release, let the gateway trust its key, and announce it to the dispenser."""
    world.ledger.append(Tech(t=world.clock.now_ns, dispenser=dispenser.name, tech="release"))
    key, bundle = world.folder / "builder.pem", world.folder / "release.zip"
    public = str(key.with_suffix(".pub"))
    await _tool(world, "release", "key", str(key))
    source = await asyncio.to_thread(_next_version, world.folder / "next")
    words = ("--firmware", str(source), "--key", str(key), "--out", str(bundle))
    await _tool(world, "release", "build", *words)
    await _trust(world, dispenser.gateway, public)
    config = ("--config", str(world.folder / "backend.toml"))
    await _tool(world, "backend", "send", "release", *config, dispenser.id, str(bundle),
                "--key", public)  # fmt: skip


async def _tool(world: World, *words: str) -> str:
    work = run(" ".join(words[:2]), dosewire(*words), world.logs / "tech.log", _WITHIN_S)
    return await world.clock.paced(work)


def _next_version(folder: Path) -> Path:
    shutil.copytree(_FIRMWARE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    init = folder / "dispenser" / "__init__.py"
    text, found = _VERSION.subn(
        lambda now: f"VERSION = ({now[1]}, {int(now[2]) + 1}, 0)", init.read_text()
    )
    if found != 1:
        raise TechError(f"{init}: has no VERSION")
    init.write_text(text)
    return folder


async def _trust(world: World, gateway: str, key: str) -> None:
    child = world.gateways[gateway]
    await child.stop()
    with (world.folder / f"{child.name}.toml").open("a") as file:
        file.write(f"\n[release]\nkey = {json.dumps(key)}\n")
    await child.start()


DEEDS: dict[str, Callable[[World, Dispenser], Awaitable[None]]] = {
    "ask": _ask,
    "check": _check,
    "question": _question,
    "reissue": _reissue,
    "seen": _seen,
    "update": _update,
}
"""By name; their first lines say what they are."""
LOOKING = frozenset({"check"})
"""Those who do these look at the dispenser's panel."""
