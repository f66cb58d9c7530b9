# Runs the app: counts starts that come to nothing, falls back from a release never confirmed.
import micropython
from machine import Pin, mem32, reset

TRIES, FAULT = WATCHDOG + 0xC, WATCHDOG + 0x10  # SCRATCH0, 1: no wear, outlive a reset
STATE, Dispenser, dispenser = "/slots/%s/state", None, None


def text(path, new=""):
    try:
        with open(path, "w" if new else "r") as file:
            return file.write(new) if new else file.read()
    except OSError:
        return ""


try:
    try:
        tries, other = mem32[TRIES] & 0xFF, "a" if slot == "b" else "b"
        if not Pin(13, Pin.IN, Pin.PULL_UP).value():
            raise KeyboardInterrupt  # the service button is held: the prompt and no app
        maintenance.stop()
        back = tries > 2 and text(STATE % other) == "confirmed" != text(STATE % slot)
        mem32[TRIES] = 0 if back else min(tries + 1, 255)
        back and (text(STATE % slot, "reverted"), text("/slot", other), reset())
        from dispenser.app import Dispenser

        dispenser = Dispenser(tries > 2)
        dispenser.run()
    finally:
        for _ in range(2):
            micropython.kbd_intr(-1)  # one more that has struck comes between, and ends up below
except KeyboardInterrupt:
    mem32[TRIES] = mem32[FAULT] = 0
    maintenance.start(dispenser.pause() if dispenser else 15)
except Exception as error:
    Dispenser and Dispenser.crashed(error)
    (Dispenser or text(STATE % other) == "confirmed") and reset()
    raise
