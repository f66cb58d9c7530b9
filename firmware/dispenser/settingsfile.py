# The settings on flash, each time whole: the new ones take the old ones' place by a rename, and
# the old ones are kept beside them. `untold` lasts from before that until a record tells it. The
# counter of a command that changed no settings is in a file of its own.
import os
import struct
from binascii import crc32

from micropython import const

_CURRENT = "/current"
_PREVIOUS = "/previous"
_NEXT = "/next"
_UNTOLD = "/untold"
_COUNTER = "/counter"
_FORM = ">LH"  # command counter, version before; then SETTINGS and crc32
_HEAD = const(6)
_ENOENT = const(2)


class SettingsFile:
    def __init__(self, root, guard):
        self._root = root
        self._guard = guard
        self.damaged = False  # what was in force cannot be read

    def load(self):
        # (counter, version before, SETTINGS); zeros and no bytes if there never were any
        for name in (_CURRENT, _PREVIOUS):
            data = self._read(name)
            if data is not None:
                return struct.unpack_from(_FORM, data) + (data[_HEAD:],)
        return 0, 0, b""

    def put(self, counter, before, body):
        # in force when this returns; after an error or a cut the old ones or the new ones are
        data = struct.pack(_FORM, counter, before) + body
        data += crc32(data).to_bytes(4, "big")
        with self._guard:
            self._make_folder()
            self._keep()
            self._write(_UNTOLD, data[:4])
            self._write(_NEXT, data)
            os.rename(self._root + _NEXT, self._root + _CURRENT)

    def counter(self):
        # of the last command accepted
        try:
            with open(self._root + _COUNTER, "rb") as file:
                data = file.read()
        except OSError:
            data = b""
        alone = int.from_bytes(data[:4], "big")
        whole = len(data) == 8 and crc32(data[:4]).to_bytes(4, "big") == data[4:]
        return max(self.load()[0], alone if whole else 0)

    def count(self, counter):
        data = counter.to_bytes(4, "big")
        with self._guard:
            self._make_folder()
            self._write(_COUNTER, data + crc32(data).to_bytes(4, "big"))

    def forget(self):
        # another patient: the default, but no command counts again
        counter = self.counter()
        if counter:
            self.put(counter, 0, b"")
            self.told()

    def told(self):
        with self._guard:
            os.remove(self._root + _UNTOLD)

    def untold(self):
        # counter of settings that no record may tell, None if there are none
        try:
            with open(self._root + _UNTOLD, "rb") as file:
                return int.from_bytes(file.read(), "big")
        except OSError:
            return None

    def _keep(self):
        # never puts what is damaged in the place of what is whole
        if self._read(_CURRENT) is not None:
            with open(self._root + _CURRENT, "rb") as file:
                self._write(_PREVIOUS, file.read())

    def _read(self, name):
        # without its crc32; None if it is not there or not whole
        try:
            with open(self._root + name, "rb") as file:
                data = file.read()
        except OSError as error:
            self.damaged |= error.errno != _ENOENT
            return None
        if len(data) >= _HEAD + 4 and crc32(data[:-4]).to_bytes(4, "big") == data[-4:]:
            return data[:-4]
        self.damaged = True
        return None

    def _write(self, name, data):
        with open(self._root + name, "wb") as file:
            file.write(data)

    def _make_folder(self):
        try:
            os.mkdir(self._root)
        except OSError as error:
            if error.errno != 17:  # EEXIST
                raise
