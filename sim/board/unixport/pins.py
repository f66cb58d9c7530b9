# Pin, PWM, ADC and bitstream of the RP2040, wired to the supervisor
import struct

import bus
import control

_pins = {}
_wires = {}  # pin -> [level when active, pin of its light source or -1, driven active]
_analog = {}
_pulsed = set()  # pins on which a PWM gives pulses: a light source that blinks fast is a light
_FALLING = 4
_RISING = 8


def _number(name):
    if isinstance(name, Pin):
        return name.id
    if isinstance(name, str) and name.startswith("GP"):
        name = int(name[2:])
    if not isinstance(name, int) or not 0 <= name < 30:
        raise ValueError("invalid pin")
    return name


class Pin:
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    ALT = 3
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = _FALLING
    IRQ_RISING = _RISING

    def __new__(cls, id, mode=-1, pull=-1, value=None, alt=-1):
        number = _number(id)
        pin = _pins.get(number)
        if pin is None:
            pin = super().__new__(cls)
            pin.id = number
            pin._mode = cls.IN
            pin._pull = -1
            pin._out = 0
            pin._handler = None
            pin._trigger = pin._fired = pin._flags = 0
            pin._hard = False
            _pins[number] = pin
            pin._seen = pin._level()
        return pin

    def __init__(self, id, mode=-1, pull=-1, value=None, alt=-1):
        self.init(mode, pull, value)

    def init(self, mode=-1, pull=-1, value=None, alt=-1):
        if value is not None and mode in (Pin.OUT, Pin.OPEN_DRAIN):
            self._drive(1 if value else 0)
        if mode != -1:
            self._mode = mode
            self._pull = pull
            self._seen = self._level()

    def _level(self):
        if self._mode == Pin.OUT:
            return self._out
        wire = _wires.get(self.id)
        if wire is None:
            return 1 if self._pull == Pin.PULL_UP else 0
        lit = wire[1] in _pulsed or (wire[1] in _pins and _pins[wire[1]]._out)
        dark = wire[1] >= 0 and not lit
        return wire[0] if wire[2] or dark else 1 - wire[0]

    def value(self, *level):
        if level:
            self._drive(1 if level[0] else 0)
            return None
        bus.pump()
        return self._level()

    __call__ = value

    def _drive(self, level):
        if level != self._out:
            self._out = level
            bus.send(control.LEVEL, self.id, level)
            _look_at_lit(self.id)

    def on(self):
        self._drive(1)

    def off(self):
        self._drive(0)

    high = on
    low = off

    def toggle(self):
        self._drive(1 - self._out)

    def look(self):
        # latch the edge before the level is noted: repeated after an interruption, nothing is lost
        level = self._level()
        if level == self._seen:
            return
        edge = _RISING if level else _FALLING
        if self._handler and self._trigger & edge:
            self._fired |= edge
            if self not in bus.latched:
                bus.latched.append(self)
        self._seen = level

    def hard(self):
        return self._hard

    def deliver(self):
        self._flags = self._fired
        self._fired = 0
        if self._handler and not bus.call(self._handler, self, self._hard):
            self._handler = None

    def irq(self, handler=None, trigger=_FALLING | _RISING, hard=False):
        if handler is not None or trigger != _FALLING | _RISING:
            self._handler = handler
            self._trigger = trigger
            self._hard = hard
            self._seen = self._level()
        return _Irq(self)

    def __repr__(self):
        return "Pin(GPIO%d, mode=%s)" % (self.id, ("IN", "OUT", "OPEN_DRAIN", "ALT")[self._mode])


def _look_at_lit(source):
    for number, wire in _wires.items():
        if wire[1] == source and number in _pins:
            _pins[number].look()
    bus.run_latched()


class _Irq:
    def __init__(self, pin):
        self._pin = pin

    def flags(self):
        return self._pin._flags

    def trigger(self, *trigger):
        if trigger:
            self._pin._trigger = trigger[0]
        return self._pin._trigger


def _wire(ident, value, stamp):
    _wires[ident] = [value & 1, (value >> 8) - 1, 0]


def _input(ident, value, stamp):
    _wires[ident][2] = value
    if ident in _pins:
        _pins[ident].look()


def _kept(ident, value, stamp):
    Pin(ident)._out = value


def _reading(ident, value, stamp):
    _analog[ident] = value


bus.handlers[control.WIRE] = _wire
bus.handlers[control.INPUT] = _input
bus.handlers[control.OUTPUT] = _kept
bus.handlers[control.ANALOG] = _reading


class ADC:
    CORE_TEMP = 4

    def __init__(self, channel):
        if isinstance(channel, int) and 0 <= channel <= 4:
            self._pin = 26 + channel
            return
        self._pin = _number(channel)
        if self._pin not in (26, 27, 28, 29):
            raise ValueError("Pin doesn't have ADC capabilities")

    def read_u16(self):
        bus.pump()
        return _analog.get(self._pin, 0)


class PWM:
    def __init__(self, pin, freq=None, duty_u16=None, duty_ns=None, invert=False):
        self._pin = _number(pin)
        self._freq = self._duty = 0
        self.init(freq=freq, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, freq=None, duty_u16=None, duty_ns=None, invert=False):
        if freq is not None:
            self._check(freq)
            self._freq = freq
        if duty_u16 is not None:
            self._duty = min(max(duty_u16, 0), 65535)
        if duty_ns is not None:
            self._duty = min(duty_ns * self._freq * 65535 // 1000000000, 65535)
        self._report()

    def _check(self, freq):
        if not 8 <= freq <= 62500000:
            raise ValueError("freq too small" if freq < 8 else "freq too large")

    def _report(self):
        bus.send_output(control.PWM, self._pin, self._duty, struct.pack("<I", self._freq))
        if (self._pin in _pulsed) != bool(self._duty):
            _pulsed.symmetric_difference_update({self._pin})
            _look_at_lit(self._pin)

    def freq(self, *value):
        if not value:
            return self._freq
        self.init(freq=value[0])

    def duty_u16(self, *value):
        if not value:
            return self._duty
        self.init(duty_u16=value[0])

    def duty_ns(self, *value):
        if not value:
            return self._duty * 1000000000 // (65535 * self._freq) if self._freq else 0
        self.init(duty_ns=value[0])

    def deinit(self):
        self._duty = 0
        self._report()


def bitstream(pin, encoding, timing, data):
    if encoding:
        raise ValueError("invalid encoding")
    bus.send_output(control.PIXELS, _number(pin), 0, bytes(data))
