# The host's end of a release over the wire, as gateway/transfer.py is: follows what the dispenser
# asks for.
import json
from binascii import hexlify
from hashlib import sha256

from dispenser import wire
from dispenser.chain import Hmac
from dispenser.commands import Authority
from dispenser.release import Release
from dispenser.settings import SettingsFile
from dispenser.slots import Slots
from mp_worlds import ROOT, Guard

KEY, NAME = bytes(range(32, 64)), bytes(range(8))
CHUNK = 1019


class Restarted(Exception):
    pass


def restart():
    raise Restarted


def nothing():
    pass


def yes():
    return True


def call(name, work, *arguments):
    return work(*arguments)


def manifest(files):
    # of contents by path, in their order
    named = []
    for path, data in files.items():
        digest = hexlify(sha256(data).digest()).decode()
        named.append({"path": path, "size": len(data), "sha256": digest})
    told = {"version": (0, 2, 0), "boards": ["pico"], "micropython": "1.26", "protocol": 1}
    told["files"] = named
    return json.dumps({"manifest": json.dumps(told), "signature": ""}).encode()


class Host:
    # `files` are the manifest and what it names; `doing(name, work, *arguments)` does each bit
    def __init__(self, files, doing=call):
        self._files = files
        self._doing = doing

    def serve(self, kind, answer):
        if kind == wire.MESSAGE_RELEASE_BEGIN:
            self._begin = answer
        elif kind == wire.MESSAGE_RELEASE_CHUNK:
            self._chunk = answer
        elif kind == wire.MESSAGE_RELEASE_END:
            self._end = answer

    def answer(self, kind, ref, *progress):
        self._progress = progress

    def transfer(self, release):
        # ends with Restarted
        signed = self._files[0]
        fields = (0, 2, 0, len(self._files) - 1, len(signed), sha256(signed).digest())
        body = wire.pack(">BBBBH32s", *fields)
        head = NAME + bytes((wire.MESSAGE_RELEASE_BEGIN, 0, 0, 0, 1))
        doing = self._doing
        doing("begin", self._begin, 1, 1, Hmac(KEY).digest(head, body)[:16], *fields)
        what = "begin"
        while True:
            while doing("after " + what, release.step) is not None:
                pass
            file, offset, refused = self._progress
            if refused:
                raise ValueError("refused %d after %s" % (refused, what))
            what = "byte %d of file %d" % (offset, file)
            if file == 255:
                doing("end", self._end, 1)
            elif offset >= len(self._files[file]):
                raise ValueError("wants %s, which ends there" % what)
            else:
                data = self._files[file][offset : offset + CHUNK]
                doing(what, self._chunk, 1, file, offset, data)


def transfer(host, records, has_room=None):
    # one whole transfer into slot b of a dispenser that runs slot a; ends with Restarted
    guard = Guard()
    authority = Authority(KEY, NAME, SettingsFile(ROOT + "/settings", guard))
    slots = Slots(ROOT, guard, "a", (0, 1, 0), records.housekeeping, authority)
    slots.has_room = has_room or slots.has_room
    release = Release(slots, authority, records, ("pico", (1, 28, 0)), yes, yes, restart)
    release.serve(host, nothing, nothing)
    host.transfer(release)
