# Commands of the backend: believed if the MAC is right and the counter greater than the last one
# accepted. Whatever becomes of one, a record tells it.
from dispenser import codes, settings, wire
from dispenser.mac import Hmac


class Commands:
    # `key` is the command key, None without one; `use(settings)` puts them in force
    def __init__(self, key, device, file, recorder, use):
        self._mac = Hmac(key) if key else None
        self._device = device
        self._file = file
        self._recorder = recorder
        self._use = use
        self._resume(self._load())

    def serve(self, link):
        self._link = link
        link.serve(wire.MESSAGE_CONFIG_PUT, self._config_put)
        link.serve(wire.MESSAGE_CONFIG_GET, self._config_get)

    def _load(self):
        # what is in force; version of what was so before
        self.counter, before, self.body = self._file.load()
        self.settings = self._parse()
        return before

    def _parse(self):
        try:
            return settings.parse(self.body) if self.body else settings.DEFAULT
        except settings.Refused:
            # an earlier release allowed what this one does not
            return settings.DEFAULT

    def _resume(self, before):
        # a cut came between the settings and their record
        if self._file.damaged:
            self._fault()
        untold = self._file.untold()
        if untold is not None:
            if untold == self.counter:
                self._tell(before)
            self._file.told()

    def _fault(self):
        self._recorder.housekeeping(wire.FAULT, (codes.FAULT_FLASH, 255, 0))

    def _tell(self, before):
        self._recorder.command(
            wire.SETTINGS_APPLIED, (self.settings.version, before, self.counter)
        )

    def _config_get(self, ref):
        self._link.answer(wire.MESSAGE_CONFIG_GET, ref, self.counter, self.body)

    def _config_put(self, ref, counter, mac, body):
        authentic = self._is_authentic(wire.MESSAGE_CONFIG_PUT, counter, mac, body)
        # the same once more is no second command
        if not (authentic and counter == self.counter and body == self.body):
            try:
                self._apply(authentic, counter, body)
            except OSError:
                self._load()
                self._fault()
            except settings.Refused as refused:
                values = (refused.version, refused.reason, self.counter)
                self._recorder.housekeeping(wire.SETTINGS_REFUSED, values)
        self._config_get(ref)

    def _apply(self, authentic, counter, body):
        if not authentic:
            raise settings.Refused(codes.REFUSED_MAC)
        if counter <= self.counter:
            raise settings.Refused(codes.REFUSED_COUNTER)
        new = settings.parse(body)
        before = self.settings.version
        if new.version == before and body != self.body:
            raise settings.Refused(codes.REFUSED_RULE, before)  # records name them by version
        self._file.put(counter, before, body)
        self.counter, self.body, self.settings = counter, body, new
        self._tell(before)
        self._use(new)
        self._file.told()

    def _is_authentic(self, kind, counter, mac, body):
        if not self._mac:
            return False
        head = self._device + bytes((kind,)) + counter.to_bytes(4, "big")
        return self._mac.digest(head, body)[: len(mac)] == mac
