# A release that comes over the wire, into the slot that does not run. Its manifest says what
# belongs to it. Each file grows in `part` and takes its place by a rename once its
# SHA-256 is right, so a transfer goes on where a cut ended it; what the command announced is in
# `incoming` until then. What takes long is done bit by bit, between other tasks.
import struct

from micropython import const

from dispenser import codes, wire
from dispenser.bundle import MANIFEST, Unfit, digest_of, matches, parse
from dispenser.slots import INCOMING, PART

_FORM = ">LBBBBH32s"  # counter, version, files, size and SHA-256 of the manifest
_SHORTEST = const(256)  # bytes of a chunk that does not end its file: each is a write to flash
_LARGEST = const(16384)  # bytes of a manifest
_BLOCK = const(4096)
_KEPT = [MANIFEST, INCOMING, PART]
_ALL = const(255)
_POLL_MS = const(500)
_PATIENCE = const(1800)  # polls, 15 min
_READ_MS = const(500)  # for the host to read the last answer
_REST_MS = const(50)


class Release:
    # `slots` as dispenser.slots; `platform` = (board, MicroPython version); `idle()` tells
    # whether nobody is at the dispenser, `settled()` whether the release that runs may be left;
    # `restart()` does not return
    def __init__(self, slots, authority, records, platform, idle, settled, restart):
        self._slots = slots
        self._authority = authority
        self._records = records
        self._platform = platform
        self._idle = idle
        self._settled = settled
        self._restart = restart
        self._wanted = None  # (number, path, size, SHA-256), None before it was looked for
        self._offset = 0
        self._rest = None  # files of the manifest not yet looked at, the next one last
        self._work = None  # a generator of ms to wait
        self._ref = 0
        self._reason = 0  # of a refusal to be told with the next answer
        self._installing = False
        self._command = self._announced()

    def serve(self, link, wake, answered):
        # `wake()` asks for steps, `answered()` for what waits to be sent
        self._link = link
        self._wake = wake
        self._answered = answered
        link.serve(wire.MESSAGE_RELEASE_BEGIN, self._begin)
        link.serve(wire.MESSAGE_RELEASE_CHUNK, self._chunk)
        link.serve(wire.MESSAGE_RELEASE_END, self._end)

    async def run(self, due, sleep_ms):
        while True:
            wait = self.step()
            if wait is None:
                await due.wait()
                due.clear()
            else:
                await sleep_ms(wait)
                await sleep_ms(0)  # whoever became due meanwhile goes first

    def step(self):
        # a bit of what is to do; ms until the next one, None if there is none
        if not self._work:
            return None
        try:
            return next(self._work)
        except StopIteration:
            self._work = None
            self._progress(self._ref)
        except Unfit as unfit:
            self._work = None
            self._give_up(unfit.reason)
        except OSError:
            self._work = None
            self._installing = False
            self._refuse(self._ref, codes.REFUSED_SIZE)
        return 0

    # ---- messages ----------------------------------------------------------------------------

    def _begin(self, ref, counter, mac, *fields):
        body = wire.pack(_FORM[:1] + _FORM[2:], *fields)
        signed = self._authority.signed(wire.MESSAGE_RELEASE_BEGIN, counter, mac, body)
        command = (counter,) + fields
        self._slots.look_again()
        if self._installing:
            self._progress(ref)
            return
        if signed and command == self._command:
            self._authority.spend(counter)
            self._start(ref, self._look())
            return
        reason = self._judge(signed, counter, fields)
        if reason:
            self._refuse(ref, reason, fields[:3])
        else:
            self._start(ref, self._accept(command))

    def _judge(self, signed, counter, fields):
        # why this command is not followed, 0 if it is
        reason = self._authority.refuses(signed, counter)
        if reason:
            return reason
        if fields[:3] <= self._slots.version:
            return codes.REFUSED_VERSION
        return 0 if fields[3] and 0 < fields[4] <= _LARGEST else codes.REFUSED_SIZE

    def _chunk(self, ref, file, offset, data):
        if not self._command:
            self._refuse(ref, codes.REFUSED_RULE)
        elif self._work:
            self._ref = ref  # answered when it is known what is wanted
        elif not self._wanted:
            self._start(ref, self._look())
        elif (file, offset) != (self._wanted[0], self._offset):
            self._progress(ref)
        else:
            self._take(ref, data)

    def _take(self, ref, data):
        size = self._wanted[2]
        end = self._offset + len(data)
        if end > size:
            self._refuse(ref, codes.REFUSED_SIZE)
        elif len(data) < _SHORTEST and end != size:
            self._refuse(ref, codes.REFUSED_MALFORMED)
        else:
            self._start(ref, self._store(data))

    def _end(self, ref):
        if self._installing:
            self._progress(ref)
        elif self._work:
            self._ref = ref
        elif not self._wanted or self._wanted[0] != _ALL:
            self._refuse(ref, codes.REFUSED_RULE)
        else:
            self._installing = True
            self._start(ref, self._install())

    # ---- bit by bit --------------------------------------------------------------------------

    def _start(self, ref, work):
        self._ref = ref
        self._work = work
        self._wake()

    def _accept(self, command):
        # the release to fall back to is given up only when it is not needed any more
        while not self._settled():
            yield _POLL_MS
        self._command = self._rest = self._wanted = None
        for wait in self._slots.receive(struct.pack(_FORM, *command)):
            yield wait
        self._command = command  # not before: the same command again begins anew
        yield _REST_MS
        self._authority.spend(command[0])
        yield _REST_MS
        for wait in self._look():
            yield wait

    def _store(self, data):
        # no write reaches into a second block: each takes an erase. Between them others come first
        size = self._wanted[2]
        try:
            while data:
                piece = data[: _BLOCK - self._offset % _BLOCK]
                self._slots.grow(piece)
                self._offset += len(piece)
                data = data[len(piece) :]
                yield _REST_MS
        except OSError:
            self._offset = self._slots.grown()
            raise
        if self._offset == size:
            for wait in self._finish():
                yield wait

    def _finish(self):
        # the file is there: if it is what was announced
        _, path, _, digest = self._wanted
        if digest_of(self._slots.path(PART)) != digest:
            self._slots.drop(PART)
            self._offset = 0
            self._note(codes.REFUSED_DIGEST, self._command[1:4])
            return
        self._slots.place(path)
        yield _REST_MS
        for wait in self._look():
            yield wait

    def _look(self):
        # finds what is wanted next
        size, digest = self._command[5:]
        if not self._arrived(MANIFEST, size, digest):
            self._rest = None
            self._want((0, MANIFEST, size, digest))
            return
        if self._rest is None:
            files = self._parse()
            yield 0
            # the room of what does not belong to it is needed
            for wait in self._slots.tidy([file[1] for file in files] + _KEPT):
                yield wait
            self._rest = list(reversed(files))
        while self._rest:
            _, path, size, digest = self._rest[-1]
            if not self._arrived(path, size, digest):
                self._slots.drop(path)  # its room is needed
                yield 0
                for wait in self._slots.prepare(path):
                    yield wait
                yield 0
                self._want(self._rest[-1])
                return
            self._rest.pop()
            yield 0
        self._want((_ALL, "", 0, b""))

    def _arrived(self, path, size, digest):
        # a cut may have come when the last of it was written, but not yet in its place
        if matches(self._slots.path(path), size, digest):
            return True
        if not matches(self._slots.path(PART), size, digest):
            return False
        self._slots.place(path)
        return True

    def _want(self, file):
        self._wanted = file
        self._offset = 0
        if file[0] == _ALL:
            return
        self._offset = self._slots.grown()
        if self._offset >= file[2]:  # not what belongs there
            self._slots.drop(PART)
            self._offset = 0
        if not self._slots.has_room(file[2]):
            raise Unfit(codes.REFUSED_SIZE)

    def _parse(self):
        try:
            with open(self._slots.path(MANIFEST)) as file:
                return parse(file, self._command[1:4], self._command[4], *self._platform)
        except MemoryError:
            raise Unfit(codes.REFUSED_SIZE)

    def _install(self):
        # every hash once more, then the switch
        files = self._parse()
        for _, path, size, digest in files:
            if not matches(self._slots.path(path), size, digest):
                self._installing = False
                self._rest = None
                self._slots.drop(path)
                self._note(codes.REFUSED_DIGEST, self._command[1:4])
                for wait in self._look():
                    yield wait
                return
            yield 0
        for _ in range(_PATIENCE):
            if self._idle():
                break
            yield _POLL_MS
        while not self._settled():
            yield _POLL_MS
        self._tell(self._records.command, codes.RELEASE_RECEIVED, self._command[1:4], 0)
        yield 0
        self._slots.switch()
        yield 0
        self._slots.drop(INCOMING)
        self._progress(self._ref)
        yield _READ_MS
        self._restart()

    # ---- what became of it -------------------------------------------------------------------

    def _announced(self):
        # the command whose release was under way when this start began
        data = self._slots.incoming()
        if len(data) != struct.calcsize(_FORM):
            return None
        command = struct.unpack(_FORM, data)
        return command if command[1:4] > self._slots.version else None

    def _give_up(self, reason):
        # what was announced can never run here
        version = self._command[1:4]
        self._slots.drop(INCOMING)
        self._command = self._wanted = None
        self._offset = 0
        self._installing = False
        self._refuse(self._ref, reason, version)

    def _progress(self, ref):
        reason, self._reason = self._reason, 0
        number = self._wanted[0] if self._wanted else 0
        self._link.answer(wire.MESSAGE_RELEASE_BEGIN, ref, number, self._offset, reason)
        self._answered()

    def _refuse(self, ref, reason, version=None):
        if version is None:
            version = self._command[1:4] if self._command else (0, 0, 0)
        self._note(reason, version)
        self._progress(ref)

    def _note(self, reason, version):
        self._tell(self._records.housekeeping, codes.RELEASE_REFUSED, version, reason)
        self._reason = reason

    def _tell(self, write, action, version, reason):
        slot = ord(self._slots.other)
        write(wire.RELEASE, (action,) + version + (slot, reason, self._authority.counter))
