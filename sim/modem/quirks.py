"""What tells the modems of one maker from those of another, as data."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Quirks:
    """A kind of modem: identity, boot, and the vendor's commands.

    boot: lines at its start, with the seconds after power-on. retries: the command that tells how
    many tries a PIN has left, and its answer with {pin} and {puk}.
    """

    manufacturer: str
    model: str
    revision: str
    usb: str
    at_interface: int
    boot_s: float = 10.0
    boot: tuple[tuple[float, str], ...] = ()
    iccid: tuple[str, str] = ("+CCID", "+CCID: {iccid}")
    retries: tuple[str, str] = ("+CPINR", "+CPINR: SIM PIN,{pin},3")
    reset: str = "+CFUN=1,1"
    power_off: str = ""
    powered_off: str = ""
    signal: tuple[str, str] = ("", "")  # the maker's own command, and its answer in coverage
    ecm: dict[str, str] = field(default_factory=dict)
    unknown: str = "ERROR"
    line_end: str = "\r\n"
    lte_only: bool = False


KINDS = {
    "ec25": Quirks(
        "Quectel",
        "EC25",
        "EC25EFAR06A06M4G",
        "2c7c:0125",
        2,
        boot=((4.0, "RDY"), (5.0, "+CFUN: 1"), (5.5, "+CPIN: READY"), (8.0, "+QIND: PB DONE")),
        iccid=("+QCCID", "+QCCID: {iccid}"),
        retries=("+QPINC", '+QPINC: "SC",{pin},{puk}'),
        power_off="+QPOWD",
        powered_off="POWERED DOWN",
        signal=("+QCSQ", '+QCSQ: "LTE",-68,-97,145,-11'),
        ecm={'+QCFG="usbnet"': '+QCFG: "usbnet",1'},
    ),
    "bg95": Quirks(
        "Quectel",
        "BG95-M3",
        "BG95M3LAR02A04",
        "2c7c:0700",
        2,
        boot=((3.0, "APP RDY"), (4.0, "+CPIN: READY")),
        iccid=("+QCCID", "+QCCID: {iccid}"),
        retries=("+QPINC", '+QPINC: "SC",{pin},{puk}'),
        power_off="+QPOWD",
        powered_off="NORMAL POWER DOWN",
        signal=("+QCSQ", '+QCSQ: "eMTC",-71,-102,120,-13'),
        lte_only=True,
    ),
    "sim7600": Quirks(
        "SIMCOM INCORPORATED",
        "SIMCOM_SIM7600E-H",
        "LE20B04SIM7600M22",
        "1e0e:9001",
        2,
        boot=((6.0, "+CPIN: READY"), (9.0, "SMS DONE"), (10.0, "PB DONE")),
        iccid=("+CICCID", "+ICCID: {iccid}"),
        retries=("+SPIC", "+SPIC: {pin},{puk},3,10"),
        reset="+CRESET",
        line_end="\r\r\n",
    ),
    "a7670": Quirks(
        "INCORPORATED",
        "A7670E-FASE",
        "A7670M7_V1.11.1",
        "1e0e:9011",
        4,
        boot=((5.0, "*ATREADY: 1"), (6.0, "+CPIN: READY"), (8.0, "SMS DONE")),
        iccid=("+CICCID", "+ICCID: {iccid}"),
        retries=("+CPINR", "+CPINR: SIM PIN,{pin},3"),
        reset="+CRESET",
    ),
    "lara-r6": Quirks(
        "u-blox",
        "LARA-R6001",
        "00.14",
        "1546:1311",
        1,
        iccid=("+CCID", "+CCID: {iccid}"),
        retries=("+UPINCNT", "+UPINCNT: {pin},3,{puk},10"),
        reset="+CFUN=16",
    ),
    "sara-r4": Quirks(
        "u-blox",
        "SARA-R410M-02B",
        "L0.0.00.00.05.08",
        "05c6:90b2",
        2,
        retries=("+UPINCNT", "+UPINCNT: {pin},3,{puk},10"),
        reset="+CFUN=15",
        lte_only=True,
    ),
    "le910": Quirks(
        "Telit",
        "LE910C4-EU",
        "25.21.260",
        "1bc7:1201",
        4,
        boot=((6.0, "#QSS: 3"),),
        iccid=("#CCID", "#CCID: {iccid}"),
        retries=("#PCT", "#PCT: {pin}"),
        reset="#REBOOT",
    ),
    "generic": Quirks("Example", "M1", "1.0", "ffff:0001", 0),
}
