"""MQTT topics: `rtm/v1/{gateway}/up/{dispenser}/{kind}` and `.../dn/{dispenser}/{kind}`."""

import dataclasses
import re

_PREFIX = "rtm/v1"
_GATEWAY = re.compile(r"[a-z0-9-]{1,32}")
_DISPENSER = re.compile(r"[0-9a-f]{16}")
ALL_UP = f"{_PREFIX}/+/up/#"
"""What the backend reads."""


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic of one dispenser."""

    gateway: str
    direction: str
    dispenser: str
    kind: str

    def __str__(self) -> str:
        return f"{_PREFIX}/{self.gateway}/{self.direction}/{self.dispenser}/{self.kind}"


def up(gateway: str, dispenser: str, kind: str) -> str:
    """Return the topic a gateway publishes `hello` or `events` of a dispenser on."""
    return str(Topic(gateway, "up", dispenser, kind))


def down(gateway: str, dispenser: str, kind: str) -> str:
    """Return the topic the backend answers a dispenser's gateway on."""
    return str(Topic(gateway, "dn", dispenser, kind))


def all_down(gateway: str) -> str:
    """Return the filter for all that is meant for a gateway."""
    return f"{_PREFIX}/{gateway}/dn/#"


def state(gateway: str) -> str:
    """Return the topic of a gateway's retained state, also its last will."""
    return f"{_PREFIX}/{gateway}/up/state"


def valid_gateway(name: str) -> bool:
    """Tell whether a name can be a gateway's: `[a-z0-9-]{1,32}`, the CN of its certificate."""
    return _GATEWAY.fullmatch(name) is not None


def parse(topic: str) -> Topic:
    """Return the parts of a dispenser's topic.

    Raises ValueError for any other topic.
    """
    parts = topic.removeprefix(_PREFIX + "/").split("/")
    if not topic.startswith(_PREFIX + "/") or len(parts) != 4 or parts[1] not in ("up", "dn"):
        raise ValueError(f"not a dispenser's topic: {topic!r}")
    if not valid_gateway(parts[0]) or _DISPENSER.fullmatch(parts[2]) is None:
        raise ValueError(f"gateway or dispenser id malformed in topic: {topic!r}")
    return Topic(*parts)
