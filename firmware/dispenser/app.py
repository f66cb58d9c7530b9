# The dispenser: makes the parts, joins them, runs them.
import asyncio
import gc
import sys
import time

from micropython import const

from dispenser import VERSION, chain, codes, identity, pins, wire
from dispenser.beamtest import BeamTest
from dispenser.clock import Clock, Timekeeper, elapsed_s
from dispenser.commands import Commands
from dispenser.drivers import beams, buttons, chip, lid, usb
from dispenser.drivers.buzzer import Buzzer
from dispenser.drivers.eeprom import At24c32
from dispenser.drivers.lights import Lights
from dispenser.drivers.rtc import Ds3231
from dispenser.health import Upkeep
from dispenser.inputs import Inputs
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.link import Link
from dispenser.panel import Panel
from dispenser.patient import Patient, Plain, least
from dispenser.pulse import Progress, Pulse, Rounds
from dispenser.reader import recent
from dispenser.recorder import Recorder
from dispenser.release import Release
from dispenser.selftest import World
from dispenser.service import Log, Service, keep_crash
from dispenser.settings import SettingsFile
from dispenser.slots import Slots

JOURNAL = "/journal"
SETTINGS = "/settings"
ROOT = ""  # of the slots and of what points to one
_KEY_TRIES = const(10)
_KEY_PAUSE_MS = const(30)
_KEY_AGAIN_MS = const(3000)
_ANNOUNCE_S = const(60)
_SAFE_S = const(3600)
_TEST_S = const(60)  # between looks at the beams
_TECH_MINUTES = const(15)  # who sets the time by hand is at work on it
_HEARD_S = const(180)  # a gateway that says nothing for longer is gone
_SEARCH_S = const(300)  # without one: from here on the panel shows it more slowly
_AWAY_MIN = const(10)  # a gateway that is cut off for so long is better put elsewhere
_NO_HOST_MS = const(2000)
_HUNG = const(0xFFFF0000)  # what is left of a start that hung; the low bits are its tasks
_MINUTES = const(15)
_SHARE = const(16)  # of the heap that may be allocated before garbage is collected


