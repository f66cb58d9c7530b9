# the ticks of the RP2040, moved by hand
PERIOD = 1 << 30


class Ticks:
    # as on the RP2040: wraps at 2**30
    def __init__(self, start=0):
        self.ms = start

    def ticks_ms(self):
        return self.ms % PERIOD

    def ticks_diff(self, a, b):
        return (a - b + PERIOD // 2) % PERIOD - PERIOD // 2
