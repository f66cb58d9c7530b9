"""+CREG, +CGREG, +CEREG and +C5GREG in every form that modems give them.

3GPP TS 27.007 clauses 7.2 (+CREG), 10.1.20 (+CGREG), 10.1.22 (+CEREG), 10.1.47 (+C5GREG):
read `<n>,<stat>[,[<lac>],[<ci>],[<AcT>]…]`, unsolicited `<stat>[,…]`. Old modems put <n> into
unsolicited lines or <rac> before <ci>.
"""

from collections.abc import Container
from typing import Literal

import msgspec

from gateway.modem.fields import NONE, Field, Line, hexadecimal, number, parse

DOMAINS = frozenset(("CREG", "CGREG", "CEREG", "C5GREG"))
STATES = {
    0: "not registered, not searching",
    1: "registered home",
    2: "searching",
    3: "denied",
    4: "unknown",
    5: "registered roaming",
    6: "SMS-only home",
    7: "SMS-only roaming",
    8: "emergency only",
    9: "home, CSFB not preferred",
    10: "roaming, CSFB not preferred",
    11: "attached for access to RLOS",
    90: "UICC failure",
}
USABLE = frozenset((1, 5, 9, 10))
ROAMING = frozenset((5, 7, 10))
DENIED = 3
_MAX_N = 9
_MAX_ACT = 15
_AREA_DIGITS = {"CREG": 4, "CGREG": 4, "CEREG": 4, "C5GREG": 6}
_CELL_DIGITS = {"CREG": 8, "CGREG": 8, "CEREG": 8, "C5GREG": 9}


class Reg(msgspec.Struct, frozen=True, tag_field="type", tag="reg"):
    """A registration: lac is the location or tracking area code, ci the cell."""

    domain: str
    form: Literal["read", "urc"]
    n: int | None
    stat: int
    stat_name: str | None
    lac: int | None = None
    ci: int | None = None
    act: int | None = None
    packet_service_usable: bool | None = None
    rac: int | None = None
    cause_type: int | None = None
    reject_cause: int | None = None
    active_time: str | None = None
    periodic_tau: str | None = None
    lac_unreliable: bool = False
    location_unreliable: bool = False


def is_read(text: str) -> bool:
    """Whether a registration line can be the answer to a read command, by its form."""
    line = parse(text)
    return len(line) > 1 and _is_state(line, 1, range(100))


def registration(text: str, asked: bool) -> Reg | None:
    """Understand a registration line; None if it does not say a state.

    asked: it answers a read command; otherwise it came by itself.
    """
    line = parse(text)
    domain = line.prefix.lstrip("+^")
    if domain not in DOMAINS:
        return None
    with_n = asked or _urc_with_n(line)
    stat = number(line[1] if with_n else line[0], 0, 255)
    n = number(line[0], 0, _MAX_N) if with_n else None
    if stat is None or (with_n and n is None):
        return None
    rest = Line(line.prefix, line.fields[2 if with_n else 1 :], "")
    return _located(Reg(domain, "read" if asked else "urc", n, stat, STATES.get(stat)), rest)


def _is_state(line: Line, i: int, states: Container[int | None]) -> bool:
    field = line[i]
    if field.quoted or number(field) not in states:
        return False
    # an area code has four digits; a state may have leading zeros, then the area is quoted
    return len(field.text) <= 2 or len(line) == i + 1 or line[i + 1].quoted


def _urc_with_n(line: Line) -> bool:
    if len(line) < 2 or not _is_state(line, 1, STATES):
        return False
    if len(line) == 2 or line[2].quoted:
        return True
    # all short and unquoted: <stat>,<lac>,<ci>[,<AcT>] of the standard if that makes sense
    return len(line) > 3 and number(line[3], 0, _MAX_ACT) is None


def _located(reg: Reg, rest: Line) -> Reg:
    usable = None if reg.domain == "CREG" or reg.stat_name is None else reg.stat in USABLE
    reg = msgspec.structs.replace(reg, packet_service_usable=usable)
    if rest.broken:
        return msgspec.structs.replace(reg, location_unreliable=True)
    rac = NONE
    if _rac_before_cell(reg, rest):
        rac, rest = rest[1], Line("", (rest[0], *rest.fields[2:]), "")
    elif reg.domain == "CGREG":
        rac, rest = rest[3], Line("", (*rest.fields[:3], *rest.fields[4:]), "")
    elif reg.domain == "C5GREG":
        rest = Line("", (*rest.fields[:3], *rest.fields[5:]), "")
    lac, unreliable = _area(rest[0], _AREA_DIGITS[reg.domain])
    cause_type, cause = number(rest[3], 0, 1), number(rest[4], 0, 65535)
    return msgspec.structs.replace(
        reg,
        lac=lac,
        lac_unreliable=unreliable,
        ci=hexadecimal(rest[1], _CELL_DIGITS[reg.domain]),
        act=number(rest[2], 0, _MAX_ACT),
        rac=hexadecimal(rac, 2),
        cause_type=cause_type,
        reject_cause=cause if cause_type is not None else None,
        active_time=_timer(rest[5]),
        periodic_tau=_timer(rest[6]),
    )


def _rac_before_cell(reg: Reg, rest: Line) -> bool:
    # <tac>,<rac>,<ci>,<AcT>: a routing area code has two digits, no <AcT> has three
    if reg.domain == "C5GREG" or len(rest) < 4 or not 1 <= len(rest[1].text) <= 2:
        return False
    act = number(rest[2], 0, _MAX_ACT)
    return act is None and hexadecimal(rest[2]) is not None and number(rest[3]) is not None


def _area(field: Field, digits: int) -> tuple[int | None, bool]:
    # a blank inside: what stands before it was read, the rest is garbage
    head, blank, _ = field.text.partition(" ")
    return hexadecimal(Field(head, field.quoted, field.broken), digits), bool(blank)


def _timer(field: Field) -> str | None:
    # TS 24.008 clauses 10.5.7.3, 10.5.7.4a: GPRS timers as 8 bits
    ok = len(field.text) == 8 and set(field.text) <= {"0", "1"}
    return field.text if ok else None
