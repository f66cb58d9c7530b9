"""The fields of an information line: quoted or not, empty or missing; never guessed.

27.007 clause 4.1 and V.250 clause 5.4.2: fields stand between commas, text between quotes.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_PREFIX = re.compile(r"\s*([+#$^!*%&_@][A-Z][A-Z0-9 ]*?)\s*:", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]{1,16}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,12}")
_V4_OCTETS, _V6_OCTETS = 4, 16


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its text without quotes, and whether it had them."""

    text: str
    quoted: bool = False
    broken: bool = False

    @property
    def some(self) -> str | None:
        """The text, None if empty."""
        return None if self.broken else self.text or None


NONE = Field("")


@dataclass(frozen=True, slots=True)
class Line:
    """A line `prefix: fields`; a field that is not there reads as empty."""

    prefix: str
    fields: tuple[Field, ...]
    rest: str

    def __getitem__(self, i: int) -> Field:
        return self.fields[i] if i < len(self.fields) else NONE

    def __len__(self) -> int:
        return len(self.fields)

    @property
    def broken(self) -> bool:
        """Whether quotes do not match: where one field ends and the next begins is unknown."""
        return any(field.broken for field in self.fields)


def parse(line: str) -> Line:
    """Take a line apart; without a prefix, all of it is fields."""
    found = _PREFIX.match(line)
    rest = line[found.end() :] if found else line
    prefix = found[1].upper() if found else ""
    return Line(prefix, tuple(split(rest)), rest.strip())


def split(text: str) -> list[Field]:
    """Split at commas outside of quotes."""
    fields, at = [], 0
    while at <= len(text):
        end, field = _next(text, at)
        fields.append(field)
        at = end + 1
    return fields


def _next(text: str, at: int) -> tuple[int, Field]:
    start = at + len(text[at:]) - len(text[at:].lstrip(" \t"))
    if text[start : start + 1] != '"':
        end = text.find(",", at)
        end = len(text) if end < 0 else end
        raw = text[at:end].strip()
        return end, Field(raw, broken='"' in raw)
    close = text.find('"', start + 1)
    if close < 0:
        return len(text), Field(text[start + 1 :], True, broken=True)
    end = text.find(",", close)
    end = len(text) if end < 0 else end
    return end, Field(text[start + 1 : close], True, broken=bool(text[close + 1 : end].strip()))


def number(field: Field, low: int | None = None, high: int | None = None) -> int | None:
    """Return a decimal number between the limits, None if the field is anything else."""
    if field.broken or _DECIMAL.fullmatch(field.text) is None:
        return None
    value = int(field.text)
    if (low is not None and value < low) or (high is not None and value > high):
        return None
    return value


def hexadecimal(field: Field, digits: int = 16) -> int | None:
    """Return a number in hexadecimal digits, `digits` at most after leading zeros."""
    text = field.text.removeprefix("0x").removeprefix("0X")
    if field.broken or _HEX.fullmatch(text) is None or len(text.lstrip("0")) > digits:
        return None
    return int(text, 16)


def address(text: str) -> str | None:
    """Return an IP address as RFC 5952 writes it, None if it is none or all zeros.

    27.007 clause 10.1.23 writes IPv6 as 16 decimal octets with points between; +CGPIAF can change
    that to colons.
    """
    parts = text.strip().split(".")
    if len(parts) == _V6_OCTETS:
        octets = [int(part) for part in parts if part.isascii() and part.isdigit()]
        if len(octets) != _V6_OCTETS or max(octets) > 255:
            return None
        return _v6(bytes(octets))
    try:
        return (
            _some_v4(IPv4Address(text.strip())) if "." in text and ":" not in text else _v6(text)
        )
    except AddressValueError:
        return None


def _some_v4(found: IPv4Address) -> str | None:
    return str(found) if int(found) else None


def _v6(raw: bytes | str) -> str | None:
    found = IPv6Address(raw.strip() if isinstance(raw, str) else raw)
    return str(found) if int(found) else None


def with_mask(text: str) -> tuple[str | None, str | None]:
    """Take `address` or `address.mask` (27.007 since v9.4) apart."""
    parts = text.strip().split(".")
    for octets in (_V4_OCTETS, _V6_OCTETS):
        if len(parts) == 2 * octets:
            return address(".".join(parts[:octets])), mask(".".join(parts[octets:]))
    return address(text), None


def mask(text: str) -> str | None:
    """Return a subnet mask, None if there is none; all zeros means none was given."""
    return address(text)
