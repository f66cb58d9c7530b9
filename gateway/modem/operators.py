"""Operators, the search for them, and why the network refused. 27.007 clauses 6.10, 7.3."""

import re
from collections.abc import Sequence

import msgspec

from gateway.modem.fields import Field, number, parse, split

_ACT = (0, 15)
_GROUP = re.compile(r'\(((?:"[^"]*"|[^()"])*)\)')
_LATE_ACT = re.compile(r"\s*,\s*([0-9]{1,2})\s*\)")
_NUMERIC = re.compile(r"[0-9]{5,7}")
_HEX4 = re.compile(r"(?:[0-9A-F]{4})+", re.IGNORECASE)
_NO_CAUSE = re.compile(r"no (report|cause)|no error|normal|^0?$", re.IGNORECASE)
_EMM = re.compile(r"\bE?MM\b\D{0,24}?([0-9]{1,3})\b")
_SM = re.compile(r"\bE?SM\b\D{0,24}?([0-9]{1,3})\b")


class Cops(msgspec.Struct, frozen=True, tag_field="type", tag="cops"):
    """The operator in use: format 0 long, 1 short, 2 numeric."""

    mode: int
    format: int | None = None
    operator: str | None = None
    act: int | None = None


class Network(msgspec.Struct, frozen=True):
    """A network found: stat 0 unknown, 1 available, 2 current, 3 forbidden."""

    stat: int
    long: str | None
    short: str | None
    numeric: str
    act: int


class CopsTest(msgspec.Struct, frozen=True, tag_field="type", tag="cops_test"):
    """What a search found; a network without AcT is GSM (clause 7.3)."""

    networks: list[Network]
    act_default_when_absent: int = 0


class Ceer(msgspec.Struct, frozen=True, tag_field="type", tag="ceer"):
    """The last cause in the modem's words; numbers of TS 24.301 clauses 9.9.3.9, 9.9.4.4."""

    cause: str | None
    emm: int | None = None
    sm: int | None = None


def cops(text: str) -> Cops | None:
    """Understand +COPS?."""
    line = parse(text)
    mode, form = number(line[0], 0, 4), number(line[1], 0, 2)
    if mode is None or line.broken:
        return None
    name = _name(line[2].text, form == 2) if form is not None else None
    return Cops(mode, form, name, number(line[3], *_ACT))


def cops_test(texts: Sequence[str]) -> CopsTest:
    """Understand +COPS=?, on one line or several, with what vendors put behind the list."""
    text = "".join(re.sub(r"^\s*\+COPS\s*:", "", line) for line in texts)
    found = (_network(text, group) for group in _GROUP.finditer(text))
    return CopsTest([network for network in found if network is not None])


def _network(text: str, group: re.Match[str]) -> Network | None:
    fields = split(group[1])
    stat = number(fields[0], 0, 3)
    if stat is None or not 4 <= len(fields) <= 5 or any(field.broken for field in fields):
        return None
    numeric = _name(fields[3].text, True)
    if numeric is None or not _NUMERIC.fullmatch(numeric):
        return None
    wide = numeric != fields[3].text
    names = (ucs2(f.text) if wide else _name(f.text, False) for f in fields[1:3])
    long, short = (name or None for name in names)
    act = number(fields[4], *_ACT) if len(fields) == 5 else _late_act(text, group)
    return Network(stat, long, short, numeric, act or 0)


def _late_act(text: str, group: re.Match[str]) -> int | None:
    # (2,"","T-Mobile","31026"),2): a parenthesis too many
    found = _LATE_ACT.match(text, group.end())
    return number(Field(found[1]), *_ACT) if found else None


def _name(text: str, numeric: bool) -> str | None:
    """Return an operator's name; UCS2 is decoded only where it cannot be anything else."""
    decoded = ucs2(text)
    if decoded is None:
        return text or None
    if numeric:
        return decoded if _NUMERIC.fullmatch(decoded) else text
    return decoded if len(decoded) > 1 and max(decoded) < "\u0180" else text


def ucs2(text: str) -> str | None:
    """Return text decoded from hexadecimal UCS2 (27.007 clause 5.5), None if it is not that."""
    if not _HEX4.fullmatch(text):
        return None
    decoded = bytes.fromhex(text).decode("utf-16-be", "replace")
    return decoded if decoded.isprintable() else None


def ceer(texts: Sequence[str]) -> Ceer:
    """Understand +CEER: its text is the vendor's, only numbers that it names are taken."""
    text = " ".join(re.sub(r"^\s*[+#]CEER\s*:", "", line).strip() for line in texts)
    plain = " ".join(text.replace('"', " ").split())
    if _NO_CAUSE.search(plain):
        return Ceer(None)
    return Ceer(plain, _cause(_EMM, plain), _cause(_SM, plain))


def _cause(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found[1]) if found and int(found[1]) <= 255 else None
