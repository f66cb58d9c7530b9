# Commands over a Link, with settings in a folder. In: "feed HEX", "restart". Out: one JSON line a
# command: frames, records written, version in force, versions that were put in force, the first
# seq not seen. Arguments: folder, command key in hex or "none", device id in hex
import json
import sys
from binascii import hexlify, unhexlify

from dispenser import wire
from dispenser.clock import Clock
from dispenser.commands import Commands
from dispenser.link import Link
from dispenser.settings import SettingsFile
from mp_worlds import EPOCH, Guard


class Ticks:
    def ticks_ms(self):
        return 5000

    def ticks_diff(self, a, b):
        return a - b


class Records:
    def __init__(self):
        self.told = []

    def command(self, kind, values):
        wire.pack(wire.DATA[kind], *values)
        self.told.append([kind] + list(values))

    housekeeping = command


class Journal:
    epoch = EPOCH
    next = 500


def start(used):
    records = Records()
    key = None if sys.argv[2] == "none" else unhexlify(sys.argv[2])
    file = SettingsFile(sys.argv[1], Guard())
    device = unhexlify(sys.argv[3])
    commands = Commands(key, device, file, records, lambda new: used.append(new.version))
    link = Link(None, Journal, Clock(Ticks()), None)
    commands.serve(link)
    return link, records, commands


def main():
    used = []
    link, records, commands = start(used)
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        if word == "restart":
            link, records, commands = start(used)
        else:
            link.feed(unhexlify(argument))
        told = {"frames": [], "records": records.told, "used": used}
        frame = link.pending()
        while frame:
            told["frames"].append(hexlify(frame).decode())
            frame = link.pending()
        told["version"] = commands.settings.version
        told["seen"] = commands.seen
        print(json.dumps(told))
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()


main()
