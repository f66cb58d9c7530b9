"""The SIM: state, identity, tries that are left, files."""

import re
from collections.abc import Sequence

import msgspec

from gateway.modem.fields import number, parse

# 27.007 clause 8.3, and what vendors report besides
_STATES = frozenset(
    (
        *("READY", "SIM PIN", "SIM PUK", "SIM PIN2", "SIM PUK2", "PH-SIM PIN"),
        *("PH-FSIM PIN", "PH-FSIM PUK", "PH-NET PIN", "PH-NET PUK", "PH-NETSUB PIN"),
        *("PH-NETSUB PUK", "PH-SP PIN", "PH-SP PUK", "PH-CORP PIN", "PH-CORP PUK"),
        *("NOT READY", "NOT INSERTED", "SIM FAILURE", "SIM BUSY", "SIM REMOVED", "SIM WRONG"),
    )
)
_QSS = ("removed", "inserted", "inserted_unlocked", "ready")
_ICCID = re.compile(r"89[0-9]{3}[0-9A-F]{13,15}")
_TRIES = (0, 10)
_EMPTY_PLMN = "FFFFFF"
FPLMN_FILE = "28539"


class Cpin(msgspec.Struct, frozen=True, tag_field="type", tag="cpin"):
    """27.007 clause 8.3: what the SIM waits for."""

    state: str


class Iccid(msgspec.Struct, frozen=True, tag_field="type", tag="iccid"):
    """ITU-T E.118: 18 to 20 digits that begin with 89; some issuers use hexadecimal ones."""

    iccid: str


class Imei(msgspec.Struct, frozen=True, tag_field="type", tag="imei"):
    """TS 23.003 clause 6.2.1."""

    imei: str


class Imsi(msgspec.Struct, frozen=True, tag_field="type", tag="imsi"):
    """TS 23.003 clause 2.2."""

    imsi: str


class PinRetries(msgspec.Struct, frozen=True, tag_field="type", tag="pin_retries"):
    """Tries that are left: `left` those of `code`, or of the code asked for now."""

    pin1: int | None = None
    puk1: int | None = None
    pin2: int | None = None
    puk2: int | None = None
    code: str | None = None
    left: int | None = None


class Qss(msgspec.Struct, frozen=True, tag_field="type", tag="qss"):
    """Telit #QSS."""

    sim: str | None


class Crsm(msgspec.Struct, frozen=True, tag_field="type", tag="crsm"):
    """27.007 clause 8.18: status words and data of a SIM file."""

    sw1: int
    sw2: int
    data: str | None = None


class Fplmn(msgspec.Struct, frozen=True, tag_field="type", tag="fplmn"):
    """TS 31.102 clause 4.2.16: networks that the SIM must not use."""

    plmns: list[str]


def cpin(text: str) -> Cpin | None:
    """Understand +CPIN?, with or without its prefix."""
    state = re.sub(r"^.*?:", "", text).strip().strip('"').strip()
    return Cpin(state) if state in _STATES else None


def iccid(text: str) -> Iccid | None:
    """Understand an ICCID: quoted or not, padded with F, nibbles swapped as on the SIM."""
    digits = re.sub(r"^.*?:", "", text).strip().strip('"').strip().upper()
    if digits.startswith("98") and len(digits) % 2 == 0:
        digits = "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2))
    digits = digits.removesuffix("F").removesuffix("F")
    return Iccid(digits) if 18 <= len(digits) <= 20 and _ICCID.fullmatch(digits) else None


def imei(texts: Sequence[str]) -> Imei | None:
    """Understand +CGSN: 15 digits; the check digit is often wrong or 0, and not looked at."""
    for line in map(parse, texts):
        digits = line[0].text
        if len(digits) == 15 and digits.isascii() and digits.isdigit():
            return Imei(digits)
    return None


def imsi(text: str) -> Imsi | None:
    """Understand +CIMI."""
    digits = parse(text)[0].text
    return Imsi(digits) if re.fullmatch(r"[0-9]{14,15}", digits) else None