class Dispenser:
    # `safe` leaves out what a patient can do without: starts came to nothing again and again
    def __init__(self, safe=False):
        gc.collect()
        gc.threshold((gc.mem_free() + gc.mem_alloc()) // _SHARE)
        self._safe = safe
        self._fault = chip.fault()
        chip.keep_fault(_HUNG)
        self._minutes = _MINUTES  # a tech may have the prompt for
        i2c = chip.bus()
        self._rtc = Ds3231(i2c, pins.DS3231)
        self._clock = Clock(time)
        self._log = Log(self._clock.uptime)
        self._keeper = Timekeeper(self._clock, self._rtc, asyncio.Event(), asyncio.sleep_ms)
        self._keeper.start()
        self._guard = usb.Guard()
        self._sending = asyncio.Event()
        self._woken = asyncio.ThreadSafeFlag()  # something has happened
        self._supply = beams.supply()
        self._chunked = asyncio.Event()
        self._panel = None if safe else Panel(time, Lights(), Buzzer(), self._woken.set)
        if self._panel:
            self._panel.step()  # shows that it starts
        self._progress = Progress()
        self._rounds = Rounds(time)
        self._pulse = Pulse(self._clock, self._progress, self._feed, self._hung)
        self._writing = False
        self._set_rounds = 0
        self._heard = None  # uptime at which a host last spoke
        self._doubted = False  # a time was refused
        self._store = KeyStore(At24c32(i2c, pins.AT24C32))
        self._upkeep = None
        self._open(self._load(self._store.load))
        self._port = usb.Port()

    @staticmethod
    def crashed(error):
        chip.keep_fault(keep_crash(error))

    def run(self):
        # never returns; raises KeyboardInterrupt when a tech takes the prompt
        asyncio.run(self._run())

    def pause(self):
        # the prompt is taken: nothing but flash is believed any more. Minutes that it is given for
        self._guard.hold()
        try:
            self._supply(0)
            if self._recorder and self._journal.open():
                self._recorder.announce()
                uptime = self._clock.uptime()[0]
                values = (uptime, codes.WORK_PROMPT)
                self._recorder.housekeeping(wire.MAINTENANCE, values, wire.MODE_TECHNICIAN)
        except Exception as error:
            keep_crash(error)  # a tech with the prompt can do more about it
        return self._minutes

    def _load(self, read):
        # a key store that is silent for a moment has lost nothing
        for _ in range(_KEY_TRIES):
            try:
                self._silent = False
                return read()
            except OSError:
                self._silent = True
                time.sleep_ms(_KEY_PAUSE_MS)
        self._log.add("key store silent")
        return None

    def _open(self, slot):
        keys = chain.Chain(self._store, *slot) if slot else None
        self._journal = Journal(JOURNAL, keys, self._guard)
        found = self._journal.open()
        name = identity.load()
        service = identity.service(name, found, keys, self._journal)
        self._recorder = self._make_recorder() if service == wire.SERVICE_OK else None
        boot = self._recorder.boot if self._recorder else self._journal.boot
        about = identity.About(name, service, boot)
        self._link = Link(about, self._journal if found else None, self._clock, self._set_time)
        Service(self._link, self._vitals, self._log, self._enter, self._maintain)
        self._state("service", service != wire.SERVICE_OK)
        self._log.add("boot, service %d%s" % (service, ", safe" if self._safe else ""))
        if self._recorder:
            self._make_commands(name)
            self._make_patient()
            if not self._safe:
                self._make_upkeep()

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
        # False if it cannot be that time
        if not self._keeper.believes(seconds, source, self._journal.synced):
            self._doubt(seconds)
            return False
        changed = self._keeper.sync(seconds, ms)
        if self._recorder and source == wire.SOURCE_TECHNICIAN:
            self._patient.enter(wire.MODE_TECHNICIAN, _TECH_MINUTES)
        if changed and self._recorder:
            self._patient.clock_set(changed)
            self._recorder.housekeeping(wire.TIME_SET, changed + (uncertainty, source))
        return True

    def _doubt(self, seconds):
        # once a boot
        if self._recorder and not self._doubted:
            self._recorder.housekeeping(wire.FAULT, (codes.FAULT_CLOCK, 255, seconds))
        self._doubted = True
        self._log.add("time refused")

    def _make_commands(self, name):
        key = self._load(self._store.load_command)
        file = SettingsFile(SETTINGS, self._guard)
        self._commands = Commands(key, name, file, self._recorder, self._use)
        self._commands.serve(self._link)
        authority, told = self._commands.authority, self._recorder.housekeeping
        self._slots = Slots(ROOT, self._guard, sys.path[0][-1], VERSION, told, authority)
        platform = (pins.BOARD, sys.implementation.version[:3])
        settled = lambda: self._safe or self._slots.confirmed()  # noqa: E731
        asked = (lambda: self._inputs.dark(), settled, self._restart)
        self._release = Release(self._slots, authority, self._recorder, platform, *asked)
        self._release.serve(self._link, self._chunked.set, self._sending.set)

    def _use(self, new):
        self._patient.use(new)
        self._log.add("settings %d" % new.version)

    def _make_upkeep(self):
        parts = (self._clock, self._keeper, self._recorder, self._journal, self._slots)
        self._upkeep = Upkeep(*parts, World(self._rtc), self._patient.power, self._pulse.stall)

    def _vitals(self):
        # fields of STATUS
        gc.collect()
        vitals = (self._clock.uptime()[0], gc.mem_free())
        if not self._upkeep:
            return vitals + (0, 0, 0)
        upkeep = self._upkeep
        return vitals + (self._inputs.mask(), upkeep.supply.battery, self._pulse.stall.worst)

    def _enter(self, mode, minutes):
        # mode of the records from now on, None without a journal
        if not self._recorder:
            return None
        self._patient.enter(mode, minutes)
        if self._recorder.mode == wire.MODE_BENCH:
            values = (self._clock.uptime()[0], codes.WORK_BENCH)
            self._recorder.housekeeping(wire.MAINTENANCE, values)
        return self._recorder.mode

    def _maintain(self, minutes):
        self._minutes = minutes
        raise KeyboardInterrupt

    def _state(self, name, on):
        if self._panel:
            self._panel.state(name, on)

    # ---- tasks -------------------------------------------------------------------------------

    async def _run(self):
        self._state("starting", False)
        self._watchdog = chip.Watchdog()
        self._watchdog.feed()
        join = self._progress.join
        self._sender = join(lambda: self._sending.is_set() or self._writing)
        self._receiver = join(self._port.waiting)
        self._setter = join(self._keeper.waits)
        tasks = [self._receive(), self._send(), self._keeper.run(), self._live()]
        if self._recorder:
            tasks.append(self._release.run(self._chunked, asyncio.sleep_ms))
        elif self._silent:
            tasks.append(self._await_key())
        await asyncio.gather(*tasks)

    async def _live(self):
        # all that has its time, or is woken by an edge
        self._join_rounds()
        happened = True
        while True:
            wait = self._rounds.run(happened)
            happened = await self._woken_within(max(wait, 1))

    async def _woken_within(self, ms):
        try:
            await asyncio.wait_for_ms(self._woken.wait(), ms)
        except asyncio.TimeoutError:
            return False
        return True

    def _join_rounds(self):
        rounds = self._rounds
        rounds.join(self._beat, False)  # first: a record that is being written must not delay it
        if self._recorder:
            self._inputs.start()
            rounds.join(self._feel, True)
            self._tell_fault()
            if self._upkeep:
                self._upkeep.start()
                rounds.join(self._test_beams, False)
        if self._panel:
            rounds.join(self._panel.step, True)

    def _feel(self):
        return least(self._inputs.step(), self._patient.step())

    def _test_beams(self):
        if self._clock.uptime()[0] >= _TEST_S:
            self._beams.step()
        return _TEST_S * 1000

    def _make_patient(self):
        self._patient = self._make_plain() if self._safe else self._make_whole()
        flag, gates = self._woken, beams.latches(self._woken)
        latches = [lid.latch(flag)] + gates + buttons.latches(flag)
        parts = (pins.LID,) + pins.BEAMS + pins.BUTTONS + (pins.SERVICE,)
        holds = [part[3] for part in parts]
        known = (self._supply, self._clock.uptime, self._patient)
        self._inputs = Inputs(time, latches, holds, *known)
        self._beams = BeamTest(self._inputs, beams.probe(self._supply, gates), self._patient)

    def _make_plain(self):
        return Plain(self._clock.uptime, self._commands.settings.version, self._recorder)

    def _make_whole(self):
        settings = self._commands.settings
        known = (self._recorder, self._panel, self._delivered, lambda: self._commands.seen)
        patient = Patient(self._clock, settings, *known)
        for told in recent(self._journal):
            patient.recall(*told)
        return patient

    def _delivered(self):
        # first seq that is not stored at the clinic's side
        return self._link.watermark[0] if self._link.watermark else 0

    def _tell_fault(self):
        if self._fault:
            self._recorder.housekeeping(wire.FAULT, (codes.FAULT_CRASH, 255, self._fault))

    def _announce(self):
        if self._journal.damaged() or self._clock.uptime()[0] >= _ANNOUNCE_S:
            self._recorder.announce()

    async def _await_key(self):
        # with its key the dispenser can do its work again, from the start
        while True:
            await asyncio.sleep_ms(_KEY_AGAIN_MS)
            if self._load(self._store.load):
                self._restart()

    @staticmethod
    def _restart():
        chip.went_well()
        chip.keep_fault(0)
        chip.reset()

    def _show_link(self):
        # whether there is a gateway that talks
        since = elapsed_s(self._heard or (0, 0), self._clock.uptime())
        heard = self._heard is not None and since < _HEARD_S
        self._state("connected", heard)
        self._state("offline", heard and self._link.away >= _AWAY_MIN)
        self._state("searching", not heard and since < _SEARCH_S)
        self._state("waiting", not heard and since >= _SEARCH_S)

    async def _receive(self):
        while True:
            data = await self._port.read()
            if not data:
                await asyncio.sleep_ms(_NO_HOST_MS)  # no host will ever write here
            self._link.feed(data)
            self._heard = self._clock.uptime() if data else self._heard
            self._progress.mark(self._receiver)
            self._show_link()
            self._sending.set()
            self._woken.set()

    async def _send(self):
        while True:
            await self._sending.wait()
            self._sending.clear()
            self._writing = True
            frame = self._link.pending()
            while frame:
                await self._port.write(frame)
                self._progress.mark(self._sender)
                frame = self._link.pending()
            self._writing = False

    def _beat(self):
        # ms until the next one. All that is looked at now and then is looked at here
        if self._keeper.rounds != self._set_rounds:
            self._set_rounds = self._keeper.rounds
            self._progress.mark(self._setter)
        wait = self._pulse.step()
        self._show_link()
        if self._recorder:
            self._recorder.report_suppressed()
            self._announce()
            self._pulse.stall.note(self._recorder.longest)
        if self._upkeep:
            return least(wait, self._upkeep.step())
        if self._safe and self._clock.uptime()[0] >= _SAFE_S:
            chip.went_well()  # it has lasted so long that a whole start may be tried again
        return wait

    def _feed(self):
        self._watchdog.feed()

    def _hung(self, missing):
        chip.keep_fault(_HUNG | missing)
