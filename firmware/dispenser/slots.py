# Releases in two slots. boot.py follows the pointer /slot, main.py falls back to the other slot
# when one that is not confirmed comes to nothing again and again; here is what the app adds: it
# tells what happened, confirms, and fills the other slot. /slots/x/state holds "started",
# "confirmed" or "reverted".
import os

from micropython import const

from dispenser import codes, wire

STARTED = "started"
CONFIRMED = "confirmed"
_REVERTED = "reverted"  # written by main.py
_TOLD = "told"
_STATE = "state"
_POINTER = "/slot"
# where a file grows: not among the others, as a write there takes longer the more there are
PART = "part"
INCOMING = "incoming"
_FREE = const(40)  # blocks that nobody may fill
_BLOCK = const(4096)
_FOLDER = const(0x4000)


class Slots:
    # below `root` are /slot and /slots; `name` and `version` of the one that runs; `tell(type,
    # values)` writes a record, `authority` knows the counter of the last command
    def __init__(self, root, guard, name, version, tell, authority):
        self._root = root
        self._guard = guard
        self._name = name
        self.other = "a" if name == "b" else "b"
        self.version = tuple(version)
        self._tell = tell
        self._authority = authority
        self._room = 0  # blocks that surely are there for a release

    def start(self):
        other = self.other
        if self._read(other, "state") == _REVERTED:
            self._say(codes.RELEASE_REVERTED, self._version_of(other), other)
            self._mark(other, _TOLD)
        if self._read(self._name, "state") not in (STARTED, CONFIRMED):
            self._say(codes.RELEASE_STARTED, self.version, self._name)
            self._mark(self._name, STARTED)

    def confirmed(self):
        return self._read(self._name, "state") == CONFIRMED

    def confirm(self):
        self._say(codes.RELEASE_CONFIRMED, self.version, self._name)
        self._mark(self._name, CONFIRMED)

    def _say(self, action, version, name):
        self._tell(wire.RELEASE, (action,) + version + (ord(name), 0, self._authority.counter))

    def _version_of(self, name):
        # zeros if nobody left it there
        numbers = [int(part) for part in self._read(name, "version").split(".") if part.isdigit()]
        return tuple(numbers) if len(numbers) == 3 else (0, 0, 0)

    def _read(self, name, what):
        try:
            with open("%s/slots/%s/%s" % (self._root, name, what)) as file:
                return file.read().strip()
        except OSError:
            return ""

    def _mark(self, name, state):
        with open("%s/slots/%s/state" % (self._root, name), "w") as file:
            file.write(state)

    # ---- the other slot ----------------------------------------------------------------------

    def path(self, name):
        return "%s/slots/%s/%s" % (self._root, self.other, name)

    def receive(self, command):
        # from now on it holds no release that could start; bit by bit, yields ms to wait
        self._make_folder(self.path("")[:-1])
        self.drop(_STATE)
        yield 0
        self.drop(PART)
        yield 0
        with self._guard:
            self._write(self.path(INCOMING), "wb", command)

    def incoming(self):
        # what receive() was given, empty if nothing is under way
        try:
            with open(self.path(INCOMING), "rb") as file:
                return file.read()
        except OSError:
            return b""

    def prepare(self, path):
        # makes its folders; bit by bit, yields ms to wait
        at = path.find("/")
        while at > 0:
            if not self._is_there(path[:at]):
                self._make_folder(self.path(path[:at]))
                yield 0
            at = path.find("/", at + 1)

    def grow(self, data):
        # more of the file that is coming in
        with self._guard:
            self._write(self.path(PART), "ab", data)

    def grown(self):
        # bytes of it that are on flash
        try:
            return os.stat(self.path(PART))[6]
        except OSError:
            return 0

    def place(self, path):
        # the file is whole: it takes its place
        with self._guard:
            os.rename(self.path(PART), self.path(path))

    def _is_there(self, path):
        try:
            os.stat(self.path(path))
            return True
        except OSError:
            return False

    def drop(self, path):
        try:
            with self._guard:
                os.remove(self.path(path))
        except OSError:
            pass

    def has_room(self, size):
        # for one more file, with enough left for the journal. To look takes as long as an erase or
        # two, so that is not done while there was more than enough; its entry may take a block
        blocks = size // _BLOCK + 2
        if blocks > self._room:
            self._room = os.statvfs(self._root + "/")[3] - _FREE
        self._room -= blocks
        return self._room >= 0

    def look_again(self):
        # whoever else writes may have taken room
        self._room = 0

    def tidy(self, keep, folder=""):
        # removes, bit by bit, all that is not named; yields ms to wait
        for name in os.listdir(self.path(folder)):
            path = folder + name
            if os.stat(self.path(path))[0] & _FOLDER:
                for wait in self.tidy(keep, path + "/"):
                    yield wait
            elif path not in keep:
                self.drop(path)
            yield 0

    def switch(self):
        # the other slot starts next
        with self._guard:
            self._write(self._root + _POINTER, "w", self.other)

    def _write(self, path, mode, data):
        with open(path, mode) as file:
            file.write(data)

    def _make_folder(self, path):
        try:
            with self._guard:
                os.mkdir(path)
        except OSError as error:
            if error.errno != 17:  # EEXIST
                raise