def upincnt(text: str) -> PinRetries | None:
    """Understand u-blox +UPINCNT: <PIN>,<PIN2>,<PUK>,<PUK2>."""
    tries = [number(field, *_TRIES) for field in parse(text).fields]
    if len(tries) != 4 or None in tries:
        return None
    return PinRetries(pin1=tries[0], pin2=tries[1], puk1=tries[2], puk2=tries[3])


def spic(text: str) -> PinRetries | None:
    """Understand SIMCom +SPIC: <PIN>,<PUK>,<PIN2>,<PUK2>."""
    tries = [number(field, *_TRIES) for field in parse(text).fields]
    if len(tries) != 4 or None in tries:
        return None
    return PinRetries(pin1=tries[0], puk1=tries[1], pin2=tries[2], puk2=tries[3])


def qpinc(texts: Sequence[str]) -> PinRetries | None:
    """Understand Quectel +QPINC: "SC" (PIN) and "P2" (PIN2), each <PIN>,<PUK>."""
    found = {line[0].text: line for line in map(parse, texts)}
    one, two = found.get("SC"), found.get("P2")
    if one is None and two is None:
        return None
    pin1, puk1 = (number(one[i], *_TRIES) if one else None for i in (1, 2))
    pin2, puk2 = (number(two[i], *_TRIES) if two else None for i in (1, 2))
    single = ("SC" if one else "P2") if len(found) == 1 else None
    left = (pin1 if one else pin2) if single else None
    return PinRetries(pin1, puk1, pin2, puk2, single, left)


def cpinr(text: str) -> PinRetries | None:
    """Understand 27.007 clause 8.65 +CPINR: <code>,<retries>[,<default_retries>]."""
    line = parse(text)
    left = number(line[1], *_TRIES)
    return None if left is None or line[0].text not in _STATES else _left(line[0].text, left)


def _left(code: str, left: int) -> PinRetries:
    named = {"SIM PIN": "pin1", "SIM PUK": "puk1", "SIM PIN2": "pin2", "SIM PUK2": "puk2"}
    values = {named[code]: left} if code in named else {}
    return msgspec.structs.replace(PinRetries(code=code, left=left), **values)


def pct(text: str) -> PinRetries | None:
    """Understand Telit #PCT: tries of the code asked for now."""
    left = number(parse(text)[0], *_TRIES)
    return None if left is None else PinRetries(left=left)


def qss(text: str, asked: bool) -> Qss:
    """Understand Telit #QSS: read `<mode>,<status>`, unsolicited `<status>`."""
    line = parse(text)
    status = number(line[1] if asked else line[0], 0, len(_QSS) - 1)
    good = line.prefix == "#QSS" and status is not None and len(line) == (2 if asked else 1)
    return Qss(_QSS[status] if good and status is not None else None)


def crsm(text: str) -> Crsm | None:
    """Understand +CRSM."""
    line = parse(text)
    sw1, sw2 = number(line[0], 0, 255), number(line[1], 0, 255)
    if sw1 is None or sw2 is None:
        return None
    data = line[2].text
    return Crsm(sw1, sw2, data if re.fullmatch(r"([0-9A-Fa-f]{2})+", data) else None)


def fplmn(text: str) -> Fplmn | None:
    """Understand the content of EF_FPLMN; None if the SIM did not give it."""
    found = crsm(text)
    if found is None or found.sw1 not in (0x90, 0x91) or found.data is None:
        return None
    groups = [found.data[i : i + 6].upper() for i in range(0, len(found.data) - 5, 6)]
    return Fplmn([_plmn(group) for group in groups if _is_plmn(group)])


def _is_plmn(group: str) -> bool:
    return group != _EMPTY_PLMN and _plmn(group).isdigit()


def _plmn(group: str) -> str:
    # TS 24.008 clause 10.5.1.13: MCC2 MCC1, MNC3 MCC3, MNC2 MNC1; MNC3 F: two digits
    mnc3 = "" if group[2] == "F" else group[2]
    return group[1] + group[0] + group[3] + group[5] + group[4] + mnc3
