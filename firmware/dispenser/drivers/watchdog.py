# The watchdog. Once started nothing but a reset stops it.
from machine import WDT
from micropython import const

_TIMEOUT_MS = const(8388)  # longest the RP2040 can


class Watchdog:
    def __init__(self):
        self.feed = WDT(timeout=_TIMEOUT_MS).feed
