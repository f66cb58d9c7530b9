# The piezo buzzer.
from machine import PWM, Pin

from dispenser import pins

_IDLE_HZ = 1000


class Buzzer:
    def __init__(self):
        self._pwm = PWM(Pin(pins.BUZZER), freq=_IDLE_HZ, duty_u16=0)

    def tone(self, hz, duty):
        # 0 Hz is silence; duty of 65536
        if hz:
            self._pwm.freq(hz)
        self._pwm.duty_u16(duty if hz else 0)
