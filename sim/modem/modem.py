"""The modem itself: power, boot, radio, registration, contexts; bytes in, bytes out.

It runs on an asyncio loop, real or virtual: `out` is called with what it sends. Timing and order
follow ITU-T V.250 (echo while typing, one command at a time) and 3GPP TS 27.007.
"""

import asyncio
import random
from collections.abc import Callable

from sim.modem.commands import run
from sim.modem.quirks import KINDS, Quirks
from sim.modem.surroundings import Card, Faults, Network
from sim.modem.timers import Handle, Timers

_ANSWER_S = 0.02
_REENUMERATE_S = 3.0
_SIM_S = 1.0
_SEARCH_AGAIN_S = 30.0
_FINAL_CAUSES = frozenset((3, 6, 7, 8, 11))  # TS 24.301 clause 5.5.1.2.5: no try until a restart
_CONGESTION = 22  # T3346 runs on over restarts: TS 24.301 clauses 5.3.9 and 5.5.1.2.5
_DENIED_AGAIN_S = 720.0  # T3402, TS 24.301 clause 10.2


class Modem:
    """A modem on the running loop or on `timers`; switched off until `power_on`.

    on_usb: called with False when it leaves the bus and True when it is back.
    """

    def __init__(
        self,
        out: Callable[[bytes], None],
        kind: str = "ec25",
        seed: int = 1,
        on_usb: Callable[[bool], None] = lambda present: None,
        timers: Timers | None = None,
    ) -> None:
        self.card = Card()
        self.network = Network()
        self.faults = Faults()
        self.quirks: Quirks = KINDS[kind]
        self.settings: dict[str, str] = {}
        self.pins_tried: list[str] = []
        self.resets = 0
        self.on_usb = on_usb
        self._out = out
        self._loop: Timers = timers or asyncio.get_running_loop()
        self._dice = random.Random(seed)
        self._timers: list[Handle] = []
        self._busy_until = 0.0
        self._typed = bytearray()
        self._tries = 0
        self._stays_away_until = 0.0
        self.present = False
        self.contexts: dict[int, tuple[str, str]] = {}
        self._clear()

    def _clear(self) -> None:
        self.echo = True
        self.cmee = 0
        self.numeric = False  # +COPS? gives numbers instead of names
        self.in_data = False  # bytes are data, no commands
        self.events = False  # +CGEV lines are sent
        self.ready = False  # takes commands
        self.unlocked = False
        self.radio = 1
        self.automatic = True
        self.registered = False
        self.searching = False
        self.active: set[int] = set()
        self.reports = {"CREG": 0, "CGREG": 0, "CEREG": 0}
        self.last_cause: int | None = None
        self._typed.clear()

    # ---- power and USB ----------------------------------------------------------------------

    def power_on(self) -> None:
        """Plug it in or give it power."""
        self._boot(self.quirks.boot_s / 2)

    def power_off(self) -> None:
        """Cut its power."""
        self._stop()
        self.faults.dead = self.faults.hang = False
        self.faults.reboot_loop_s = 0.0

    def reset(self) -> None:
        """Restart the module as its own command does."""
        self.resets += 1
        self.faults.no_data_until_reset = False
        self._stop()
        self._boot(_REENUMERATE_S)

    def usb_reset(self) -> None:
        """Reset its USB port: the module restarts its USB side, contexts are lost."""
        if not self.faults.dead and not self.faults.deaf_to_usb:
            self.faults.hang = False
            self.reset()

    def restart_quietly(self) -> None:
        """Restart the module's software while its USB side stays: no line tells of it."""
        present, self.present = self.present, False
        self._stop()
        self.present = present
        self.later(self.quirks.boot_s / 2, self._started)

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._busy_until = 0.0
        if self.present:
            self.present = False
            self.on_usb(False)
        self._clear()

    def _boot(self, usb_s: float) -> None:
        self.later(usb_s, self._appear)
        self.later(self.quirks.boot_s, self._started)
        for seconds, line in self.quirks.boot:
            if (self.card.inserted and not self.card.pin) or "CPIN" not in line:
                self.later(max(usb_s + 0.1, seconds), self.urc, line)
        if self.faults.reboot_loop_s:
            self.later(self.faults.reboot_loop_s, self.reset)

    def _appear(self) -> None:
        self.present = True
        self.on_usb(True)

    def _started(self) -> None:
        self.ready = True
        self.later(_SIM_S, self._sim_ready)

    def _sim_ready(self) -> None:
        if self.card.inserted and not self.card.pin:
            self.unlock()

    def unlock(self) -> None:
        """The SIM is free: look for a network."""
        self.unlocked = True
        self.search()

    def later(self, seconds: float, what: Callable[..., None], *values: object) -> None:
        """Call something after so many seconds, unless the power goes off before."""
        now = self._loop.time()
        self._timers = [one for one in self._timers if one.when() >= now and not one.cancelled()]
        self._timers.append(self._loop.call_later(seconds, what, *values))

    # ---- radio and registration -------------------------------------------------------------

    @property
    def passes(self) -> bool:
        """Whether a packet of the host comes through to the Internet and back."""
        faults = self.faults
        stuck = faults.no_data or faults.no_data_until_reset or faults.stale_interface
        alive = self.ready and not faults.hang and not faults.dead
        return alive and self.serving and bool(self.active) and not stuck

    @property
    def serving(self) -> bool:
        """Whether it is registered and in coverage."""
        return self.registered and self.network.coverage

    @property
    def stat(self) -> int:
        """<stat> of +CEREG."""
        if self.serving:
            return 5 if self.network.roaming else 1
        if self.last_cause is not None and self.network.denied is not None:
            return 3
        return 2 if self.searching else 0

    def search(self) -> None:
        """Begin to look for a network and attach to it, if all is there for it."""
        if not (self.unlocked and self.radio == 1 and self.automatic):
            return
        self.searching = True
        self._attach_in(self.network.attach_s * self._dice.uniform(0.7, 1.5))

    def _attach_in(self, seconds: float) -> None:
        # one attach procedure at a time (TS 24.301 clause 5.5.1)
        self._tries += 1
        self.later(seconds, self._attach, self._tries)

    def _attach(self, attempt: int) -> None:
        if attempt != self._tries:
            return
        network = self.network
        able = self.radio == 1 and self.automatic and self.unlocked
        if not able or self.registered or self.faults.stuck_radio:
            return
        now = self._loop.time()
        if now < self._stays_away_until:
            self._attach_in(self._stays_away_until - now)
            return
        if not network.coverage:
            self._attach_in(_SEARCH_AGAIN_S)
            return
        network.attaches.append(now)
        if network.denied is not None:
            self.last_cause = network.denied
            if network.denied == _CONGESTION:
                self._stays_away_until = now + network.t3346_s
                self._attach_in(network.t3346_s)
            elif network.denied not in _FINAL_CAUSES:
                self._attach_in(_DENIED_AGAIN_S)
        else:
            self.registered, self.searching, self.last_cause = True, False, None
            self.faults.no_data = False
        self.report()

    def detach(self) -> None:
        """Leave the network."""
        self.registered = self.searching = False
        self.active.clear()
        self.last_cause = None
        self.report()

    def lose_network(self) -> None:
        """Be thrown out by the network, and look for it again."""
        self.detach()
        self.search()

    def switch(self, function: int) -> None:
        """+CFUN: 1 full, 4 radio off, 0 minimum."""
        if function == self.radio:
            return
        self.radio = function
        if function == 1:
            self.search()
        else:
            self.faults.stuck_radio = False
            self.detach()

    def activate(self, cid: int, done: Callable[[bool], None]) -> None:
        """Activate a context; `done` is told whether that worked."""

        def finish() -> None:
            works = self.serving and self.contexts.get(cid, ("", ""))[1] == self.network.apn
            if works:
                self.active.add(cid)
            done(works)

        self.later(self.network.activate_s, finish)

    def drop_context(self) -> None:
        """The network takes the context away."""
        self.active.clear()
        if self.events:
            self.urc("+CGEV: NW PDN DEACT 1")

    def report(self) -> None:
        """Send the unsolicited registration lines that are switched on."""
        for domain, n in self.reports.items():
            if n and self.ready:
                self.urc(f"+{domain}: {self.registration(domain, n, self.stat)}")

    def registration(self, domain: str, n: int, stat: int) -> str:
        """Return the fields from <stat> on."""
        if domain == "CREG" and self.quirks.lte_only:
            return "0"
        if n >= 3 and self.last_cause is not None:
            return f"{stat},,,,0,{self.last_cause}"
        if n >= 2 and stat in (1, 5):
            return f'{stat},"1F0A","01A2B3C4",7'
        return str(stat)

    # ---- the line ---------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take what the host sends."""
        if not self.present or self.faults.hang or self.faults.dead or self.in_data:
            return
        for byte in data:
            if self.echo:
                self.send(bytes([byte]))
            if byte != 0x0D:
                if byte != 0x0A:
                    self._typed.append(byte)
                continue
            line = self._typed.decode("latin-1")
            self._typed.clear()
            if line.strip() and self.ready:
                run(self, line)

    def urc(self, line: str) -> None:
        """Send a line by itself, now: also between the lines of an answer."""
        self._frame([line])

    def answer(self, lines: list[str], final: str, seconds: float = 0.0) -> None:
        """Send an answer, after those before it."""
        faults = self.faults
        delay = _ANSWER_S + seconds + faults.slow_s + faults.delay_next_s
        faults.delay_next_s = 0.0
        at = max(self._loop.time(), self._busy_until) + delay
        self._busy_until = at
        self.later(at - self._loop.time(), self._frame_answer, lines, final)

    def _frame_answer(self, lines: list[str], final: str) -> None:
        sent = []
        for line in lines:
            if self.faults.noise and self._dice.random() < self.faults.noise:
                sent.append(self._dice.choice(_NOISE))
            sent.append(line)
        if self.faults.noise and self._dice.random() < self.faults.noise:
            sent.append(self._dice.choice(_NOISE))
        self._frame([*sent, final])

    def _frame(self, lines: list[str]) -> None:
        end = self.quirks.line_end
        self.send("".join(f"{end}{line}{end}" for line in lines).encode("latin-1"))

    def send(self, data: bytes) -> None:
        """Send bytes, damaged and cut as the faults say."""
        faults = self.faults
        if faults.hang or faults.dead or not self.present:
            return
        if faults.garbage:
            data = bytes(
                self._dice.randrange(256) if self._dice.random() < faults.garbage else byte
                for byte in data
            )
        step = faults.chunk or len(data)
        for at in range(0, len(data), step):
            self._out(data[at : at + step])


_NOISE = ('+CMTI: "SM",3', "RING", '+CREG: 1,"1F0A","01A2B3C4",7', '+QIND: "csq",20,99')
