"""The emulated board: real MicroPython, real mpremote, simulated hardware."""
