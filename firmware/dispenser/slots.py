# Releases in two slots. boot.py follows the pointer /slot, main.py falls back to the other slot
# when one that is not confirmed comes to nothing again and again; here is what the app adds: it
# tells what happened, and confirms. /slots/x/state holds "started", "confirmed" or "reverted".
from dispenser import codes, wire

STARTED = "started"
CONFIRMED = "confirmed"
_REVERTED = "reverted"  # written by main.py
_TOLD = "told"


class Slots:
    # `name` and `version` of the one that runs; `tell(type, values)` writes a record,
    # `counter()` is the last command's
    def __init__(self, root, name, version, tell, counter):
        self._root = root
        self._name = name
        self._version = tuple(version)
        self._tell = tell
        self._counter = counter

    def start(self):
        other = "a" if self._name == "b" else "b"
        if self._read(other, "state") == _REVERTED:
            self._say(codes.RELEASE_REVERTED, self._version_of(other), other)
            self._mark(other, _TOLD)
        if self._read(self._name, "state") not in (STARTED, CONFIRMED):
            self._say(codes.RELEASE_STARTED, self._version, self._name)
            self._mark(self._name, STARTED)

    def confirmed(self):
        return self._read(self._name, "state") == CONFIRMED

    def confirm(self):
        self._say(codes.RELEASE_CONFIRMED, self._version, self._name)
        self._mark(self._name, CONFIRMED)

    def _say(self, action, version, name):
        self._tell(wire.RELEASE, (action,) + version + (ord(name), 0, self._counter()))

    def _version_of(self, name):
        # zeros if nobody left it there
        numbers = [int(part) for part in self._read(name, "version").split(".") if part.isdigit()]
        return tuple(numbers) if len(numbers) == 3 else (0, 0, 0)

    def _read(self, name, what):
        try:
            with open("%s/%s/%s" % (self._root, name, what)) as file:
                return file.read().strip()
        except OSError:
            return ""

    def _mark(self, name, state):
        with open("%s/%s/state" % (self._root, name), "w") as file:
            file.write(state)
