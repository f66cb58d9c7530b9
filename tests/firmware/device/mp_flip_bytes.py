# Flips every byte of the journal's last files in turn, starts, writes two records, starts again.
# One JSON line a flip. Arguments: folder; "plain", "doubled" (as a cut between the files leaves
# it) or "older" (the key of the active segment is gone); and to flip only every so many bytes
import json
import os
import struct
import sys

from dispenser import wire
from dispenser.chain import Chain
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from mp_worlds import CELLS, EPOCH, ROOT_KEY, Eeprom, Guard, Power, dump, open_journal

LIMITS = (300, 1100, 20)
KIND = 0x7E
ROOT = sys.argv[1]
FROM = 200 if sys.argv[2] == "older" else 0
FILES = ("/tail/records", "/active/records")


def data(label):
    return struct.pack(">L", label) + bytes(label * 13 % 37)


def append(journal, label):
    journal.append(1, label, 0, KIND, data(label))


def load(name):
    with open(ROOT + name, "rb") as file:
        return file.read()


def save(name, content):
    with open(ROOT + name, "wb") as file:
        file.write(content)


def tree():
    names = ["/archive/" + name for name in os.listdir(ROOT + "/archive")]
    for name in FILES:
        try:
            os.stat(ROOT + name)
            names.append(name)
        except OSError:
            pass
    return {name: load(name) for name in names}


def restore(files):
    now = tree()
    for name in now:
        if name not in files:
            os.remove(ROOT + name)
    for name, content in files.items():
        if now.get(name) != content:
            save(name, content)


def prepare(kind):
    cells = bytearray(b"\xff" * CELLS)
    store = KeyStore(Eeprom(cells, Power()))
    store.save(EPOCH, 0, ROOT_KEY)
    journal = Journal(ROOT, Chain(store, EPOCH, 0, ROOT_KEY), Guard(), LIMITS)
    journal.create()
    values = (EPOCH, 0, wire.REASON_PROVISIONED, bytes(8))
    journal.append(0, 0, 0, wire.EPOCH, wire.pack(wire.DATA[wire.EPOCH], *values))
    for label in range(1, 262 if kind == "older" else 42):
        append(journal, label)
    if kind == "doubled":
        tail = load(FILES[0])
        save(FILES[1], load(FILES[1]) + tail[12:])
    return cells


def start(cells):
    journal, found = open_journal(ROOT, Eeprom(cells, Power()), LIMITS)
    return journal, found


def flip(files, cells, name, at):
    content = bytearray(files[name])
    content[at] ^= 1 << at % 8
    save(name, content)
    journal, found = start(cells)
    told = {"file": name, "at": at, "found": found, "damaged": journal.damaged()}
    told["boot"] = journal.boot
    append(journal, 1000)
    append(journal, 1001)
    told["held"] = dump(journal, FROM)
    again, _ = start(cells)
    told["stable"] = again.next == journal.next and not again.damaged()
    told["again"] = dump(again, FROM) == told["held"]
    restore(files)
    print(json.dumps(told))


def ends(content):
    # (seq, byte after it) of each record
    at, found = 12, []
    while at < len(content):
        seq = struct.unpack_from(">L", content, at)[0]
        at += 22 + content[at + 13]
        found.append((seq, at))
    return found


def main():
    cells = prepare(sys.argv[2])
    journal, _ = start(cells)
    files = tree()
    print(
        json.dumps({"held": dump(journal, FROM), "files": {n: ends(c) for n, c in files.items()}})
    )
    for name in FILES:
        for at in range(0, len(files[name]), int(sys.argv[3])):
            flip(files, bytearray(cells), name, at)


main()
