# The dispenser: makes the parts, joins them, runs them.
import asyncio
import time

from micropython import const

from dispenser import VERSION, chain, identity, pins, wire
from dispenser.beamtest import BeamTest
from dispenser.clock import Clock, elapsed_s
from dispenser.drivers import beams, buttons, chip, console, lid
from dispenser.drivers.buzzer import Buzzer
from dispenser.drivers.eeprom import At24c32
from dispenser.drivers.lights import Lights
from dispenser.drivers.rtc import Ds3231
from dispenser.drivers.usb import Port
from dispenser.drivers.watchdog import Watchdog
from dispenser.inputs import Inputs
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.link import Link
from dispenser.panel import Panel
from dispenser.patient import Patient
from dispenser.recall import recent
from dispenser.recorder import Recorder
from dispenser.settings import DEFAULT
from dispenser.timekeeper import Timekeeper

JOURNAL = "/journal"
_ANNOUNCE_MS = const(60000)
_BEAT_MS = const(3000)  # two of them may be missed
_TEST_MS = const(60000)
_SHOW_MS = const(10000)
_HEARD_S = const(180)  # a gateway that says nothing for longer is gone
_INPUTS = const(1)  # tasks that must make progress
_RECEIVING = const(2)
_SENDING = const(4)
_ALL = const(7)


class About:
    # what HELLO tells besides the journal and the clock
    def __init__(self, name, service, boot):
        self.identity = name or bytes(8)
        self.board = pins.BOARD.encode()
        self.version = VERSION
        self.service = service
        self.boot = boot
        self.nonce = chip.nonce


