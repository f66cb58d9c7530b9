"""One modem: looked at and acted on by AT commands, with what the host can do besides.

Every look opens the port anew if it was lost, and sets the modem up anew: any restart brings echo
and formats back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from gateway.modem import card
from gateway.modem.at import Reply
from gateway.modem.contexts import Cgpaddr
from gateway.modem.errors import Class, classify
from gateway.modem.operators import Ceer
from gateway.modem.parse import meaning, to_json, urc_meaning
from gateway.modem.pin import PinGuard
from gateway.modem.port import AtPort, DeafError, Stream
from gateway.modem.profiles import Profile, by_model
from gateway.modem.registration import DENIED, ROAMING, Reg
from gateway.modem.rungs import Rung
from gateway.modem.supervisor import Seen

_log = logging.getLogger(__name__)
_EMPTY_FPLMN = "F" * 24
_SOON = 1.0
_UNDER_WAY = 5.0


def _is_loss(line: str) -> bool:
    found = urc_meaning(line)
    if isinstance(found, Reg):
        return found.domain != "CREG" and found.packet_service_usable is False
    # 27.007 clause 10.1.19: contexts deactivated, detached by network or module
    return line.startswith("+CGEV:") and ("DEACT" in line or "DETACH" in line)


class Port(Stream, Protocol):
    """An open port."""

    def close(self) -> None:
        """Give it up."""


class Host(Protocol):
    """What the host does for its modem; each returns whether it could."""

    async def do(self, rung: Rung) -> bool:
        """Renew the interface, reset USB, cut power, or reboot."""

    def passes(self) -> Awaitable[bool | None]:
        """Tell whether packets come back from beyond the modem; None: not known."""

    def connected(self) -> bool:
        """Tell whether the uplink's session stands, as far as it knows."""

    def heard(self) -> float | None:
        """Return how many seconds ago the broker was heard, None: never."""

    def elsewhere(self) -> bool:
        """Tell whether the uplink's session stands, but not over the modem."""


class Sim(msgspec.Struct, frozen=True):
    """What the SIM needs: access point, context, PIN ("" none)."""

    apn: str = ""
    cid: int = 1
    pin: str = ""
    pdp: str = "IP"


