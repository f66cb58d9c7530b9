# Runs the app; Ctrl-C gives the prompt to a tech, with the watchdog fed for a while.
import micropython
from dispenser.app import Dispenser

dispenser = None
try:
    dispenser = Dispenser()
    maintenance.stop()  # noqa: F821 - made by boot.py
    dispenser.run()
except KeyboardInterrupt:
    micropython.kbd_intr(-1)
    try:
        if dispenser:
            dispenser.pause()
    finally:
        maintenance.start()  # noqa: F821
        micropython.kbd_intr(3)
