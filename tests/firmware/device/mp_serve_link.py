# A Link over a journal of its own. In: "feed HEX", "append N" (N records), "drain" (take frames
# until there are none), "state". Out: one JSON line a command.
import json
import sys
from binascii import hexlify, unhexlify

from dispenser.chain import Chain
from dispenser.clock import Clock
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.link import Link
from mp_worlds import CELLS, EPOCH, ROOT_KEY, Eeprom, Guard, Power


class Ticks:
    def ticks_ms(self):
        return 5000

    def ticks_diff(self, a, b):
        return a - b


class About:
    identity = bytes(range(8))
    board = b"pico"
    version = (1, 2, 3)
    service = 0
    boot = 7

    def nonce(self):
        return 99


def make_journal(root):
    store = KeyStore(Eeprom(bytearray(b"\xff" * CELLS), Power()))
    journal = Journal(root, Chain(store, EPOCH, 0, ROOT_KEY), Guard())
    journal.create()
    return journal


def main():
    times = []
    journal = make_journal(sys.argv[1])
    held = journal if sys.argv[2] == "journal" else None
    link = Link(About(), held, Clock(Ticks()), lambda *values: not times.append(values))
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        if word == "feed":
            link.feed(unhexlify(argument))
        elif word == "append":
            for _ in range(int(argument)):
                journal.append(7, journal.next, 0, 0x7E, bytes(journal.next % 37))
        told = {"frames": []}
        while word == "drain":
            frame = link.pending()
            if not frame:
                break
            told["frames"].append(hexlify(frame).decode())
        frames = link.deframer
        told["counts"] = [frames.fcs, frames.short, frames.long, frames.foreign]
        told["refused"], told["dropped"], told["times"] = link.refused, link.dropped, times
        told["watermark"], told["away"] = link.watermark is not None, link.away
        print(json.dumps(told))
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()


main()
