# Cuts the power at each operation of a workload (records, and now and then new settings), starts
# again, finishes the workload, tells all. One JSON line a cut: labels and settings acknowledged
# before it, what was held right after, and at the end.
import json
import struct
import sys
import vfs

from dispenser import wire
from dispenser.chain import Chain
from dispenser.commands import Commands
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.chain import Hmac
from dispenser.settings import SettingsFile
from mp_worlds import CELLS, BLOCK, EPOCH, ROOT, ROOT_KEY, Eeprom, Flash, Guard, Power, PowerCut
from mp_worlds import dump, open_journal

LIMITS = (300, 1100, 2)
KIND = 0x7E
BEFORE = int(sys.argv[1])
WORK = int(sys.argv[2])
BLOCKS = 48
EVERY = 20  # records between settings
NAME = bytes(range(8))
COMMAND_KEY = bytes(range(32, 64))


def data(label):
    return struct.pack(">L", label) + bytes(label * 13 % 37)


def mount(image, power):
    vfs.mount(vfs.VfsLfs2(Flash(image, power), progsize=256), ROOT)


class Records:
    # as dispenser.recorder, for commands
    def __init__(self, journal, boot):
        self.journal = journal
        self.boot = boot

    def command(self, kind, values):
        self.journal.append(self.boot, 0, 0, kind, wire.pack(wire.DATA[kind], *values))

    housekeeping = command


class Host:
    # as dispenser.link, for commands
    def serve(self, kind, answer):
        if kind == wire.MESSAGE_CONFIG_PUT:
            self.put = answer

    def answer(self, kind, ref, counter, body):
        self.counter = counter


def settings(version):
    # their length differs, so that no two files are alike
    windows = [(n, 1, 127, 600, 30, 0) for n in range(1, version % 7 + 1)]
    return wire.pack(wire.SETTINGS, version, 2, 2, 1260, 480, 24, 1, [], windows, [])


def make_commands(journal, boot):
    records = Records(journal, boot)
    file = SettingsFile(ROOT + "/settings", Guard())
    return Commands(COMMAND_KEY, NAME, file, records, lambda new: None)


def command(commands, version, acked):
    host = Host()
    commands.serve(host)
    body = settings(version)
    head = NAME + bytes((wire.MESSAGE_CONFIG_PUT,)) + version.to_bytes(4, "big")
    host.put(1, version, Hmac(COMMAND_KEY).digest(head, body)[:16], body)
    if host.counter == version:
        acked.append(version)


def work(journal, boot, first, last, acked, applied):
    commands = make_commands(journal, boot)
    for label in range(first, last):
        if label % EVERY == 0 and label // EVERY > commands.authority.counter:
            command(commands, label // EVERY, applied)
        journal.append(boot, label, 0, KIND, data(label))
        acked.append(label)


def prepare():
    image, cells = bytearray(b"\xff" * BLOCK * BLOCKS), bytearray(b"\xff" * CELLS)
    power = Power()
    vfs.VfsLfs2.mkfs(Flash(image, power), progsize=256)
    mount(image, power)
    store = KeyStore(Eeprom(cells, power))
    store.save(EPOCH, 0, ROOT_KEY)
    journal = Journal(ROOT + "/journal", Chain(store, EPOCH, 0, ROOT_KEY), Guard(), LIMITS)
    journal.create()
    values = (EPOCH, 0, wire.REASON_PROVISIONED, bytes(8))
    journal.append(0, 0, 0, wire.EPOCH, wire.pack(wire.DATA[wire.EPOCH], *values))
    work(journal, 1, 1, BEFORE, [], [])
    vfs.umount(ROOT)
    return image, cells


def run(image, cells, power, acked, applied):
    try:
        mount(image, power)
        journal, _ = open_journal(ROOT + "/journal", Eeprom(cells, power), LIMITS)
        work(journal, 2, BEFORE, BEFORE + WORK, acked, applied)
    except (OSError, PowerCut):
        if power.on:
            raise
    vfs.umount(ROOT)


def restart(image, cells, acked):
    power = Power()
    mount(image, power)
    journal, found = open_journal(ROOT + "/journal", Eeprom(cells, power), LIMITS)
    commands = make_commands(journal, 3)
    version = commands.settings.version
    whole = not version or (
        commands.authority.counter == version and commands.body == settings(version)
    )
    held = dump(journal)
    lost = journal.damaged()
    begun = journal.boot
    work(journal, 3, acked[-1] + 1 if acked else BEFORE, BEFORE + WORK, [], [])
    end = dump(journal)
    vfs.umount(ROOT)
    told = {"found": found, "damaged": lost, "boot": begun, "held": held, "end": end}
    told.update({"version": version, "whole": whole})
    return told


def main():
    image, cells = prepare()
    whole = Power()
    run(bytearray(image), bytearray(cells), whole, [], [])
    print(json.dumps({"operations": whole.done}))
    for cut in range(whole.done):
        struck, torn, acked, applied = bytearray(image), bytearray(cells), [], []
        run(struck, torn, Power(cut), acked, applied)
        told = restart(struck, torn, acked)
        told["cut"], told["acked"], told["applied"] = cut, acked, applied
        print(json.dumps(told))


main()
