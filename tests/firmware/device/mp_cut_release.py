# Cuts the power at operations of a whole transfer and its switch, starts again, finishes. Out: one
# JSON line a cut: which slot would start, whether it is whole, and how it ended.
import json
import os
import vfs
from binascii import hexlify
from hashlib import sha256

from dispenser import wire
from dispenser.authority import Authority
from dispenser.mac import Hmac
from dispenser.release import Release
from dispenser.settingsfile import SettingsFile
from dispenser.slots import Slots
from mp_worlds import BLOCK, ROOT, Flash, Guard, Power

BLOCKS = 64
KEY, NAME = bytes(range(32, 64)), bytes(range(8))
SIZES = {"app": 5000, "link": 4096, "small": 100, "drivers/lid": 600}
CHUNK = 1019


def contents(salt):
    return {
        "dispenser/%s.mpy" % name: bytes((n * salt + n // 251) & 255 for n in range(size))
        for name, size in SIZES.items()
    }


OLD, NEW = contents(3), contents(7)


def manifest():
    named = []
    for path, data in NEW.items():
        digest = hexlify(sha256(data).digest()).decode()
        named.append({"path": path, "size": len(data), "sha256": digest})
    told = {"version": (0, 2, 0), "boards": ["pico"], "micropython": "1.26", "protocol": 1}
    told["files"] = named
    return json.dumps({"manifest": json.dumps(told), "signature": ""}).encode()


FILES = [manifest()] + list(NEW.values())


class Records:
    def __init__(self, power, told):
        self.power = power
        self.told = told

    def command(self, kind, values):
        if not self.power.on:
            raise OSError
        self.told.append(values[0])

    housekeeping = command


class Restarted(Exception):
    pass


class Host:
    # follows what the dispenser asks for, as gateway/transfer.py does
    def serve(self, kind, answer):
        if kind == wire.MESSAGE_RELEASE_BEGIN:
            self.begin = answer
        elif kind == wire.MESSAGE_RELEASE_CHUNK:
            self.chunk = answer
        elif kind == wire.MESSAGE_RELEASE_END:
            self.end = answer

    def answer(self, kind, ref, *progress):
        self.progress = progress

    def transfer(self, release):
        fields = (0, 2, 0, len(FILES) - 1, len(FILES[0]), sha256(FILES[0]).digest())
        body = wire.pack(">BBBBH32s", *fields)
        head = NAME + bytes((wire.MESSAGE_RELEASE_BEGIN, 0, 0, 0, 1))
        self.begin(1, 1, Hmac(KEY).digest(head, body)[:16], *fields)
        while True:
            while release.step() is not None:
                pass
            file, offset, refused = self.progress
            if refused:
                raise ValueError("refused %d" % refused)
            if file == 255:
                self.end(1)
            elif offset >= len(FILES[file]):
                raise ValueError("wants %d of file %d, which ends there" % (offset, file))
            else:
                self.chunk(1, file, offset, FILES[file][offset : offset + CHUNK])


def nothing():
    pass


def restart():
    raise Restarted


def transfer(records):
    host, guard = Host(), Guard()
    authority = Authority(KEY, NAME, SettingsFile(ROOT + "/settings", guard))
    slots = Slots(ROOT, guard, "a", (0, 1, 0), records.housekeeping, authority)
    slots_free = slots.has_room
    slots.has_room = lambda size: slots_free(size) or True  # this flash is small
    yes = lambda: True  # noqa: E731
    release = Release(slots, authority, records, ("pico", (1, 28, 0)), yes, yes, restart)
    release.serve(host, nothing, nothing)
    host.transfer(release)


def write(path, data):
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            pass
        at = path.find("/", at + 1)
    with open(path, "wb") as file:
        file.write(data)


def whole(slot):
    # which release is in it
    for name, files in (("old", OLD), ("new", NEW)):
        try:
            for path, data in files.items():
                with open("%s/slots/%s/%s" % (ROOT, slot, path), "rb") as file:
                    if file.read() != data:
                        break
            else:
                return name
        except OSError:
            pass
    return ""


def starts():
    # as boot.py
    slot = "a"
    try:
        with open(ROOT + "/slot") as file:
            slot = "b" if file.read().strip() == "b" else "a"
    except Exception:
        pass
    return slot


def mount(image, power):
    vfs.mount(vfs.VfsLfs2(Flash(image, power), progsize=256), ROOT)


def prepare():
    image = bytearray(b"\xff" * BLOCK * BLOCKS)
    vfs.VfsLfs2.mkfs(Flash(image, Power()), progsize=256)
    mount(image, Power())
    for path, data in OLD.items():
        write(ROOT + "/slots/a/" + path, data)
        write(ROOT + "/slots/b/" + path, data)  # what a later release replaces
    write(ROOT + "/slots/a/state", b"confirmed")
    write(ROOT + "/slots/b/state", b"confirmed")
    vfs.umount(ROOT)
    return image


def run(image, power, told):
    mount(image, power)
    try:
        transfer(Records(power, told))
    except Restarted:
        pass
    except (OSError, ValueError):
        if power.on:
            raise
    vfs.umount(ROOT)


def look(image):
    mount(image, Power())
    slot = starts()
    found = slot, whole(slot)
    vfs.umount(ROOT)
    return found


def main():
    image = prepare()
    full = Power()
    run(bytearray(image), full, [])
    print(json.dumps({"operations": full.done}))
    for cut in range(full.done):
        struck, told = bytearray(image), []
        run(struck, Power(cut), told)
        slot, release = look(struck)
        if slot == "a":
            run(struck, Power(), told)
        print(
            json.dumps({"cut": cut, "starts": [slot, release], "end": look(struck), "told": told})
        )


main()
