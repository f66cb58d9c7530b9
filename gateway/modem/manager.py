"""A modem that ModemManager holds: looked at and acted on through its own program, mmcli(1).

For hosts whose modem has no command port for others (QMI, MBIM). ModemManager neither connects
again nor tests traffic: that is the supervisor's, as with a modem that is driven by AT commands.
States and fields: ModemManager's D-Bus interface, org.freedesktop.ModemManager1.Modem.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.modem.driver import Host, Sim
from gateway.modem.pin import PinGuard
from gateway.modem.rungs import Rung
from gateway.modem.supervisor import Seen

_log = logging.getLogger(__name__)
_ASKED_WITHIN = 20.0
_DONE_WITHIN = 200.0  # ModemManager itself gives up a connection after 180 s
_CARDS = {
    "sim-pin": "SIM PIN",
    "sim-puk": "SIM PUK",
    "sim-missing": "ABSENT",
    "none": "READY",
    "sim-pin2": "READY",  # asked for by few services, not by data
    "sim-puk2": "READY",
}
_SERVING = {"home": False, "roaming": True}
_ACTS = {"gsm": 0, "umts": 2, "edge": 3, "hsdpa": 4, "hsupa": 5, "hspa": 6, "hspa-plus": 6,
         "lte": 7, "lte-cat-m": 8, "lte-nb-iot": 9, "5gnr": 11}  # fmt: skip


class Manager:
    """The first modem that ModemManager holds. words: how mmcli is called; dry: only look."""

    def __init__(
        self,
        host: Host,
        sim: Sim,
        guard: PinGuard,
        words: Sequence[str] = ("mmcli",),
        environment: Mapping[str, str] | None = None,
        dry: bool = False,
    ) -> None:
        self._dry = dry
        self.facts: dict[str, object] = {}
        self._host = host
        self._sim = sim
        self._guard = guard
        self._words = words
        self._environment = environment
        self._modem = ""

    # ---- looking ----------------------------------------------------------------------------

    async def look(self) -> Seen:
        """Return how the modem is; never raises for what ModemManager does or does not say."""
        traffic = self._host.heard()
        told = await self._ask("-L")
        paths = [path for path in told.get("modem-list", ()) if isinstance(path, str)]
        if not paths:
            self.facts["port"] = str(told.get("trouble", "ModemManager holds no modem"))
            return Seen(traffic=traffic)
        self._modem = paths[0]
        modem = _part(await self._ask("-m", self._modem), "modem")
        generic, radio = _part(modem, "generic"), _part(modem, "3gpp")
        if not generic:
            return Seen(present=True, traffic=traffic)
        self._note(generic)
        card = _card(generic)
        if card == "READY" and generic.get("state") == "disabled" and not self._dry:
            # it looks for no network before; the next look sees what it found
            await self._do("-m", self._modem, "-e")
        if card != "READY":
            return Seen(present=True, answers=True, card=card, traffic=traffic)
        state = str(radio.get("registration-state", ""))
        address = await self._address(generic)
        connected = self._host.connected()
        return Seen(
            present=True,
            answers=True,
            card=card,
            serving=state in _SERVING,
            roaming=_SERVING.get(state, False),
            denied=state == "denied",
            address=address,
            passes=await self._host.passes() if address and not connected else None,
            connected=connected,
            elsewhere=self._host.elsewhere(),
            traffic=traffic,
        )

    def _note(self, generic: Mapping[str, Any]) -> None:
        self.facts["port"] = ""
        self.facts["model"] = generic.get("model")
        self.facts["imei"] = generic.get("equipment-identifier")
        used = [_ACTS[name] for name in generic.get("access-technologies", ()) if name in _ACTS]
        self.facts["technology"] = max(used, default=None)

    async def _address(self, generic: Mapping[str, Any]) -> str | None:
        for path in generic.get("bearers", ()):
            bearer = _part(await self._ask("-b", str(path)), "bearer")
            if _part(bearer, "status").get("connected") == "yes":
                address = str(_part(bearer, "ipv4-config").get("address", "--"))
                # over PPP the address is the link's own affair
                return "by the link" if address == "--" else address
        return None

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds: mmcli tells of nothing by itself."""
        await asyncio.sleep(seconds)

    def close(self) -> None:
        """Nothing is held."""

    # ---- acting -----------------------------------------------------------------------------

    async def unlock(self) -> str:
        """Try the PIN if its rules allow; return why not, "" if the SIM took it."""
        if not self._sim.pin:
            return "no PIN is configured"
        generic = _part(_part(await self._ask("-m", self._modem), "modem"), "generic")
        left, card = _tries(generic), str(generic.get("sim", "--"))
        iccid = _part(_part(await self._ask("-i", card), "sim"), "properties").get("iccid", "--")
        if card == "--" or iccid == "--":
            return "the SIM does not tell its number"
        refusal = self._guard.refusal(self._sim.pin, str(iccid), left)
        if refusal or left is None:
            return refusal
        self._guard.note(self._sim.pin, str(iccid), left)
        works = await self._do("-i", card, f"--pin={self._sim.pin}")
        return "" if works else "the SIM did not take the PIN"

    async def perform(self, rung: Rung, clear_forbidden: bool = False) -> bool:
        """Step on a rung; return whether that was possible, not whether it helped."""
        _log.warning("recovery: %s", rung.name)
        mine = ("-m", self._modem)
        if rung is Rung.CONTEXT:
            await self._do(*mine, "--simple-disconnect")
            works = await self._do(*mine, f"--simple-connect=apn={self._sim.apn}")
            await self._host.do(Rung.INTERFACE)
            return works
        if rung is Rung.NETWORK:
            # what the SIM has forbidden itself only AT commands could empty
            return await self._do(*mine, "-d") and await self._do(*mine, "-e")
        if rung is Rung.RESET:
            return await self._do(*mine, "-r")
        return await self._host.do(rung)

    # ---- mmcli ------------------------------------------------------------------------------

    async def _ask(self, *words: str) -> dict[str, Any]:
        code, out, trouble = await self._run(_ASKED_WITHIN, "-J", *words)
        try:
            found = json.loads(out) if code == 0 else {}
        except ValueError:
            found = {}
        return found if isinstance(found, dict) and found else {"trouble": trouble}

    async def _do(self, *words: str) -> bool:
        code, _, trouble = await self._run(_DONE_WITHIN, *words)
        if code != 0:
            _log.warning("mmcli: %s", trouble)
        return code == 0

    async def _run(self, within: float, *words: str) -> tuple[int | None, bytes, str]:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, *words, stdout=pipe, stderr=pipe, env=self._environment
            )
        except OSError as error:
            return None, b"", f"{self._words[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(within):
                out, errors = await process.communicate()
        except TimeoutError:
            return None, b"", f"no answer from ModemManager within {within:.0f} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        # a PIN stands in none of its messages
        lines = errors.decode(errors="replace").strip().splitlines()
        return process.returncode, out, lines[-1] if lines else f"ended with {process.returncode}"


def _part(told: Any, name: str) -> dict[str, Any]:
    found = told.get(name) if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def _card(generic: Mapping[str, Any]) -> str:
    if generic.get("state") == "failed":
        return _CARDS.get(str(generic.get("state-failed-reason")), "FAILED")
    lock = str(generic.get("unlock-required", "none"))
    return _CARDS.get("none" if lock == "--" else lock, "FAILED")


def _tries(generic: Mapping[str, Any]) -> int | None:
    for text in generic.get("unlock-retries", ()):
        if found := re.fullmatch(r"sim-pin \((\d+)\)", str(text)):
            return int(found[1])
    return None
