# The watchdog. Once started nothing but a reset stops it.
from machine import WDT
from micropython import const

_TIMEOUT_MS = const(6500)  # with two seconds between looks, a hang ends within nine


class Watchdog:
    def __init__(self):
        self.feed = WDT(timeout=_TIMEOUT_MS).feed
