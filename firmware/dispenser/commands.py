# Commands of the backend about settings, and what the clinic has seen. Whatever becomes of one, a
# record tells it. The backend signs them with a key that only it and the dispenser have, and
# counts them.
from dispenser import codes, settings, wire
from dispenser.chain import Hmac


class Commands:
    # `key` is the command key, None without one; `use(settings)` puts them in force
    def __init__(self, key, device, file, recorder, use):
        self._file = file
        self._recorder = recorder
        self._use = use
        self.seen = 0  # first seq that nobody at the clinic has seen, as said since boot
        before = self._load()
        self.authority = Authority(key, device, file)
        self._resume(before)

    def serve(self, link):
        self._link = link
        link.serve(wire.MESSAGE_CONFIG_PUT, self._config_put)
        link.serve(wire.MESSAGE_CONFIG_GET, self._config_get)
        link.serve(wire.MESSAGE_SEEN, self._seen)

    def _load(self):
        # what is in force; version of what was so before
        self._applied, before, self.body = self._file.load()
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
            if untold == self._applied:
                self._tell(before)
            self._file.told()

    def _fault(self):
        self._recorder.housekeeping(wire.FAULT, (codes.FAULT_FLASH, 255, 0))

    def _tell(self, before):
        self._recorder.command(
            wire.SETTINGS_APPLIED, (self.settings.version, before, self._applied)
        )

    def _config_get(self, ref):
        self._link.answer(wire.MESSAGE_CONFIG_GET, ref, self.authority.counter, self.body)

    def _config_put(self, ref, counter, mac, body):
        signed = self.authority.signed(wire.MESSAGE_CONFIG_PUT, counter, mac, body)
        # the same once more is no second command
        if not (signed and counter == self._applied and body == self.body):
            try:
                self._apply(signed, counter, body)
            except OSError:
                self._load()
                self._fault()
            except settings.Refused as refused:
                values = (refused.version, refused.reason, self.authority.counter)
                self._recorder.housekeeping(wire.SETTINGS_REFUSED, values)
        self._config_get(ref)

    def _apply(self, signed, counter, body):
        reason = self.authority.refuses(signed, counter)
        if reason:
            raise settings.Refused(reason)
        new = settings.parse(body)
        before = self.settings.version
        if new.version == before and body != self.body:
            raise settings.Refused(codes.REFUSED_RULE, before)  # records name them by version
        self._file.put(counter, before, body)
        self.authority.counter = self._applied = counter
        self.body, self.settings = body, new
        self._tell(before)
        self._use(new)
        self._file.told()

    def _seen(self, ref, counter, mac, epoch, next):
        body = wire.pack(">LL", epoch, next)
        signed = self.authority.signed(wire.MESSAGE_SEEN, counter, mac, body)
        reason = 0
        if not (signed and counter == self.authority.counter and next == self.seen):
            reason = self.authority.refuses(signed, counter)
            if not reason and not self._link.holds(epoch, next):
                reason = codes.REFUSED_RULE
            self._note_seen(counter, next, reason)
        self._link.answer(wire.MESSAGE_SEEN, ref, self.authority.counter, self.seen, reason)

    def _note_seen(self, counter, next, reason):
        if reason:
            values = (next, reason, self.authority.counter)
            self._recorder.housekeeping(wire.SEEN, values)
            return
        # told before it counts: after a cut between it comes again, and is told twice
        self._recorder.command(wire.SEEN, (next, 0, counter))
        self.seen = max(self.seen, next)
        try:
            self.authority.spend(counter)
        except OSError:
            self._fault()


class Authority:
    # `key` is None without one; `file` keeps the counter of the last command accepted
    def __init__(self, key, device, file):
        self._mac = Hmac(key) if key else None
        self._device = device
        self._file = file
        self.counter = file.counter()

    def signed(self, kind, counter, mac, body):
        # whether the backend made it; `body` is what follows the MAC
        if not self._mac:
            return False
        head = self._device + bytes((kind,)) + counter.to_bytes(4, "big")
        return self._mac.digest(head, body)[: len(mac)] == mac

    def refuses(self, signed, counter):
        # reason, 0 if there is none
        if not signed:
            return codes.REFUSED_MAC
        return 0 if counter > self.counter else codes.REFUSED_COUNTER

    def spend(self, counter):
        # no command with this counter or a lower one is accepted any more
        if counter > self.counter:
            self._file.count(counter)
            self.counter = counter
