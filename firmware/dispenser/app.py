# The dispenser: makes the parts, joins them, runs them.
import asyncio
import time

from micropython import const

from dispenser import VERSION, chain, identity, pins, wire
from dispenser.clock import Clock
from dispenser.drivers import beams, buttons, chip, console, lid
from dispenser.drivers.eeprom import At24c32
from dispenser.drivers.rtc import Ds3231
from dispenser.drivers.usb import Port
from dispenser.drivers.watchdog import Watchdog
from dispenser.inputs import Inputs
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.link import Link
from dispenser.recorder import Recorder
from dispenser.timekeeper import Timekeeper

JOURNAL = "/journal"
_ANNOUNCE_MS = const(60000)
_BEAT_MS = const(3000)  # two of them may be missed
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
        self._progress = 0
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
            self._recorder.housekeeping(wire.TIME_SET, changed + (uncertainty, source))

    # ---- tasks -------------------------------------------------------------------------------

    async def _run(self):
        watchdog = Watchdog()
        watchdog.feed()
        tasks = [self._receive(), self._send(), self._keeper.run(), self._beat(watchdog)]
        if self._recorder:
            tasks += [self._watch(), self._announce()]
        await asyncio.gather(*tasks)

    async def _watch(self):
        inputs = self._make_inputs()
        inputs.start()
        while True:
            wait = inputs.step()
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

    def _make_inputs(self):
        flag = self._edges
        latches = [lid.latch(flag)] + beams.latches(flag) + buttons.latches(flag)
        parts = (pins.LID,) + pins.BEAMS + pins.BUTTONS + (pins.SERVICE,)
        holds = [part[3] for part in parts]
        return Inputs(time, latches, holds, self._supply, self._clock.uptime, self._emit)

    def _emit(self, kind, values, tick):
        if kind == wire.STATE:
            self._recorder.state(values, tick)
        else:
            self._recorder.patient(kind, values, tick)

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
