"""What a modem finds: its SIM card, the network around it, and what goes wrong.

All of it may be changed at any time while the modem runs.
"""

from dataclasses import dataclass, field

PIN_TRIES = 3
PUK_TRIES = 10


@dataclass(slots=True)
class Card:
    """A SIM card; its PIN counter survives everything."""

    inserted: bool = True
    pin: str = ""  # "": no PIN is asked for
    pin_tries: int = PIN_TRIES
    puk_tries: int = PUK_TRIES
    iccid: str = "8988280666001234567"
    imsi: str = "901280012345678"
    forbidden: bytes = b"\xff" * 12  # EF_FPLMN, TS 31.102 clause 4.2.16

    @property
    def blocked(self) -> bool:
        """Whether only the PUK would help."""
        return self.pin_tries == 0

    def verify(self, pin: str) -> bool:
        """Try a PIN; a wrong one costs a try."""
        if self.blocked:
            return False
        self.pin_tries = PIN_TRIES if pin == self.pin else self.pin_tries - 1
        return pin == self.pin


@dataclass(slots=True)
class Network:
    """The network at this place, as the modem's operator sees it."""

    coverage: bool = True
    roaming: bool = False
    denied: int | None = None  # EMM cause of the reject, TS 24.301 clause 9.9.3.9
    t3346_s: float = 1200.0  # how long to stay away, told with cause 22
    attach_s: float = 12.0
    activate_s: float = 1.5
    apn: str = "iot.example"
    plmn: str = "26201"
    operator: str = "Example, Mobile"
    rssi: int = 18  # of +CSQ
    address: str = "10.64.3.17"
    attaches: list[float] = field(default_factory=list)  # times of attach requests


@dataclass(slots=True)
class Faults:
    """Switches for what real modems do wrong."""

    hang: bool = False  # takes bytes, answers nothing, until reset over USB or power
    dead: bool = False  # the same, until its power is cut
    deaf_to_usb: bool = False  # a reset over USB does not help a hang
    no_data: bool = False  # attached, address and all, but nothing passes; until attached anew
    no_data_until_reset: bool = False  # the same, until the module is reset
    stale_interface: bool = False  # nothing passes until the host's interface is renewed
    stuck_radio: bool = False  # never registers until the radio was off
    reboot_loop_s: float = 0.0  # restarts after so many seconds, until its power is cut
    no_reboot: bool = False  # CFUN=1,1 is answered with OK and nothing happens
    slow_s: float = 0.0  # more delay for every answer
    delay_next_s: float = 0.0  # more delay for the next answer only
    garbage: float = 0.0  # probability of a damaged byte, each
    noise: float = 0.0  # probability of an unsolicited line inside an answer, each line
    chunk: int = 0  # deliver so many bytes at a time, 0: all at once
