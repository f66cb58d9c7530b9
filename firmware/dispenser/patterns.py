# What the panel shows and sounds: one table, for the firmware and for the pages about it.
# Lights differ by place and rhythm, never by colour alone; no flash comes more often than three
# times a second; tones lie between 500 and 1500 Hz.

# places: which lights of the chain
COMPARTMENTS = (0, 1, 2, 3)
QUESTIONS = (4, 5, 6)
STATUS = (7,)
LIGHTS = 8

_WHITE = (60, 60, 60)
_GREEN = (0, 60, 0)
_BLUE = (0, 0, 80)
_AMBER = (80, 40, 0)
_RED = (80, 0, 0)

# name: (places, rhythm: ms on, ms off, ..., times: 0 for as long as it is so, colour, notes)
# a note is (Hz, ms), 0 Hz a pause
PATTERNS = {
    # answers to a press
    "pressed": (STATUS, (400, 400), 1, _WHITE, ()),
    "noted": (STATUS, (200, 200), 2, _WHITE, ((880, 120),)),
    "delivered": (STATUS, (1500, 500), 1, _GREEN, ()),
    "seen": (STATUS, (1500, 500), 2, _GREEN, ()),
    # how the dispenser is
    "service": (STATUS, (1500, 500, 200, 500), 0, _RED, ()),
    "low_battery": (STATUS, (1500, 1000), 0, _RED, ()),
    "unreached": (STATUS, (200, 300, 200, 300, 200, 2800), 0, _AMBER, ()),
    "battery": (STATUS, (200, 300, 200, 14300), 0, _AMBER, ()),
    "offline": (STATUS, (200, 400, 1500, 7900), 0, _AMBER, ()),
    "technician": (STATUS, (700, 700, 200, 700), 0, _BLUE, ()),
    "starting": (STATUS, (1000, 0), 0, _WHITE, ()),
    "searching": (STATUS, (500, 500), 0, _BLUE, ()),
    "waiting": (STATUS, (2000, 8000), 0, _BLUE, ()),
    "connected": (STATUS, (200, 9800), 0, _GREEN, ()),
    # what it asks for
    "remind": (COMPARTMENTS, (1000, 1000), 0, _BLUE, ()),
    "ask": (QUESTIONS, (1000, 0), 0, _WHITE, ()),
    "refill": (COMPARTMENTS, (2500, 500), 0, _AMBER, ()),
    "chime": ((), (), 1, (0, 0, 0), ((660, 250), (0, 100), (880, 250), (0, 100), (1100, 400))),
}

# of several states the status light shows the first; of these the dispenser starts with the last
STATES = (
    "service",
    "technician",
    "low_battery",
    "unreached",
    "battery",
    "offline",
    "starting",
    "searching",
    "waiting",
    "connected",
)
ANSWERS = ("pressed", "noted", "delivered", "seen")

DIM = 8  # quiet hours: an eighth of the light
VOLUMES = (0, 400, 3000, 32768)  # duty of the buzzer, of 65536
