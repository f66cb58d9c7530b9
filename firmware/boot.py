# Runs at every reset and before every mpremote command: raises nothing, waits for nothing.
import sys

from machine import Timer, mem32

WATCHDOG = 0x400D8000 if "RP2350" in sys.implementation._machine else 0x40058000  # CTRL


class Maintenance:
    # feeds the watchdog while a tech has the prompt, then lets it bring the app back
    timer, left = None, 0

    def extend(self, minutes=15):
        self.left = minutes * 120  # half seconds

    def start(self, minutes=15):
        if mem32[WATCHDOG] & 1 << 30 and not self.timer:  # ENABLE
            self.extend(minutes)
            self.timer = Timer(-1, period=500, mode=Timer.PERIODIC, callback=self.feed)

    def feed(self, timer):
        self.left -= 1
        if self.left > 0:
            mem32[WATCHDOG + 4] = 0x7FFFFF  # LOAD, 4 s at least

    def stop(self):
        if self.timer:
            self.timer.deinit()
            self.timer = None


slot, maintenance = "a", Maintenance()
try:
    maintenance.start()
    with open("/slot") as file:
        slot = "b" if file.read().strip() == "b" else "a"
except Exception:
    pass
sys.path.insert(0, "/slots/" + slot)
