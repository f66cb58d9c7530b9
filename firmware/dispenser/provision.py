# Gives a dispenser its id, its chain key and a new journal. Called at the prompt by the tools.
import asyncio
import os
import time
from binascii import hexlify, unhexlify

from dispenser import identity, pins, wire
from dispenser.app import JOURNAL, SETTINGS
from dispenser.chain import Chain
from dispenser.clock import Clock, Timekeeper
from dispenser.drivers import chip, usb
from dispenser.drivers.eeprom import At24c32
from dispenser.drivers.rtc import Ds3231
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.settings import SettingsFile


def run(device_id, epoch, previous, reason, root_key, command_key, replace=False):
    # hex texts and numbers; returns the EPOCH record as hex. ValueError if a journal is there,
    # which only `replace` removes for ever, with the settings.
    name, key, command = unhexlify(device_id), unhexlify(root_key), unhexlify(command_key)
    if len(name) != 8 or len(key) != 32 or len(command) != 32 or not 0 < epoch < 1 << 32:
        raise ValueError("id of 8 bytes, keys of 32 bytes, epoch of 32 bits and not 0 are needed")
    i2c = chip.bus()
    guard = usb.Guard()
    if Journal(JOURNAL, None, guard).open():
        if not replace:
            raise ValueError("a journal is already here")
        _remove(JOURNAL)
    store = KeyStore(At24c32(i2c, pins.AT24C32))
    store.save(epoch, 0, key)
    store.save_command(command)
    SettingsFile(SETTINGS, guard).forget()
    identity.store(name)
    journal = Journal(JOURNAL, Chain(store, epoch, 0, key), guard)
    journal.create()
    return _begin(journal, _clock(i2c), (epoch, previous, reason, chip.unique_id()))


def _begin(journal, clock, values):
    # the journal exists from this write on
    seconds, stamp = clock.stamp(clock.ticks(), wire.MODE_BENCH)
    journal.append(0, seconds, stamp, wire.EPOCH, wire.pack(wire.DATA[wire.EPOCH], *values))
    return hexlify(journal.read(0, wire.MAX_RECORD)[1]).decode()


def _clock(i2c):
    clock = Clock(time)
    rtc = Ds3231(i2c, pins.DS3231)
    Timekeeper(clock, rtc, asyncio.Event(), asyncio.sleep_ms).start()
    return clock


def _remove(path):
    for name in os.listdir(path):
        entry = path + "/" + name
        if os.stat(entry)[0] & 0x4000:
            _remove(entry)
        else:
            os.remove(entry)
