"""Coded errors and what to do about them. 27.007 clause 9.2, 27.005 clause 3.2.5."""

import enum

import msgspec

from gateway.modem.grammar import Final


class Error(msgspec.Struct, frozen=True, tag_field="type", tag="error", rename={"kind": "class"}):
    """A coded final: `class` +CME ERROR, +CMS ERROR or MODEM ERROR; number or text."""

    kind: str
    code: int | None
    text: str | None


class Class(enum.Enum):
    """What an error asks for."""

    RETRY = "retry"  # the modem is busy or starting
    SIM_MISSING = "sim missing"
    PIN = "pin"
    PUK = "puk"
    SIM_FAILED = "sim failed"
    REFUSED = "refused"  # by the network: seldom again
    APN = "apn"  # access point or credentials: seldom again, and say so
    UNKNOWN = "unknown"


# 27.007 clauses 9.2.1 (general), 9.2.2 (GPRS and EPS); 515 is Huawei's "please wait".
_CLASSES = {
    **dict.fromkeys((3, 4, 14, 30, 31, 148, 515), Class.RETRY),
    10: Class.SIM_MISSING,
    11: Class.PIN,
    12: Class.PUK,
    13: Class.SIM_FAILED,
    15: Class.SIM_FAILED,
    **dict.fromkeys((103, 106, 107, 111, 112, 113, 119), Class.REFUSED),
    **dict.fromkeys((127, 129, 133, 149), Class.APN),
}
_TEXTS = {
    "sim not inserted": Class.SIM_MISSING,
    "sim pin required": Class.PIN,
    "sim puk required": Class.PUK,
    "sim failure": Class.SIM_FAILED,
    "sim busy": Class.RETRY,
    "no network service": Class.RETRY,
}


def error(final: Final) -> Error | None:
    """Return a coded final as an error, None for a plain one."""
    if final.code is None and final.text is None:
        return None
    return None if final.ok else Error(final.name, final.code, final.text)


def classify(final: Final) -> Class:
    """Return what a final that is not OK asks for."""
    if final.name != "+CME ERROR":
        return Class.UNKNOWN
    if final.code is not None:
        return _CLASSES.get(final.code, Class.UNKNOWN)
    return _TEXTS.get((final.text or "").lower(), Class.UNKNOWN)
