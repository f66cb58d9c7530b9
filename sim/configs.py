"""Configuration files of a world's gateways and its backend."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from sim.certificates import Credentials, Pki
from sim.report import REGISTRY, STORE

Value = str | int | float | bool | list[str]
Table = Mapping[str, Value]
_PACE: Mapping[bool, Mapping[str, Table]] = {
    # where a month passes in minutes, a gateway's own defaults hold; but who finds no broker for
    # weeks need not ask twice a minute
    True: {
        "uplink": {"watermark_interval": 3600, "retry_max": 300},
        "publishing": {},
        "backend": {"watermark_interval": 3600},
        "mqtt": {"retry_max": 300},
    },
    False: {
        "uplink": {
            "confirm_timeout": 2,
            "watermark_interval": 1,
            "retry_min": 0.2,
            "retry_max": 2,
            "probe_max": 2,
        },
        "publishing": {"coalesce": 0.2},
        "backend": {"watermark_interval": 1},
        "mqtt": {"retry_min": 0.2, "retry_max": 2},
    },
}


def gateway(
    path: Path, data: Path, name: str, own: Credentials, pki: Pki, broker: tuple[str, int],
    ports: Iterable[Path], *, virtual: bool, modem: Table | None = None,
) -> None:  # fmt: skip
    """Write a gateway's configuration; where it finds its broker, and `ports`: its dispensers."""
    pace = _PACE[virtual]
    _write(
        path,
        [
            ("[gateway]", {"id": name, "data": str(data)}),
            ("[uplink]", {**_mqtt(pki, own, broker), **pace["uplink"]}),
            ("[publishing]", pace["publishing"]),
            ("[time]", {"trust_clock": True, "uncertainty_ms": 50}),
            *([("[modem]", modem)] if modem else []),
            *(("[[dispenser]]", {"port": str(path)}) for path in ports),
        ],
    )


def backend(folder: Path, pki: Pki, port: int, *, virtual: bool) -> None:
    """Write the backend's configuration into the run's folder."""
    pace = _PACE[virtual]
    files = {"store": str(folder / STORE), "registry": str(folder / REGISTRY)}
    _write(
        folder / "backend.toml",
        [
            ("[backend]", {**files, **pace["backend"]}),
            ("[mqtt]", {**_mqtt(pki, pki.backend, ("127.0.0.1", port)), **pace["mqtt"]}),
        ],
    )


def _mqtt(pki: Pki, own: Credentials, broker: tuple[str, int]) -> dict[str, Value]:
    files = {"ca": str(pki.ca), "cert": str(own.cert), "key": str(own.key)}
    return {"host": broker[0], "port": broker[1], **files}


def _write(path: Path, tables: Iterable[tuple[str, Table]]) -> None:
    # JSON's strings, numbers, booleans and lists are TOML's
    lines = []
    for head, values in tables:
        lines += [head, *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    path.write_text("\n".join(lines))
