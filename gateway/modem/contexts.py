"""PDP contexts: definition, state, addresses. 3GPP TS 27.007 clause 10.1."""

import re

import msgspec

from gateway.modem.fields import Line, address, number, parse, with_mask

_CID = (0, 255)
_MTU = (576, 65535)


class Context(msgspec.Struct, frozen=True):
    """One definition of +CGDCONT."""

    cid: int
    pdp: str | None
    apn: str | None


class Cgdcont(msgspec.Struct, frozen=True, tag_field="type", tag="cgdcont"):
    """Clause 10.1.1."""

    contexts: list[Context]


class Activity(msgspec.Struct, frozen=True):
    """Whether one context is active."""

    cid: int
    active: bool


class Cgact(msgspec.Struct, frozen=True, tag_field="type", tag="cgact"):
    """Clause 10.1.10."""

    contexts: list[Activity]


class Cgatt(msgspec.Struct, frozen=True, tag_field="type", tag="cgatt"):
    """Clause 10.1.9."""

    attached: bool


class Cgpaddr(msgspec.Struct, frozen=True, tag_field="type", tag="cgpaddr"):
    """Clause 10.1.14; addresses that are all zeros are none."""

    cid: int
    addrs: list[str]


class Cgcontrdp(msgspec.Struct, frozen=True, tag_field="type", tag="cgcontrdp"):
    """Clause 10.1.23; `contexts` stays empty: several lines are several of these."""

    cid: int | None = None
    bearer_id: int | None = None
    apn: str | None = None
    address: str | None = None
    subnet: str | None = None
    gateway: str | None = None
    dns1: str | None = None
    dns2: str | None = None
    mtu: int | None = None
    contexts: list[int] = []


class Cgev(msgspec.Struct, frozen=True, tag_field="type", tag="cgev"):
    """Clause 10.1.19: what happened to which context."""

    event: str
    cid: int | None = None
    reason: int | None = None


class Ip(msgspec.Struct, frozen=True, tag_field="type", tag="ip"):
    """An address of the modem."""

    addr: str | None


def cgdcont(texts: list[str]) -> Cgdcont:
    """Understand +CGDCONT?."""
    found = []
    for line in map(parse, texts):
        cid = number(line[0], *_CID)
        if cid is not None and len(line) > 1:
            found.append(Context(cid, line[1].some, line[2].some))
    return Cgdcont(found)


def cgact(texts: list[str]) -> Cgact:
    """Understand +CGACT?."""
    found = []
    for line in map(parse, texts):
        cid, state = number(line[0], *_CID), number(line[1], 0, 1)
        if cid is not None and state is not None:
            found.append(Activity(cid, state == 1))
    return Cgact(found)


def cgatt(text: str) -> Cgatt | None:
    """Understand +CGATT?."""
    state = number(parse(text)[0], 0, 1)
    return None if state is None else Cgatt(state == 1)


def cgpaddr(text: str) -> Cgpaddr | None:
    """Understand one line of +CGPADDR."""
    line = parse(text)
    cid = number(line[0], *_CID)
    if cid is None:
        return None
    texts = [part for field in line.fields[1:] for part in field.text.split(",")]
    addrs = [found for found in map(address, texts) if found is not None]
    return Cgpaddr(cid, addrs)


def cgcontrdp(text: str) -> Cgcontrdp | None:
    """Understand one line of +CGCONTRDP, mask glued to the address or a field of its own."""
    line = parse(text)
    cid, bearer = number(line[0], *_CID), number(line[1], 0, 255)
    if cid is None or line.broken:
        return None
    own, subnet = with_mask(line[3].text)
    rest = Line("", line.fields[4:], "")
    if subnet is None and own is not None and _is_mask(rest[0].text):
        subnet, rest = rest[0].text, Line("", rest.fields[1:], "")
    gateway, dns1, dns2 = (with_mask(rest[i].text)[0] for i in range(3))
    mtu = number(rest[7], *_MTU)
    return Cgcontrdp(cid, bearer, line[2].some, own, subnet, gateway, dns1, dns2, mtu)


def _is_mask(text: str) -> bool:
    # RFC 950: ones, then zeros; no gateway is 255.…
    octets = text.split(".")
    if len(octets) != 4 or not all(part.isascii() and part.isdigit() for part in octets):
        return False
    bits = "".join(f"{min(int(part), 256):08b}" for part in octets)
    return len(bits) == 32 and octets[0] == "255" and "01" not in bits


_EVENT = re.compile(r"((?:(?:ME|NW|EPS) )?[A-Z]+(?: [A-Z]+)*)\s*(.*)")


def cgev(text: str) -> Cgev | None:
    """Understand +CGEV."""
    line = parse(text)
    found = _EVENT.fullmatch(line.rest)
    if found is None:
        return None
    event = found[1]
    numbers = [number(field, 0, 255) for field in parse(found[2]).fields]
    if event in ("NW ACT", "ME ACT"):
        # <p_cid>,<cid>,<event_type>
        return Cgev(event, numbers[1] if len(numbers) > 1 else None)
    if event in ("NW DEACT", "ME DEACT", "NW REACT") and '"' in found[2]:
        # <PDP_type>,<PDP_addr>,[<cid>]
        return Cgev(event, numbers[2] if len(numbers) > 2 else None)
    reason = numbers[1] if len(numbers) > 1 and event.endswith("PDN ACT") else None
    return Cgev(event, numbers[0], reason)


def ip(text: str) -> Ip | None:
    """Understand a line that holds an address of the modem: +UIPADDR, +IPADDR."""
    fields = parse(text).fields
    found = [addr for addr in (address(field.text) for field in fields) if addr is not None]
    return Ip(found[0]) if found else None
