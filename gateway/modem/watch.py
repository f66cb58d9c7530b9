"""`modem status`, `modem supervise`: how the modem is, what its supervisor does or would do."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway import config, status
from gateway.claim import claim_data
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.modem.rungs import Rung
from gateway.modem.service import Cellular
from gateway.modem.supervisor import Order, Seen

_TOLD = (
    ("fault", "state"),
    ("alarm", "to do"),
    ("model", "model"),
    ("technology", "technology"),
    ("signal_dbm", "signal, dBm"),
    ("attach_seconds", "network found in, s"),
    ("recovery_seconds", "last time without data, s"),
    ("port", "port"),
    ("iccid", "SIM (ICCID)"),
    ("imei", "module (IMEI)"),
    ("cell", "cell"),
    ("area", "tracking area"),
)


def show(path: Path, as_json: bool) -> int:
    """Print what the daemon knows of its modem; returns the exit code (0 works, 1 not, 3 silent).

    Raises ConfigError.
    """
    settings = config.read(path)
    try:
        state = status.ask(Path(settings.gateway.data))
    except status.NoDaemonError as error:
        print(f"gateway {settings.gateway.id}: {error}", file=sys.stderr)
        return 3
    modem = state.get("modem")
    if modem is None:
        print(f"{path}: the daemon has no [modem]", file=sys.stderr)
        return 1
    print(json.dumps(modem) if as_json else "\n".join(_lines(modem)))
    # whether it works is what the findings say, the interface included
    parts = ("modem", "interface", "name server")
    found = [one for one in state["findings"] if one["part"].startswith(parts)]
    return 1 if any(one["works"] is False for one in found) else 0


def _lines(modem: dict[str, Any]) -> Iterator[str]:
    for name, words in _TOLD:
        if modem.get(name) not in (None, ""):
            yield f"{words:26} {modem[name]}"
    for rung, count in modem["rungs"].items():
        yield f"{'recovery: ' + rung:26} {count} times since the start"


def supervise(path: Path, dry: bool, looks: int, as_json: bool) -> int:
    """Keep the modem connected without the daemon, or only say what would be done (`dry`).

    looks: end after so many, 0: never. Ends in order on Ctrl-C. Raises ConfigError.
    """
    settings = config.read(path)
    if settings.modem is None:
        print(f"{path}: has no [modem]", file=sys.stderr)
        return 2
    data = Path(settings.gateway.data)
    if not dry:
        config.prepare_data(path, settings)
        claim_data(path, settings)
    broker = settings.uplink.host, settings.uplink.port
    cellular = Cellular(settings.modem, data, broker, Counters(), Clock(), dry=dry)
    note = cellular.keeper.on_order

    def tell(seen: Seen, order: Order) -> None:
        note(seen, order)
        print(_told(cellular.port, order, dry, as_json), flush=True)

    cellular.keeper.on_order = tell
    try:
        asyncio.run(_look(cellular, looks))
    except KeyboardInterrupt:
        return 130
    return 0 if cellular.works else 1


async def _look(cellular: Cellular, looks: int) -> None:
    if looks == 0:
        await cellular.keeper.run()
    try:
        for left in reversed(range(looks)):
            order = await cellular.keeper.once()
            await asyncio.sleep(order.wait if left else 0)
    finally:
        cellular.close()


def _told(port: str, order: Order, dry: bool, as_json: bool) -> str:
    climbs = order.rung is not None and order.rung > Rung.DIAGNOSE
    rung = order.rung.name.lower() if order.rung is not None and climbs else None
    if as_json:
        told = {"state": order.fault.value, "port": port, "rung": rung, "pin": order.unlock}
        return json.dumps({**told, "alarm": order.alarm, "wait": round(order.wait, 1)})
    does = "would do" if dry else "does"
    words = [f"{order.fault.value} ({port})" if port else order.fault.value]
    words += [f"{does}: {rung}"] if rung else []
    words += [f"{does}: try the PIN, if its rules allow"] if order.unlock else []
    words += [f"a person must: {order.alarm}"] if order.alarm else []
    return f"{'; '.join(words)} (next look in {order.wait:.0f} s)"