class Driver:
    """Looks and acts; `facts` keeps what was learnt for status and metrics.

    opener: opens the command port, raises OSError if it is not there. now: monotonic seconds.
    on_deaf: told when the port that was opened answers no commands.
    """

    def __init__(
        self,
        opener: Callable[[], Port],
        host: Host,
        sim: Sim,
        guard: PinGuard,
        now: Callable[[], float],
        on_deaf: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_deaf = on_deaf
        self.facts: dict[str, object] = {}
        self.profile: Profile | None = None
        self._opener = opener
        self._host = host
        self._sim = sim
        self._guard = guard
        self._now = now
        self._port: Port | None = None
        self._at: AtPort | None = None
        self._set_up = False
        self._learnt = False
        self._lost_at: float | None = None
        self._told: float | None = None  # the loss that the last look knew of

    # ---- looking ----------------------------------------------------------------------------

    async def look(self) -> Seen:
        """Return how the modem is; never raises for what it does or does not say."""
        traffic, self._told = self._traffic(), self._lost_at
        try:
            at = self._open()
        except OSError as error:
            self.facts["port"] = error.strerror or str(error)
            return Seen(traffic=traffic)
        try:
            return await self._look(at, traffic)
        except OSError as error:
            if isinstance(error, DeafError) and not self._set_up:
                self._on_deaf()
            self.close()
            self.facts["port"] = error.strerror or str(error)
            return Seen(present=True, traffic=traffic)

    async def _look(self, at: AtPort, traffic: float | None) -> Seen:
        if not self._set_up:
            await self._prepare(at)
        state = await self._card_state(at)
        if state is None:
            # one silence is no proof: the port resynchronises before the next command
            return Seen(present=True, answers=(await at.command("AT")).ok, traffic=traffic)
        self.facts["port"] = ""
        if state != "READY":
            return Seen(present=True, answers=True, card=state, traffic=traffic)
        regs = [await self._registration(at, domain) for domain in ("CEREG", "CGREG")]
        known = [reg for reg in regs if reg is not None]
        serving = next((reg for reg in known if reg.packet_service_usable), None)
        denied = serving is None and any(reg.stat == DENIED for reg in known)
        address = await self._address(at) if serving else None
        connected = self._host.connected()
        await self._note_signal(at, serving)
        await self._learn(at, serving)
        return Seen(
            present=True,
            answers=True,
            card=state,
            serving=serving is not None,
            roaming=serving is not None and serving.stat in ROAMING,
            denied=denied,
            cause=await self._cause(at, known) if denied else None,
            address=address,
            passes=await self._host.passes() if address and not connected else None,
            connected=connected,
            elsewhere=self._host.elsewhere(),
            traffic=traffic,
        )

    def _traffic(self) -> float | None:
        heard = self._host.heard()
        if heard is None or self._lost_at is None:
            return heard
        # what was heard, or under way, when the modem told of a loss proves nothing any more
        return heard if heard + _UNDER_WAY < self._now() - self._lost_at else None

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or soon after the modem tells of a loss."""
        end = self._now() + seconds
        while (left := end - self._now()) > 0 and self._told == self._lost_at:
            if self._at is None:
                await asyncio.sleep(left)
                continue
            try:
                await self._at.listen(left)
            except OSError:
                # it left the bus: that is a loss, too
                self._lost_at = self._now()
                self.close()
        await asyncio.sleep(min(left, _SOON) if left > 0 else 0)

    def _open(self) -> AtPort:
        if self._at is None:
            self._port = self._opener()
            self._at = AtPort(self._port, self._on_urc, self._now)
            self._set_up = self._learnt = False
        return self._at

    def close(self) -> None:
        """Give the port up; the next look opens it again."""
        if self._port is not None:
            with contextlib.suppress(OSError):
                self._port.close()
        self._port = self._at = None

    async def _prepare(self, at: AtPort) -> None:
        await at.command("ATE0")
        reply = await at.command("AT+CGMM")
        if reply.ok and reply.info:
            self.facts["model"] = reply.info[0]
            self.profile = by_model(reply.info[0])
            _log.info("modem %s, kind %s", reply.info[0], self.profile.name)
        if self.profile is None:
            return
        for text in self.profile.setup:
            await at.command(text)
        self._set_up = True

    def _on_urc(self, line: str) -> None:
        # no more of it: cell ids and numbers have no business in a log
        _log.debug("unsolicited: %s", line.partition(":")[0])
        # a modem that announces its start has forgotten its settings
        if line in ("RDY", "APP RDY"):
            self._set_up = False
        if _is_loss(line):
            self._lost_at = self._now()

    async def _card_state(self, at: AtPort) -> str | None:
        reply = await at.command("AT+CPIN?")
        if reply.echo is not None and self.profile is not None:
            # echo is back: it has started anew without a word, and forgotten its settings
            await self._prepare(at)
            reply = await at.command("AT+CPIN?")
        found = meaning(reply)
        if isinstance(found, card.Cpin):
            return "ABSENT" if found.state in ("NOT INSERTED", "SIM REMOVED") else found.state
        if reply.final is None:
            return None
        named = {
            Class.SIM_MISSING: "ABSENT",
            Class.PIN: "SIM PIN",
            Class.PUK: "SIM PUK",
            Class.RETRY: "READY",  # busy starting: registration will tell
        }
        return named.get(classify(reply.final), "FAILED")

    async def _registration(self, at: AtPort, domain: str) -> Reg | None:
        found = meaning(await at.command(f"AT+{domain}?"))
        return found if isinstance(found, Reg) else None

    async def _address(self, at: AtPort) -> str | None:
        found = meaning(await at.command(f"AT+CGPADDR={self._sim.cid}"))
        return found.addrs[0] if isinstance(found, Cgpaddr) and found.addrs else None

    async def _cause(self, at: AtPort, known: list[Reg]) -> int | None:
        told = next((reg.reject_cause for reg in known if reg.reject_cause is not None), None)
        if told is not None:
            return told
        found = meaning(await at.command("AT+CEER"))
        return found.emm if isinstance(found, Ceer) else None

    async def _note_signal(self, at: AtPort, serving: Reg | None) -> None:
        self.facts["technology"] = None if serving is None else serving.act
        asked = [] if self.profile is None else [self.profile.signal]
        for text in dict.fromkeys([*asked, "AT+CSQ"]):
            found = to_json(meaning(await at.command(text)))
            if isinstance(found, dict) and found["type"] != "error":
                self.facts["signal"] = found
                return

    async def _learn(self, at: AtPort, serving: Reg | None) -> None:
        # for `modem status` on this host alone; asked for once after each set-up
        if serving is not None:
            self.facts["cell"], self.facts["area"] = serving.ci, serving.lac
        if self._learnt:
            return
        self._learnt = True
        self.facts["iccid"] = await self._iccid(at)
        found = meaning(await at.command("AT+CGSN"))
        self.facts["imei"] = found.imei if isinstance(found, card.Imei) else None

    # ---- acting -----------------------------------------------------------------------------

    async def unlock(self) -> str:
        """Try the PIN if its rules allow; return why not, "" if the SIM took it."""
        if not self._sim.pin:
            return "no PIN is configured"
        try:
            at = self._open()
            iccid, left = await self._iccid(at), await self._tries(at)
            if iccid is None:
                return "the SIM does not tell its number"
            refusal = self._guard.refusal(self._sim.pin, iccid, left)
            if refusal or left is None:
                return refusal
            self._guard.note(self._sim.pin, iccid, left)
            reply = await at.command(f'AT+CPIN="{self._sim.pin}"')
            return "" if reply.ok else "the SIM did not take the PIN"
        except OSError as error:
            return str(error)

    async def _iccid(self, at: AtPort) -> str | None:
        asked = "AT+CCID" if self.profile is None else self.profile.iccid
        found = meaning(await at.command(asked))
        return found.iccid if isinstance(found, card.Iccid) else None

    async def _tries(self, at: AtPort) -> int | None:
        asked = "AT+CPINR" if self.profile is None else self.profile.retries
        found = meaning(await at.command(asked))
        if isinstance(found, list):
            found = next((one for one in found if getattr(one, "code", "") == "SIM PIN"), None)
        if not isinstance(found, card.PinRetries):
            return None
        return found.pin1 if found.pin1 is not None else found.left

    async def perform(self, rung: Rung, clear_forbidden: bool = False) -> bool:
        """Step on a rung; return whether that was possible, not whether it helped."""
        acts: dict[Rung, Callable[[AtPort], Awaitable[bool]]] = {
            Rung.CONTEXT: self._renew_context,
            Rung.NETWORK: self._register_anew,
            Rung.RESET: self._reset,
        }
        _log.warning("recovery: %s", rung.name)
        try:
            if rung not in acts:
                return await self._host.do(rung)
            at = self._open()
            if clear_forbidden:
                await self._clear_forbidden(at)
            return await acts[rung](at)
        except OSError as error:
            self.close()
            _log.warning("recovery %s: %s", rung.name, error)
            return False

    async def _renew_context(self, at: AtPort) -> bool:
        sim = self._sim
        if sim.apn:
            await at.command(f'AT+CGDCONT={sim.cid},"{sim.pdp}","{sim.apn}"')
        await at.command(f"AT+CGACT=0,{sim.cid}")
        works = (await at.command(f"AT+CGACT=1,{sim.cid}")).ok
        await self._host.do(Rung.INTERFACE)
        return works

    async def _register_anew(self, at: AtPort) -> bool:
        # COPS=2 says goodbye to the network, CFUN makes it forget what it learnt of it
        done: list[Reply] = [
            await at.command(text) for text in ("AT+COPS=2", "AT+CFUN=4", "AT+CFUN=1", "AT+COPS=0")
        ]
        return done[-1].ok

    async def _reset(self, at: AtPort) -> bool:
        asked = "AT+CFUN=1,1" if self.profile is None else self.profile.reset
        works = (await at.command(asked)).ok
        if not works and asked != "AT+CFUN=1,1":
            works = (await at.command("AT+CFUN=1,1")).ok
        self._set_up = False
        return works

    async def _clear_forbidden(self, at: AtPort) -> None:
        found = meaning(await at.command("AT+CRSM=176,28539,0,0,12"))
        if isinstance(found, card.Fplmn) and found.plmns:
            _log.warning("the SIM's forbidden networks are cleared: %s", found.plmns)
            await at.command(f'AT+CRSM=214,28539,0,0,12,"{_EMPTY_FPLMN}"')
