"""The meaning of what a modem says: from a command and its reply, or from an unsolicited line.

What is not understood is None; nothing is guessed. Field names are those of the structures here
and in the modules beside.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gateway.modem import card, contexts, operators, radio, sierra, vendor
from gateway.modem.at import Reply
from gateway.modem.errors import error
from gateway.modem.fields import parse
from gateway.modem.grammar import Command, command
from gateway.modem.registration import DOMAINS, registration

Meaning = msgspec.Struct
"""Any of the structures with a `type`."""

_Single = Callable[[str], Meaning | None]
_Several = Callable[[list[str]], Meaning | None]

_LINES: dict[str, _Single] = {
    "CSQ": radio.csq,
    "CESQ": radio.cesq,
    "XCESQ": radio.xcesq,
    "QCSQ": radio.qcsq,
    "QENG": radio.serving,
    "QNWINFO": radio.qnwinfo,
    "CPSI": radio.cpsi,
    "RFSTS": radio.rfsts,
    "CGATT": contexts.cgatt,
    "CGPADDR": contexts.cgpaddr,
    "CGCONTRDP": contexts.cgcontrdp,
    "UIPADDR": contexts.ip,
    "IPADDR": contexts.ip,
    "COPS": operators.cops,
    "CPIN": card.cpin,
    "CCID": card.iccid,
    "ICCID": card.iccid,
    "QCCID": card.iccid,
    "CICCID": card.iccid,
    "CIMI": card.imsi,
    "UPINCNT": card.upincnt,
    "SPIC": card.spic,
    "CPINR": card.cpinr,
    "PCT": card.pct,
    "QCFG": vendor.usbnet,
    "UUSBCONF": vendor.usbmode,
    "USBCFG": vendor.usbmode,
    "UBMCONF": vendor.netmode,
    "ECM": vendor.ecm,
    "QNETDEVSTATUS": vendor.netdev,
}
_REPLIES: dict[str, _Several] = {
    "CGDCONT": contexts.cgdcont,
    "CGACT": contexts.cgact,
    "CEER": operators.ceer,
    "CGSN": card.imei,
    "GSN": card.imei,
    "QPINC": card.qpinc,
    "CPING": vendor.ping,
    "QPING": vendor.ping,
    "GSTATUS": sierra.gstatus,
}
_URCS: dict[str, _Single] = {
    "+CPIN": card.cpin,
    "+CGEV": contexts.cgev,
    "+UUPSDA": vendor.session,
    "+UUPSDD": vendor.session,
    "+QIURC": vendor.session,
    "+APP PDP": vendor.session,
}
# Without an answer these have a meaning too: there is none of what was asked for.
_EMPTY: dict[str, Callable[[], Meaning]] = {
    "CGACT": lambda: contexts.Cgact([]),
    "CGDCONT": lambda: contexts.Cgdcont([]),
    "CGCONTRDP": lambda: contexts.Cgcontrdp(),
}


def meaning(reply: Reply) -> Meaning | list[Meaning] | None:
    """Return what a reply means: one structure, several for several lines, or None."""
    if reply.final is not None and not reply.ok:
        return error(reply.final)
    asked = command(reply.command)
    if not reply.info:
        empty = _EMPTY.get(_name(asked)) if reply.ok and asked.form in ("read", "run") else None
        return None if empty is None else empty()
    return _answer(asked, list(reply.info))


def urc_meaning(line: str) -> Meaning | None:
    """Return what an unsolicited line means."""
    prefix = parse(line).prefix
    if prefix.lstrip("+^") in DOMAINS:
        return registration(line, asked=False)
    if prefix == "#QSS":
        return card.qss(line, asked=False)
    found = _URCS.get(prefix)
    return None if found is None else found(line)


def _answer(asked: Command, info: list[str]) -> Meaning | list[Meaning] | None:
    name = _name(asked)
    if asked.form == "test":
        return operators.cops_test(info) if name == "COPS" else vendor.supported(info[0])
    if name in DOMAINS:
        return _each(info, lambda line: registration(line, asked=True))
    if name == "QSS":
        return card.qss(info[0], asked=True)
    if name == "CRSM":
        return card.fplmn(info[0]) if card.FPLMN_FILE in asked.text else card.crsm(info[0])
    if name == "I" or name in vendor.IDENTITIES:
        return vendor.identity(name, info)
    if name in _REPLIES:
        return _REPLIES[name](info)
    found = _LINES.get(name)
    return None if found is None else _each(info, found)


def _name(asked: Command) -> str:
    if re.fullmatch(r"(?i)ATI[019]?", asked.text.strip()):
        return "I"
    return next(iter(asked.names)) if len(asked.names) == 1 else ""


def _each(info: Sequence[str], read: _Single) -> Meaning | list[Meaning] | None:
    found = [one for one in map(read, info) if one is not None]
    if len(found) > 1:
        return list(found)
    return found[0] if found else None


def to_json(value: Meaning | list[Meaning] | None) -> Any:
    """Return a meaning as what JSON can say."""
    return msgspec.to_builtins(value)
