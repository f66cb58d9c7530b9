"""Sierra Wireless AT!GSTATUS?: a table for people, of which only named values are taken."""

import re
from collections.abc import Sequence

import msgspec


class Gstatus(msgspec.Struct, frozen=True, tag_field="type", tag="gstatus"):
    """Mode and states in the modem's words; levels of the main and the diversity receiver."""

    mode: str | None = None
    ps_state: str | None = None
    emm: str | None = None
    rrc: str | None = None
    rsrp_main: int | None = None
    rsrp_div: int | None = None
    rsrq: float | None = None
    sinr: float | None = None
    tac: int | None = None
    cell: int | None = None


_END = r"(?=\s{2,}|\t|\n|$)"


def gstatus(texts: Sequence[str]) -> Gstatus | None:
    """Understand the table; None if it holds none of the values."""
    text = "\n".join(texts)
    main = _number(rf"(?:PCC RxM RSSI:.*?)?RSRP \(dBm\):\s*(-[0-9]+){_END}", text)
    found = Gstatus(
        mode=_word(rf"\bMode:[ \t]*(\S+?){_END}", text),
        ps_state=_word(rf"PS state:[ \t]*(\S.*?){_END}", text),
        emm=_word(rf"EMM state:[ \t]*(\S.*?){_END}", text),
        rrc=_word(rf"RRC state:[ \t]*(\S.*?){_END}", text),
        rsrp_main=main,
        rsrp_div=_number(rf"PCC RxD RSSI:.*?RSRP \(dBm\):\s*(-[0-9]+){_END}", text),
        rsrq=_decimal(rf"RSRQ \(dB\):\s*(-?[0-9.]+){_END}", text),
        sinr=_decimal(rf"SINR \(dB\):\s*(-?[0-9.]+){_END}", text),
        tac=_number(r"TAC:\s*[0-9A-F]+ \(([0-9]+)\)", text),
        cell=_number(r"Cell ID:\s*[0-9A-F]+ \(([0-9]+)\)", text),
    )
    return None if found == Gstatus() else found


def _word(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return None if found is None or found[1].startswith("--") else found[1]


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found and len(found[1]) <= 10 else None


def _decimal(pattern: str, text: str) -> float | None:
    found = re.search(pattern, text)
    return float(found[1]) if found and re.fullmatch(r"-?[0-9]{1,3}(\.[0-9])?", found[1]) else None
