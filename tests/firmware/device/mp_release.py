# A release over a Link, into folders. In: "feed HEX", "run" (until nothing is to do), "step",
# "restart", "busy 0|1" (somebody is at it), "settled 0|1". Out: one JSON line a command: frames,
# records, whether it asked for a restart. Arguments: root folder with /slots, command key in hex,
# device id in hex, version such as 0.1.0
import json
import sys
from binascii import hexlify, unhexlify

from dispenser import wire
from dispenser.commands import Authority
from dispenser.clock import Clock
from dispenser.link import Link
from dispenser.release import Release
from dispenser.settings import SettingsFile
from dispenser.slots import Slots
from mp_worlds import Guard

PLATFORM = ("pico", (1, 28, 0))


class Ticks:
    def ticks_ms(self):
        return 5000

    def ticks_diff(self, a, b):
        return a - b


class Restarted(Exception):
    pass


class World:
    busy = False
    settled = True

    def __init__(self):
        self.told = []
        self.restarts = 0
        self.start()

    def start(self):
        root, key, device, version = sys.argv[1:5]
        file = SettingsFile(root + "/settings", Guard())
        authority = Authority(unhexlify(key), unhexlify(device), file)
        numbers = tuple([int(part) for part in version.split(".")])
        slots = Slots(root, Guard(), "a", numbers, self.command, authority)
        asked = (lambda: not self.busy, lambda: self.settled, self.restart)
        self.release = Release(slots, authority, self, PLATFORM, *asked)
        self.link = Link(None, None, Clock(Ticks()), None)
        self.release.serve(self.link, lambda: None, lambda: None)

    def command(self, kind, values):
        wire.pack(wire.DATA[kind], *values)
        self.told.append([kind] + list(values))

    housekeeping = command

    def restart(self):
        self.restarts += 1
        raise Restarted

    def run(self):
        # as the task does, but a wait does not end by itself
        if self.restarts:
            return
        try:
            for _ in range(5000):
                if self.release.step() is None or self.busy or not self.settled:
                    return
        except Restarted:
            pass


def main():
    world = World()
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        if word == "restart":
            world.start()
        elif word == "run":
            world.run()
        elif word == "step":
            world.release.step()
        elif word == "busy":
            world.busy = argument == "1"
        elif word == "settled":
            world.settled = argument == "1"
        else:
            world.link.feed(unhexlify(argument))
        frames = []
        frame = world.link.pending()
        while frame:
            frames.append(hexlify(frame).decode())
            frame = world.link.pending()
        told = {"frames": frames, "records": world.told, "restarts": world.restarts}
        print(json.dumps(told))
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()


main()
