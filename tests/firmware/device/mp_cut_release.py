# Cuts the power at operations of a whole transfer and its switch, starts again, finishes. Out: one
# JSON line a cut: which slot would start, whether it is whole, and how it ended.
import json
import os
import vfs

from mp_transfer import Host, Restarted, manifest, transfer
from mp_worlds import BLOCK, ROOT, Flash, Power

BLOCKS = 64
SIZES = {"app": 5000, "link": 4096, "small": 100, "drivers/lid": 600}


def contents(salt):
    return {
        "dispenser/%s.mpy" % name: bytes((n * salt + n // 251) & 255 for n in range(size))
        for name, size in SIZES.items()
    }


OLD, NEW = contents(3), contents(7)


FILES = [manifest(NEW)] + list(NEW.values())


class Records:
    def __init__(self, power, told):
        self.power = power
        self.told = told

    def command(self, kind, values):
        if not self.power.on:
            raise OSError
        self.told.append(values[0])

    housekeeping = command


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
        # this flash is small
        transfer(Host(FILES), Records(power, told), lambda size: True)
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
