"""A board whose journal is filled at its prompt, with the firmware's own code."""

from pathlib import Path

from tools.prompt import Prompt

# DOSE of compartment 1: settings version 1, window 1, compartment 1, one more byte
_FILL = """
import sys
sys.path.insert(0, "/slots/" + slot)
from dispenser import pins
from dispenser.app import JOURNAL
from dispenser.chain import Chain
from dispenser.drivers import chip, usb
from dispenser.drivers.eeprom import At24c32
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
store = KeyStore(At24c32(chip.bus(), pins.AT24C32))
journal = Journal(JOURNAL, Chain(store, *store.load()), usb.Guard())
journal.open()
for n in range({count}):
    journal.append(1, 100 + n, 0, 0x22, b"\\0\\1\\1\\1\\1")
    if n % 100 == 0:
        print(".")
"""


def fill(port: Path, count: int) -> None:
    """Append so many records; the app starts again afterwards."""
    with Prompt(port) as prompt:
        prompt.run(_FILL.format(count=count), lambda _: None)
        prompt.reset()
