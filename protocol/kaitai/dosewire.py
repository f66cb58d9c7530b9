# SHA-256 of dosewire.ksy: 23e13bf22c0d1137cbc5d88faa5ebeecbd5f2f315884fa35660811e94764437f
# SHA-256 of what follows: 3130b110cb0aa9b2527aea7f17f942d2243c4e92ae511d4a94a1b12b0b10bf9b
# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild
# type: ignore

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class Dosewire(KaitaiStruct):
    """Second, independent description of Dosewire's bytes, written by hand from the notes at the fields
    of `protocol/schema/`. It shares no code with it; the golden vectors hold the two together.
    
    The root is one frame of the serial line after its flags are cut off and its escapes are undone
    (RFC 1662, section 4.2). MQTT payloads are bare bodies: `events`, `hello`, `watermark`,
    `config_put`.
    
    Typed views (`to_device`, `to_host`, `typed`, `items`, `decoded`) are instances, read when asked
    for: what a reader does not know or need stays bytes, and bytes after the last field known here
    belong to a newer sender and are ignored.
    """

    class EpochReason(IntEnum):
        provisioned = 1
        replaced = 2

    class ErrorCode(IntEnum):
        unknown_message = 1
        malformed = 2
        wrong_epoch = 3
        not_provisioned = 4
        out_of_range = 5

    class ExpiryReason(IntEnum):
        timeout = 1
        power = 2
        settings = 3

    class FaultKind(IntEnum):
        stuck = 1
        chatter = 2
        impossible = 3
        clock = 4
        key_store = 5
        flash = 6
        crash = 7
        memory = 8

    class GapCause(IntEnum):
        trimmed = 1
        damaged = 2

    class MessageType(IntEnum):
        hello = 1
        read = 2
        events = 3
        ack = 4
        watermark = 5
        time = 6
        config_put = 7
        config_get = 8
        status = 9
        log = 10
        release_begin = 11
        release_chunk = 12
        release_end = 13
        maintenance = 14
        error = 15
        seen = 16
        mode = 17

    class Mode(IntEnum):
        patient = 0
        refill = 1
        technician = 2
        bench = 3

    class PowerSource(IntEnum):
        battery = 0
        usb = 1

    class Quality(IntEnum):
        uptime = 0
        rtc = 1
        synced = 2

    class RecordType(IntEnum):
        epoch = 1
        boot = 2
        time_set = 3
        gap = 4
        state = 5
        maintenance = 6
        suppressed = 7
        heartbeat = 8
        power = 9
        settings_applied = 10
        settings_refused = 11
        release = 12
        fault = 13
        tamper = 14
        seen = 15
        lid_opened = 32
        lid_closed = 33
        dose = 34
        dose_end = 35
        response = 36
        prompt_shown = 37
        prompt_expired = 38
        reminder = 39
        window_missed = 40
        refill = 41

    class RefillAction(IntEnum):
        started = 1
        ended = 2
        possible = 3

    class RefillCause(IntEnum):
        button = 1
        timeout = 2
        lid_closed = 3
        pattern = 4

    class RefusedReason(IntEnum):
        mac = 1
        counter = 2
        malformed = 3
        unsupported = 4
        rule = 5
        board = 6
        version = 7
        micropython = 8
        protocol = 9
        size = 10
        digest = 11

    class Relation(IntEnum):
        none = 0
        in_window = 1
        out_of_window = 2
        wrong_compartment = 3
        excess = 4

    class ReleaseAction(IntEnum):
        received = 1
        started = 2
        confirmed = 3
        reverted = 4
        refused = 5

    class ReminderStep(IntEnum):
        light = 1
        chime = 2
        stopped = 3

    class ResetCause(IntEnum):
        power = 1
        watchdog_or_reset = 3

    class Service(IntEnum):
        ok = 0
        unprovisioned = 1
        key_lost = 2
        journal_lost = 3

    class TamperKind(IntEnum):
        opened_case = 1
        beam_without_lid = 2
        prompt_taken = 3

    class TimeSource(IntEnum):
        gateway = 1
        technician = 2

    class Trigger(IntEnum):
        after_dose = 1
        set_time = 2

    class Work(IntEnum):
        prompt = 0
        bench = 1
    def __init__(self, _io, _parent=None, _root=None):
        super(Dosewire, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.version = self._io.read_bits_int_be(3)
        self.from_host = self._io.read_bits_int_be(1) != 0
        self.reply = self._io.read_bits_int_be(1) != 0
        self.spare = self._io.read_bits_int_be(3)
        self.ref = self._io.read_u1()
        self.type = KaitaiStream.resolve_enum(Dosewire.MessageType, self._io.read_u1())
        self.body = self._io.read_bytes(self._io.size() - 7)
        self.fcs = self._io.read_u4le()


    def _fetch_instances(self):
        pass
        _ = self.to_device
        if hasattr(self, '_m_to_device'):
            pass
            _on = self.type
            if _on == Dosewire.MessageType.ack:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.config_get:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.config_put:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.error:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.hello:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.log:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.maintenance:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.mode:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.read:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.release_begin:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.release_chunk:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.release_end:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.seen:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.status:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.time:
                pass
                self._m_to_device._fetch_instances()
            elif _on == Dosewire.MessageType.watermark:
                pass
                self._m_to_device._fetch_instances()
            else:
                pass

        _ = self.to_host
        if hasattr(self, '_m_to_host'):
            pass
            _on = self.type
            if _on == Dosewire.MessageType.config_get:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.error:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.events:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.hello:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.log:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.mode:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.release_begin:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.seen:
                pass
                self._m_to_host._fetch_instances()
            elif _on == Dosewire.MessageType.status:
                pass
                self._m_to_host._fetch_instances()
            else:
                pass


    class Ack(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Ack, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.epoch = self._io.read_u4be()
            self.next = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class Boot(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Boot, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.cause = KaitaiStream.resolve_enum(Dosewire.ResetCause, self._io.read_u1())
            self.skipped = self._io.read_u2be()
            self.major = self._io.read_u1()
            self.minor = self._io.read_u1()
            self.patch = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class Config(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Config, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.counter = self._io.read_u4be()
            self.settings = self._io.read_bytes_full()


        def _fetch_instances(self):
            pass
            _ = self.decoded
            if hasattr(self, '_m_decoded'):
                pass
                self._m_decoded._fetch_instances()


        @property
        def decoded(self):
            if hasattr(self, '_m_decoded'):
                return self._m_decoded

            if len(self.settings) > 0:
                pass
                _pos = self._io.pos()
                self._io.seek(4)
                self._m_decoded = Dosewire.Settings(self._io, self, self._root)
                self._io.seek(_pos)

            return getattr(self, '_m_decoded', None)


    class ConfigPut(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.ConfigPut, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.counter = self._io.read_u4be()
            self.mac = self._io.read_bytes(16)
            self.settings = self._io.read_bytes_full()


        def _fetch_instances(self):
            pass
            _ = self.decoded
            if hasattr(self, '_m_decoded'):
                pass
                self._m_decoded._fetch_instances()


        @property
        def decoded(self):
            if hasattr(self, '_m_decoded'):
                return self._m_decoded

            _pos = self._io.pos()
            self._io.seek(20)
            self._m_decoded = Dosewire.Settings(self._io, self, self._root)
            self._io.seek(_pos)
            return getattr(self, '_m_decoded', None)


    class Dose(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Dose, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.compartment = self._io.read_u1()
            self.window = self._io.read_u1()
            self.relation = KaitaiStream.resolve_enum(Dosewire.Relation, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class DoseEnd(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.DoseEnd, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.compartment = self._io.read_u1()
            self.dwell = self._io.read_u4be()
            self.breaks = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class Empty(KaitaiStruct):
        """config_get, status and release_end to the dispenser carry nothing."""
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Empty, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            pass


        def _fetch_instances(self):
            pass


    class EnterMaintenance(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.EnterMaintenance, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.minutes = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class EnterMode(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.EnterMode, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.mode = KaitaiStream.resolve_enum(Dosewire.Mode, self._io.read_u1())
            self.minutes = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class Epoch(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Epoch, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.epoch = self._io.read_u4be()
            self.previous = self._io.read_u4be()
            self.reason = KaitaiStream.resolve_enum(Dosewire.EpochReason, self._io.read_u1())
            self.board_id = self._io.read_bytes(8)


        def _fetch_instances(self):
            pass


    class Error(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Error, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.code = KaitaiStream.resolve_enum(Dosewire.ErrorCode, self._io.read_u1())
            self.type = KaitaiStream.resolve_enum(Dosewire.MessageType, self._io.read_u1())
            self.text = self._io.read_bytes_full()


        def _fetch_instances(self):
            pass


    class Events(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Events, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.epoch = self._io.read_u4be()
            self.previous = self._io.read_bytes(8)
            self.count = self._io.read_u1()
            self.records = self._io.read_bytes_full()


        def _fetch_instances(self):
            pass
            _ = self.items
            if hasattr(self, '_m_items'):
                pass
                for i in range(len(self._m_items)):
                    pass
                    self._m_items[i]._fetch_instances()



        @property
        def items(self):
            if hasattr(self, '_m_items'):
                return self._m_items

            _pos = self._io.pos()
            self._io.seek(13)
            self._m_items = []
            for i in range(self.count):
                self._m_items.append(Dosewire.Record(self._io, self, self._root))

            self._io.seek(_pos)
            return getattr(self, '_m_items', None)


    class Fault(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Fault, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.kind = KaitaiStream.resolve_enum(Dosewire.FaultKind, self._io.read_u1())
            self.subject = self._io.read_u1()
            self.value = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class Gap(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Gap, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.first = self._io.read_u4be()
            self.last = self._io.read_u4be()
            self.cause = KaitaiStream.resolve_enum(Dosewire.GapCause, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class Heartbeat(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Heartbeat, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.uptime = self._io.read_u4be()
            self.free = self._io.read_u4be()
            self.held = self._io.read_u2be()
            self.battery = self._io.read_u2be()
            self.source = KaitaiStream.resolve_enum(Dosewire.PowerSource, self._io.read_u1())
            self.temperature = self._io.read_u1()
            self.clock_age = self._io.read_u4be()
            self.worst_gap = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Hello(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Hello, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.device_id = self._io.read_bytes(8)
            self.board = self._io.read_bytes(8)
            self.major = self._io.read_u1()
            self.minor = self._io.read_u1()
            self.patch = self._io.read_u1()
            self.version = self._io.read_u1()
            self.service = KaitaiStream.resolve_enum(Dosewire.Service, self._io.read_u1())
            self.boot = self._io.read_u2be()
            self.epoch = self._io.read_u4be()
            self.first = self._io.read_u4be()
            self.next = self._io.read_u4be()
            self.tag = self._io.read_bytes(8)
            self.uptime = self._io.read_u4be()
            self.time = self._io.read_u4be()
            self.quality = KaitaiStream.resolve_enum(Dosewire.Quality, self._io.read_u1())
            self.nonce = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class HelloRequest(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.HelloRequest, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.oldest = self._io.read_u1()
            self.newest = self._io.read_u1()
            if (not (self._io.is_eof())):
                pass
                self.away = self._io.read_u1()



        def _fetch_instances(self):
            pass
            if (not (self._io.is_eof())):
                pass



    class LidClosed(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.LidClosed, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.duration = self._io.read_u4be()
            self.compartments = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class LidOpened(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.LidOpened, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Log(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Log, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.dropped = self._io.read_u2be()
            self.text = self._io.read_bytes_full()


        def _fetch_instances(self):
            pass


    class LogGet(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.LogGet, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.window = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Maintenance(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Maintenance, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.uptime = self._io.read_u4be()
            if (not (self._io.is_eof())):
                pass
                self.work = KaitaiStream.resolve_enum(Dosewire.Work, self._io.read_u1())



        def _fetch_instances(self):
            pass
            if (not (self._io.is_eof())):
                pass



    class ModeNow(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.ModeNow, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.mode = KaitaiStream.resolve_enum(Dosewire.Mode, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class Power(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Power, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.source = KaitaiStream.resolve_enum(Dosewire.PowerSource, self._io.read_u1())
            self.battery = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class PromptExpired(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.PromptExpired, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.question = self._io.read_u1()
            self.prompt = self._io.read_u4be()
            self.reason = KaitaiStream.resolve_enum(Dosewire.ExpiryReason, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class PromptShown(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.PromptShown, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.question = self._io.read_u1()
            self.prompt = self._io.read_u4be()
            self.trigger = KaitaiStream.resolve_enum(Dosewire.Trigger, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class Question(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Question, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.question = self._io.read_u1()
            self.trigger = KaitaiStream.resolve_enum(Dosewire.Trigger, self._io.read_u1())
            self.weekdays = self._io.read_u1()
            self.minute = self._io.read_u2be()
            self.expiry = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Read(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Read, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.epoch = self._io.read_u4be()
            self.start = self._io.read_u4be()
            self.window = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Record(KaitaiStruct):
        """One event; the same bytes from the dispenser's flash to the backend. At most 64 bytes."""
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Record, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.seq = self._io.read_u4be()
            self.boot = self._io.read_u2be()
            self.time = self._io.read_u4be()
            self.stamp = self._io.read_u2be()
            self.type = KaitaiStream.resolve_enum(Dosewire.RecordType, self._io.read_u1())
            self.len_data = self._io.read_u1()
            if not self.len_data <= 42:
                raise kaitaistruct.ValidationGreaterThanError(42, self.len_data, self._io, u"/types/record/seq/5")
            self._raw_data = self._io.read_bytes(self.len_data)
            _io__raw_data = KaitaiStream(BytesIO(self._raw_data))
            self.data = Dosewire.RecordData(self.type, _io__raw_data, self, self._root)
            self.tag = self._io.read_bytes(8)


        def _fetch_instances(self):
            pass
            self.data._fetch_instances()

        @property
        def mode(self):
            if hasattr(self, '_m_mode'):
                return self._m_mode

            self._m_mode = KaitaiStream.resolve_enum(Dosewire.Mode, self.stamp >> 12 & 3)
            return getattr(self, '_m_mode', None)

        @property
        def ms(self):
            if hasattr(self, '_m_ms'):
                return self._m_ms

            self._m_ms = self.stamp & 1023
            return getattr(self, '_m_ms', None)

        @property
        def quality(self):
            if hasattr(self, '_m_quality'):
                return self._m_quality

            self._m_quality = KaitaiStream.resolve_enum(Dosewire.Quality, self.stamp >> 14)
            return getattr(self, '_m_quality', None)


    class RecordData(KaitaiStruct):
        def __init__(self, type, _io, _parent=None, _root=None):
            super(Dosewire.RecordData, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.type = type
            self._read()

        def _read(self):
            pass


        def _fetch_instances(self):
            pass
            _ = self.raw
            if hasattr(self, '_m_raw'):
                pass

            _ = self.typed
            if hasattr(self, '_m_typed'):
                pass
                _on = self.type
                if _on == Dosewire.RecordType.boot:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.dose:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.dose_end:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.epoch:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.fault:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.gap:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.heartbeat:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.lid_closed:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.lid_opened:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.maintenance:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.power:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.prompt_expired:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.prompt_shown:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.refill:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.release:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.reminder:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.response:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.seen:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.settings_applied:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.settings_refused:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.state:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.suppressed:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.tamper:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.time_set:
                    pass
                    self._m_typed._fetch_instances()
                elif _on == Dosewire.RecordType.window_missed:
                    pass
                    self._m_typed._fetch_instances()
                else:
                    pass


        @property
        def raw(self):
            if hasattr(self, '_m_raw'):
                return self._m_raw

            _pos = self._io.pos()
            self._io.seek(0)
            self._m_raw = self._io.read_bytes_full()
            self._io.seek(_pos)
            return getattr(self, '_m_raw', None)

        @property
        def typed(self):
            """bytes for a type that is not known here."""
            if hasattr(self, '_m_typed'):
                return self._m_typed

            _pos = self._io.pos()
            self._io.seek(0)
            _on = self.type
            if _on == Dosewire.RecordType.boot:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Boot(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.dose:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Dose(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.dose_end:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.DoseEnd(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.epoch:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Epoch(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.fault:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Fault(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.gap:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Gap(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.heartbeat:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Heartbeat(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.lid_closed:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.LidClosed(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.lid_opened:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.LidOpened(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.maintenance:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Maintenance(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.power:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Power(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.prompt_expired:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.PromptExpired(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.prompt_shown:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.PromptShown(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.refill:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Refill(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.release:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Release(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.reminder:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Reminder(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.response:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Response(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.seen:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Seen(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.settings_applied:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.SettingsApplied(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.settings_refused:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.SettingsRefused(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.state:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.State(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.suppressed:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Suppressed(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.tamper:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.Tamper(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.time_set:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.TimeSet(_io__raw__m_typed, self, self._root)
            elif _on == Dosewire.RecordType.window_missed:
                pass
                self._raw__m_typed = self._io.read_bytes_full()
                _io__raw__m_typed = KaitaiStream(BytesIO(self._raw__m_typed))
                self._m_typed = Dosewire.WindowMissed(_io__raw__m_typed, self, self._root)
            else:
                pass
                self._m_typed = self._io.read_bytes_full()
            self._io.seek(_pos)
            return getattr(self, '_m_typed', None)


    class Refill(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Refill, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.action = KaitaiStream.resolve_enum(Dosewire.RefillAction, self._io.read_u1())
            self.cause = KaitaiStream.resolve_enum(Dosewire.RefillCause, self._io.read_u1())
            self.compartments = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class Release(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Release, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.action = KaitaiStream.resolve_enum(Dosewire.ReleaseAction, self._io.read_u1())
            self.major = self._io.read_u1()
            self.minor = self._io.read_u1()
            self.patch = self._io.read_u1()
            self.slot = self._io.read_u1()
            self.reason = self._io.read_u1()
            self.counter = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class ReleaseBegin(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.ReleaseBegin, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.counter = self._io.read_u4be()
            self.mac = self._io.read_bytes(16)
            self.major = self._io.read_u1()
            self.minor = self._io.read_u1()
            self.patch = self._io.read_u1()
            self.files = self._io.read_u1()
            self.size = self._io.read_u2be()
            self.manifest = self._io.read_bytes(32)


        def _fetch_instances(self):
            pass


    class ReleaseChunk(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.ReleaseChunk, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.file = self._io.read_u1()
            self.offset = self._io.read_u4be()
            self.data = self._io.read_bytes_full()


        def _fetch_instances(self):
            pass


    class ReleaseProgress(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.ReleaseProgress, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.file = self._io.read_u1()
            self.offset = self._io.read_u4be()
            self.refused = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class Reminder(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Reminder, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.window = self._io.read_u1()
            self.step = KaitaiStream.resolve_enum(Dosewire.ReminderStep, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class Response(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Response, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.button = self._io.read_u1()
            self.question = self._io.read_u1()
            self.prompt = self._io.read_u4be()
            self.corrects = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class Seen(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Seen, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.next = self._io.read_u4be()
            self.reason = self._io.read_u1()
            self.counter = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class SeenNow(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.SeenNow, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.counter = self._io.read_u4be()
            self.next = self._io.read_u4be()
            self.refused = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class SeenPut(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.SeenPut, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.counter = self._io.read_u4be()
            self.mac = self._io.read_bytes(16)
            self.epoch = self._io.read_u4be()
            self.next = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class SeqRange(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.SeqRange, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.first = self._io.read_u4be()
            self.last = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class Settings(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Settings, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.version = self._io.read_u2be()
            self.volume = self._io.read_u1()
            self.reminders = self._io.read_u1()
            self.quiet_start = self._io.read_u2be()
            self.quiet_end = self._io.read_u2be()
            self.silence = self._io.read_u1()
            self.sets = self._io.read_u1()
            self.num_transitions = self._io.read_u1()
            self.transitions = []
            for i in range(self.num_transitions):
                self.transitions.append(Dosewire.Transition(self._io, self, self._root))

            self.num_windows = self._io.read_u1()
            self.windows = []
            for i in range(self.num_windows):
                self.windows.append(Dosewire.Window(self._io, self, self._root))

            self.num_questions = self._io.read_u1()
            self.questions = []
            for i in range(self.num_questions):
                self.questions.append(Dosewire.Question(self._io, self, self._root))



        def _fetch_instances(self):
            pass
            for i in range(len(self.transitions)):
                pass
                self.transitions[i]._fetch_instances()

            for i in range(len(self.windows)):
                pass
                self.windows[i]._fetch_instances()

            for i in range(len(self.questions)):
                pass
                self.questions[i]._fetch_instances()



    class SettingsApplied(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.SettingsApplied, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.version = self._io.read_u2be()
            self.previous = self._io.read_u2be()
            self.counter = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class SettingsRefused(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.SettingsRefused, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.version = self._io.read_u2be()
            self.reason = KaitaiStream.resolve_enum(Dosewire.RefusedReason, self._io.read_u1())
            self.counter = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class State(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.State, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.active = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Status(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Status, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.uptime = self._io.read_u4be()
            self.free = self._io.read_u4be()
            self.active = self._io.read_u2be()
            self.battery = self._io.read_u2be()
            self.worst_gap = self._io.read_u2be()
            self.bad_frames = self._io.read_u2be()
            self.watermark = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class Suppressed(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Suppressed, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.type = KaitaiStream.resolve_enum(Dosewire.RecordType, self._io.read_u1())
            self.count = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Tamper(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Tamper, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.kind = KaitaiStream.resolve_enum(Dosewire.TamperKind, self._io.read_u1())
            self.subject = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class Time(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Time, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.time = self._io.read_u4be()
            self.ms = self._io.read_u2be()
            self.uncertainty = self._io.read_u4be()
            self.source = KaitaiStream.resolve_enum(Dosewire.TimeSource, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class TimeSet(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.TimeSet, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.uptime = self._io.read_u4be()
            self.uptime_ms = self._io.read_u2be()
            self.old = self._io.read_u4be()
            self.old_ms = self._io.read_u2be()
            self.old_quality = KaitaiStream.resolve_enum(Dosewire.Quality, self._io.read_u1())
            self.new = self._io.read_u4be()
            self.new_ms = self._io.read_u2be()
            self.uncertainty = self._io.read_u4be()
            self.source = KaitaiStream.resolve_enum(Dosewire.TimeSource, self._io.read_u1())


        def _fetch_instances(self):
            pass


    class Transition(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Transition, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.start = self._io.read_u4be()
            self.offset = self._io.read_u2be()


        def _fetch_instances(self):
            pass


    class Watermark(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Watermark, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.epoch = self._io.read_u4be()
            self.next = self._io.read_u4be()
            self.tag = self._io.read_bytes(8)
            self.store = self._io.read_u4be()
            self.rev = self._io.read_u4be()
            self.num_ranges = self._io.read_u1()
            self.ranges = []
            for i in range(self.num_ranges):
                self.ranges.append(Dosewire.SeqRange(self._io, self, self._root))

            self.num_refused = self._io.read_u1()
            self.refused = []
            for i in range(self.num_refused):
                self.refused.append(self._io.read_u4be())



        def _fetch_instances(self):
            pass
            for i in range(len(self.ranges)):
                pass
                self.ranges[i]._fetch_instances()

            for i in range(len(self.refused)):
                pass



    class Window(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.Window, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.number = self._io.read_u1()
            self.compartment = self._io.read_u1()
            self.weekdays = self._io.read_u1()
            self.start = self._io.read_u2be()
            self.length = self._io.read_u2be()
            self.in_quiet = self._io.read_u1()


        def _fetch_instances(self):
            pass


    class WindowMissed(KaitaiStruct):
        def __init__(self, _io, _parent=None, _root=None):
            super(Dosewire.WindowMissed, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.settings = self._io.read_u2be()
            self.window = self._io.read_u1()
            self.compartment = self._io.read_u1()
            self.start = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    @property
    def to_device(self):
        if hasattr(self, '_m_to_device'):
            return self._m_to_device

        if self.from_host:
            pass
            _pos = self._io.pos()
            self._io.seek(3)
            _on = self.type
            if _on == Dosewire.MessageType.ack:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Ack(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.config_get:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Empty(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.config_put:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.ConfigPut(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.error:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Error(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.hello:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.HelloRequest(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.log:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.LogGet(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.maintenance:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.EnterMaintenance(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.mode:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.EnterMode(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.read:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Read(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.release_begin:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.ReleaseBegin(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.release_chunk:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.ReleaseChunk(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.release_end:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Empty(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.seen:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.SeenPut(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.status:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Empty(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.time:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Time(_io__raw__m_to_device, self, self._root)
            elif _on == Dosewire.MessageType.watermark:
                pass
                self._raw__m_to_device = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_device = KaitaiStream(BytesIO(self._raw__m_to_device))
                self._m_to_device = Dosewire.Watermark(_io__raw__m_to_device, self, self._root)
            else:
                pass
                self._m_to_device = self._io.read_bytes(self._io.size() - 7)
            self._io.seek(_pos)

        return getattr(self, '_m_to_device', None)

    @property
    def to_host(self):
        if hasattr(self, '_m_to_host'):
            return self._m_to_host

        if (not (self.from_host)):
            pass
            _pos = self._io.pos()
            self._io.seek(3)
            _on = self.type
            if _on == Dosewire.MessageType.config_get:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.Config(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.error:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.Error(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.events:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.Events(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.hello:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.Hello(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.log:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.Log(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.mode:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.ModeNow(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.release_begin:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.ReleaseProgress(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.seen:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.SeenNow(_io__raw__m_to_host, self, self._root)
            elif _on == Dosewire.MessageType.status:
                pass
                self._raw__m_to_host = self._io.read_bytes(self._io.size() - 7)
                _io__raw__m_to_host = KaitaiStream(BytesIO(self._raw__m_to_host))
                self._m_to_host = Dosewire.Status(_io__raw__m_to_host, self, self._root)
            else:
                pass
                self._m_to_host = self._io.read_bytes(self._io.size() - 7)
            self._io.seek(_pos)

        return getattr(self, '_m_to_host', None)