class Dispenser:
    def __init__(self):
        i2c = chip.bus()
        self._rtc = Ds3231(i2c, pins.DS3231)
        self._clock = Clock(time)
        self._keeper = Timekeeper(self._clock, self._rtc, asyncio.Event(), asyncio.sleep_ms)
        self._keeper.start()
        self._guard = console.Guard()
        self._sending = asyncio.Event()
        self._edges = asyncio.ThreadSafeFlag()
        self._supply = beams.supply()
        self._changed = asyncio.Event()
        self._panel = Panel(time, Lights(), Buzzer(), self._changed.set)
        self._progress = 0
        self._heard = None  # uptime at which a host last spoke
        self._open(load_chain(i2c))
        self._port = Port()

    def run(self):
        # never returns; raises KeyboardInterrupt when a tech takes the prompt
        asyncio.run(self._run())

    def pause(self):
        # the prompt is taken: nothing but flash is believed any more
        self._guard.hold()
        self._supply(0)
        if self._recorder and self._journal.open():
            self._recorder.announce()
            uptime = self._clock.uptime()[0]
            self._recorder.housekeeping(wire.MAINTENANCE, (uptime,), wire.MODE_TECHNICIAN)

    def _open(self, keys):
        self._journal = Journal(JOURNAL, keys, self._guard)
        found = self._journal.open()
        name = identity.load()
        service = _service(name, found, keys, self._journal)
        self._recorder = self._make_recorder() if service == wire.SERVICE_OK else None
        boot = self._recorder.boot if self._recorder else self._journal.boot
        about = About(name, service, boot)
        self._link = Link(about, self._journal if found else None, self._clock, self._set_time)
        self._panel.state("service", service != wire.SERVICE_OK)
        if self._recorder:
            self._make_patient()

    def _make_recorder(self):
        skipped = self._count_boot()
        reset = (chip.reset_cause(), skipped, VERSION)
        return Recorder(self._journal, self._clock, reset, self._announced, self._sending.set)

    def _count_boot(self):
        # boots that have not written yet, this one not counted
        try:
            skipped = self._rtc.count()
            self._rtc.keep(min(skipped + 1, 65535))
        except OSError:
            return 0
        return skipped

    def _announced(self):
        try:
            self._rtc.keep(0)
        except OSError:
            self._keeper.faults += 1

    def _set_time(self, seconds, ms, uncertainty, source):
        changed = self._keeper.sync(seconds, ms)
        if changed and self._recorder:
            self._patient.clock_set(changed)
            self._recorder.housekeeping(wire.TIME_SET, changed + (uncertainty, source))

    # ---- tasks -------------------------------------------------------------------------------

    async def _run(self):
        self._panel.state("starting", False)
        watchdog = Watchdog()
        watchdog.feed()
        tasks = [self._receive(), self._send(), self._keeper.run(), self._beat(watchdog)]
        tasks.append(self._show())
        if self._recorder:
            tasks += [self._watch(), self._announce(), self._test_beams()]
        await asyncio.gather(*tasks)

    async def _watch(self):
        inputs = self._inputs
        inputs.start()
        while True:
            wait = inputs.step()
            self._patient.step()
            self._progress |= _INPUTS
            if wait is None:
                await self._edges.wait()
            else:
                await self._edge_or(wait)

    async def _edge_or(self, wait):
        try:
            await asyncio.wait_for_ms(self._edges.wait(), wait)
        except asyncio.TimeoutError:
            pass

    def _make_patient(self):
        self._patient = Patient(self._clock, DEFAULT, self._recorder, self._panel, self._delivered)
        for told in recent(self._journal):
            self._patient.recall(*told)
        flag, gates = self._edges, beams.latches(self._edges)
        latches = [lid.latch(flag)] + gates + buttons.latches(flag)
        parts = (pins.LID,) + pins.BEAMS + pins.BUTTONS + (pins.SERVICE,)
        holds = [part[3] for part in parts]
        known = (self._supply, self._clock.uptime, self._patient)
        self._inputs = Inputs(time, latches, holds, *known)
        self._beams = BeamTest(self._inputs, beams.probe(self._supply, gates), self._patient)

    def _delivered(self):
        # first seq that is not stored at the clinic's side
        return self._link.watermark[0] if self._link.watermark else 0

    async def _test_beams(self):
        while True:
            await asyncio.sleep_ms(_TEST_MS)
            self._beams.step()

    async def _show(self):
        # the panel: woken by what happens, and by its own rhythms
        while True:
            wait = self._panel.step()
            try:
                await asyncio.wait_for_ms(self._changed.wait(), _SHOW_MS if wait is None else wait)
            except asyncio.TimeoutError:
                pass
            self._changed.clear()

    def _show_link(self):
        # whether there is a gateway that talks
        heard = self._heard is not None
        if heard:
            heard = elapsed_s(self._heard, self._clock.uptime()) < _HEARD_S
        self._panel.state("connected", heard)
        self._panel.state("searching", not heard)

    async def _announce(self):
        if not self._journal.damaged():
            await asyncio.sleep_ms(_ANNOUNCE_MS)
        self._recorder.announce()

    async def _receive(self):
        while True:
            data = await self._port.read()
            if not data:
                await asyncio.sleep_ms(_BEAT_MS)  # no host will ever write here
            self._link.feed(data)
            self._heard = self._clock.uptime() if data else self._heard
            self._progress |= _RECEIVING
            self._sending.set()

    async def _send(self):
        while True:
            await self._sending.wait()
            self._sending.clear()
            frame = self._link.pending()
            while frame:
                await self._port.write(frame)
                self._progress |= _SENDING
                frame = self._link.pending()
            self._progress |= _SENDING

    async def _beat(self, watchdog):
        # every other task is woken; the watchdog is fed if each of them got round
        while True:
            self._progress = 0 if self._recorder else _INPUTS
            self._edges.set()
            self._sending.set()
            await asyncio.sleep_ms(_BEAT_MS)
            self._clock.pump()
            self._show_link()
            if self._recorder:
                self._recorder.report_suppressed()
            if not self._port.waiting():
                self._progress |= _RECEIVING
            if self._progress == _ALL:
                watchdog.feed()


def load_chain(i2c):
    # None if the key store is empty or does not answer
    try:
        return chain.load(KeyStore(At24c32(i2c, pins.AT24C32)))
    except OSError:
        return None


def _service(name, found, keys, journal):
    if name is None:
        return wire.SERVICE_UNPROVISIONED
    if not found:
        return wire.SERVICE_JOURNAL_LOST
    if keys is None or journal.foreign:
        return wire.SERVICE_KEY_LOST
    return wire.SERVICE_OK
