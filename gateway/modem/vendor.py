"""Lines of single vendors that the gateway uses: USB mode, data session, identity, ping."""

import re
from collections.abc import Sequence

import msgspec

from gateway.modem.fields import address, hexadecimal, number, parse


class Usbnet(msgspec.Struct, frozen=True, tag_field="type", tag="usbnet"):
    """Quectel AT+QCFG="usbnet": 0 QMI, 1 ECM, 2 MBIM, 3 RNDIS, 5 NCM."""

    mode: int


class Usbmode(msgspec.Struct, frozen=True, tag_field="type", tag="usbmode"):
    """u-blox +UUSBCONF, Telit #USBCFG."""

    profile: int
    mode: str | None = None
    pid: int | None = None


class Netmode(msgspec.Struct, frozen=True, tag_field="type", tag="netmode"):
    """u-blox +UBMCONF."""

    mode: str


class Ecm(msgspec.Struct, frozen=True, tag_field="type", tag="ecm"):
    """Telit #ECM."""

    active: bool


class Netdev(msgspec.Struct, frozen=True, tag_field="type", tag="netdev"):
    """Quectel +QNETDEVSTATUS."""

    ip: str | None
    mask: str | None
    gw: str | None
    dns1: str | None
    dns2: str | None


class Session(msgspec.Struct, frozen=True, tag_field="type", tag="data_session"):
    """u-blox +UUPSDA, +UUPSDD; Quectel +QIURC: "pdpdeact"; SIMCom +APP PDP."""

    event: str
    profile: int | None = None
    cid: int | None = None
    ip: str | None = None


class Identity(msgspec.Struct, frozen=True, tag_field="type", tag="identity"):
    """ATI, +CGMI, +CGMM, +CGMR."""

    manufacturer: str | None = None
    model: str | None = None
    revision: str | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="cping"):
    """The summary of SIMCom +CPING, Quectel +QPING; times in ms."""

    sent: int
    received: int
    lost: int
    min: int | None
    max: int | None
    avg: int | None


class Values(msgspec.Struct, frozen=True, tag_field="type", tag="list"):
    """One list of numbers of a test command."""

    values: list[int]


class Ranges(msgspec.Struct, frozen=True, tag_field="type", tag="ranges"):
    """Several lists of a test command, as they stand."""

    values: list[str]


_NETMODES = {1: "router", 2: "bridge"}


def usbnet(text: str) -> Usbnet | None:
    """Understand +QCFG: "usbnet",<mode>."""
    line = parse(text)
    mode = number(line[1], 0, 9)
    return None if mode is None or line[0].text != "usbnet" else Usbnet(mode)


def usbmode(text: str) -> Usbmode | None:
    """Understand +UUSBCONF: <id>,<class>,,<pid> and #USBCFG: <mode>."""
    line = parse(text)
    profile = number(line[0], 0, 99)
    if profile is None:
        return None
    return Usbmode(profile, line[1].some, hexadecimal(line[3], 4))


def netmode(text: str) -> Netmode | None:
    """Understand +UBMCONF."""
    mode = _NETMODES.get(number(parse(text)[0]) or 0)
    return None if mode is None else Netmode(mode)


def ecm(text: str) -> Ecm | None:
    """Understand #ECM: <did>,<state>."""
    state = number(parse(text)[1], 0, 1)
    return None if state is None else Ecm(state == 1)


def netdev(text: str) -> Netdev | None:
    """Understand +QNETDEVSTATUS: <ip>,<mask>,<gateway>,<dhcp>,<dns>,<dns>."""
    line = parse(text)
    if len(line) < 6:
        return None
    ip, mask, gw, _, dns1, dns2 = (address(field.text) for field in line.fields[:6])
    return Netdev(ip, mask, gw, dns1, dns2)


def session(text: str) -> Session | None:
    """Understand what tells by itself that a data session began or ended."""
    line = parse(text)
    if line.prefix == "+UUPSDA":
        ip = address(line[1].text)
        return None if number(line[0]) != 0 else Session("activated", ip=ip)
    if line.prefix == "+UUPSDD":
        profile = number(line[0], 0, 255)
        return None if profile is None else Session("deactivated", profile=profile)
    if line.prefix == "+QIURC" and line[0].text == "pdpdeact":
        return Session("deactivated", cid=number(line[1], 0, 255))
    if line.prefix == "+APP PDP" and line[1].text in ("ACTIVE", "DEACTIVE"):
        event = "activated" if line[1].text == "ACTIVE" else "deactivated"
        return Session(event, cid=number(line[0], 0, 255))
    return None


def identity(name: str, texts: Sequence[str]) -> Identity | None:
    """Understand ATI (name "I") and its parts."""
    if name != "I":
        value = re.sub(r"^\s*\+[A-Z]+\s*:", "", texts[0]).strip().strip('"')
        return Identity(**{_PART[name]: re.sub(r"(?i)^revision\s*:\s*", "", value)})
    known = {"manufacturer", "model", "revision"}
    pairs = [line.partition(":") for line in texts]
    named = {key.strip().lower(): value.strip() for key, _, value in pairs}
    found = {key: value for key, value in named.items() if key in known and value}
    plain = [line.strip() for line in texts if ":" not in line]
    if "model" not in found and len(plain) >= 2:
        found["manufacturer"], found["model"] = plain[:2]
    return Identity(**found) if found else None


_PART = {
    "CGMI": "manufacturer",
    "GMI": "manufacturer",
    "CGMM": "model",
    "GMM": "model",
    "CGMR": "revision",
    "GMR": "revision",
}
IDENTITIES = frozenset(_PART)


def ping(texts: Sequence[str]) -> Ping | None:
    """Understand the summary line of +CPING (3,…) or +QPING (0,…); single answers are none."""
    for line in map(parse, reversed(texts)):
        if number(line[0]) != (3 if line.prefix == "+CPING" else 0) or not 4 <= len(line) <= 7:
            continue
        sent, received, lost, *times = (number(line[i], 0, 10**6) for i in range(1, 7))
        if sent is not None and received is not None and lost is not None:
            return Ping(sent, received, lost, *times) if sent == received + lost else None
    return None


_LIST = re.compile(r"\(([^()]*)\)")


def supported(text: str) -> Values | Ranges | None:
    """Understand the lists of a test command: numbers and ranges if it is one, else as text."""
    lists = _LIST.findall(parse(text).rest)
    if len(lists) != 1:
        return Ranges(lists) if lists else None
    values: list[int] = []
    for part in lists[0].split(","):
        low, _, high = (piece.strip() for piece in part.partition("-"))
        if not low.isdigit() or not (high or low).isdigit() or len(low + high) > 10:
            return Ranges(lists)
        begin, end = int(low), int(high or low)
        if not begin <= end < begin + 1000:
            return Ranges(lists)
        values += range(begin, end + 1)
    return Values(values)
