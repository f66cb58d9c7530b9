"""What the simulated modem answers: 3GPP TS 27.007 by table, vendors' commands by their quirks."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.modem.modem import Modem

_CME_TEXT = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    14: "SIM busy",
    16: "incorrect password",
    30: "no network service",
    148: "unspecified GPRS error",
}
_Handler = Callable[["Modem", str], None]


def run(modem: "Modem", line: str) -> None:
    """Carry out a command line; several commands of one line are joined by semicolons."""
    begin = line.upper().find("AT")
    if begin < 0:
        return
    body = line[begin + 2 :].strip()
    if begin > 0:
        # residue in front of a command: the line is no command (V.250 clause 5.2.1)
        _error(modem, 4)
        return
    if ";" in body:
        _several(modem, body)
        return
    _one(modem, body)


def _several(modem: "Modem", body: str) -> None:
    for part in body.split(";"):
        if not (part in ("E0", "E1") or part.startswith(("+CMEE=", "+CREG=", "+CEREG="))):
            _error(modem, 4)
            return
    for part in body.split(";"):
        _set(modem, part)
    modem.answer([], "OK")


def _one(modem: "Modem", body: str) -> None:
    name = re.match(r"[+#$*]?[A-Z]*", body.upper())
    handler = _HANDLERS.get(name[0] if name else "")
    quirks = modem.quirks
    if body == "" or _set(modem, body):
        modem.answer([], "OK")
    elif body.split("?")[0] == quirks.iccid[0]:
        _iccid(modem)
    elif body.split("?")[0] == quirks.retries[0]:
        _retries(modem)
    elif body == quirks.signal[0] and modem.serving:
        modem.answer([quirks.signal[1]], "OK")
    elif body in quirks.ecm:
        modem.answer([quirks.ecm[body]], "OK")
    elif body in (quirks.reset, "+CFUN=1,1"):
        _reset(modem)
    elif handler is not None:
        handler(modem, body)
    else:
        modem.answer([], quirks.unknown)


def _set(modem: "Modem", body: str) -> bool:
    if body in ("E0", "E1"):
        modem.echo = body == "E1"
    elif found := re.fullmatch(r"\+CMEE=([0-2])", body):
        modem.cmee = int(found[1])
    elif found := re.fullmatch(r"\+(CREG|CGREG|CEREG)=([0-5])", body):
        modem.reports[found[1]] = int(found[2])
    elif found := re.fullmatch(r"\+CGEREP=([012])(,[01])?", body):
        modem.events = found[1] != "0"
    else:
        return False
    return True


def _error(modem: "Modem", code: int, seconds: float = 0.0) -> None:
    text = _CME_TEXT.get(code, "unknown")
    final = ("ERROR", f"+CME ERROR: {code}", f"+CME ERROR: {text}")[modem.cmee]
    modem.answer([], final, seconds)


def _reset(modem: "Modem") -> None:
    modem.answer([], "OK")
    if not modem.faults.no_reboot:
        modem.later(0.5, modem.reset)


def _sim_error(modem: "Modem") -> int | None:
    if not modem.card.inserted:
        return 10
    if modem.card.pin and modem.card.blocked:
        return 12
    if modem.card.pin and not modem.unlocked:
        return 11
    return None if modem.unlocked else 14


# ---- identity and card --------------------------------------------------------------------------


def _identity(modem: "Modem", body: str) -> None:
    quirks = modem.quirks
    known = {
        "I": [quirks.manufacturer, quirks.model, f"Revision: {quirks.revision}"],
        "+CGMI": [quirks.manufacturer],
        "+CGMM": [quirks.model],
        "+CGMR": [quirks.revision],
        "+CGSN": ["490154203237518"],
    }
    modem.answer(known[body], "OK") if body in known else _error(modem, 4)


def _iccid(modem: "Modem") -> None:
    if not modem.card.inserted:
        _error(modem, 10)
        return
    modem.answer([modem.quirks.iccid[1].format(iccid=modem.card.iccid)], "OK")


def _retries(modem: "Modem") -> None:
    if not modem.card.inserted:
        _error(modem, 10)
        return
    tries = {"pin": modem.card.pin_tries, "puk": modem.card.puk_tries}
    modem.answer([modem.quirks.retries[1].format(**tries)], "OK")


def _cpin(modem: "Modem", body: str) -> None:
    error = _sim_error(modem)
    if body == "+CPIN?":
        state = {None: "READY", 11: "SIM PIN", 12: "SIM PUK"}.get(error)
        modem.answer([f"+CPIN: {state}"], "OK") if state else _error(modem, error or 13)
        return
    found = re.fullmatch(r'\+CPIN="?([0-9]{4,8})"?', body)
    if found is None or error != 11:
        _error(modem, error or 3)
        return
    modem.pins_tried.append(found[1])
    if modem.card.verify(found[1]):
        modem.answer([], "OK")
        modem.unlock()
    else:
        _error(modem, 12 if modem.card.blocked else 16)


def _cimi(modem: "Modem", body: str) -> None:
    error = _sim_error(modem)
    _error(modem, error) if error else modem.answer([modem.card.imsi], "OK")


def _crsm(modem: "Modem", body: str) -> None:
    error = _sim_error(modem)
    if error == 11 and body.startswith("+CRSM=176,12258,"):
        error = None  # EF_ICCID may be read without PIN (ETSI TS 102 221 clause 13.2)
    if error:
        _error(modem, error)
    elif body == "+CRSM=176,12258,0,0,10":
        # EF_ICCID holds its digits swapped in pairs (ETSI TS 102 221 clause 13.2)
        digits = modem.card.iccid.ljust(20, "F")
        swapped = "".join(digits[i + 1] + digits[i] for i in range(0, 20, 2))
        modem.answer([f'+CRSM: 144,0,"{swapped}"'], "OK")
    elif body == "+CRSM=176,28539,0,0,12":
        modem.answer([f'+CRSM: 144,0,"{modem.card.forbidden.hex().upper()}"'], "OK")
    elif found := re.fullmatch(r'\+CRSM=214,28539,0,0,12,"?([0-9A-F]{24})"?', body):
        modem.card.forbidden = bytes.fromhex(found[1])
        modem.answer(["+CRSM: 144,0"], "OK")
    else:
        modem.answer(["+CRSM: 106,130"], "OK")


# ---- radio --------------------------------------------------------------------------------------


def _cfun(modem: "Modem", body: str) -> None:
    if body == "+CFUN?":
        modem.answer([f"+CFUN: {modem.radio}"], "OK")
    elif body == "+CFUN=?":
        modem.answer(["+CFUN: (0,1,4),(0,1)"], "OK")
    elif found := re.fullmatch(r"\+CFUN=([014])", body):
        modem.switch(int(found[1]))
        modem.answer([], "OK", 1.0)
    else:
        _error(modem, 4)


def _registration(modem: "Modem", body: str) -> None:
    domain = body[1:].rstrip("?=")
    n = modem.reports.get(domain)
    if n is None or body not in (f"+{domain}?", f"+{domain}=?"):
        _error(modem, 4)
    elif body.endswith("=?"):
        modem.answer([f"+{domain}: (0-5)"], "OK")
    else:
        modem.answer([f"+{domain}: {n},{modem.registration(domain, n, modem.stat)}"], "OK")


def _cops(modem: "Modem", body: str) -> None:
    network = modem.network
    if body == "+COPS?":
        shown = f'2,"{network.plmn}"' if modem.numeric else f'0,"{network.operator}"'
        name = f",{shown},7" if modem.serving else ""
        modem.answer([f"+COPS: {0 if modem.automatic else 2}{name}"], "OK")
    elif found := re.fullmatch(r"\+COPS=3,([02])", body):
        modem.numeric = found[1] == "2"
        modem.answer([], "OK")
    elif body == "+COPS=2":
        modem.automatic = False
        modem.detach()
        modem.answer([], "OK", 1.0)
    elif body == "+COPS=0":
        if not modem.automatic:
            modem.automatic = True
            modem.search()
        modem.answer([], "OK", 1.0)
    elif body == "+COPS=?":
        line = f'+COPS: (2,"{network.operator}","Ex","{network.plmn}",7),,(0-4),(0-2)'
        modem.answer([line], "OK", 20.0)
    else:
        _error(modem, 4)


def _signal(modem: "Modem", body: str) -> None:
    network = modem.network
    rssi = network.rssi if network.coverage and modem.radio == 1 else 99
    if body == "+CSQ":
        modem.answer([f"+CSQ: {rssi},99"], "OK")
    elif body == "+CESQ":
        modem.answer([f"+CESQ: 99,99,255,255,{20 if rssi != 99 else 255},45"], "OK")
    else:
        _error(modem, 4)


def _ceer(modem: "Modem", body: str) -> None:
    cause = modem.last_cause
    text = "No cause information available" if cause is None else f'"EMM cause",{cause}'
    modem.answer([f"+CEER: {text}"], "OK")


# ---- contexts -----------------------------------------------------------------------------------


def _cgdcont(modem: "Modem", body: str) -> None:
    if body == "+CGDCONT?":
        known = sorted(modem.contexts.items())
        modem.answer([f'+CGDCONT: {cid},"{p}","{a}",,0,0' for cid, (p, a) in known], "OK")
    elif body == "+CGDCONT=?":
        families = ("IP", "IPV6", "IPV4V6")
        modem.answer([f'+CGDCONT: (1-9),"{p}",,,(0-2),(0-4)' for p in families], "OK")
    elif found := re.fullmatch(r'\+CGDCONT=([1-9]),"(IP|IPV6|IPV4V6)","([^"]*)"', body):
        modem.contexts[int(found[1])] = (found[2], found[3])
        modem.answer([], "OK")
    else:
        _error(modem, 4)


def _cgact(modem: "Modem", body: str) -> None:
    if body == "+CGACT?":
        lines = [f"+CGACT: {cid},{int(cid in modem.active)}" for cid in sorted(modem.contexts)]
        modem.answer(lines, "OK")
    elif found := re.fullmatch(r"\+CGACT=([01]),([1-9])", body):
        _activate(modem, int(found[2])) if found[1] == "1" else _deactivate(modem, int(found[2]))
    else:
        _error(modem, 4)


def _activate(modem: "Modem", cid: int) -> None:
    if not modem.serving:
        _error(modem, 30)
        return

    def done(works: bool) -> None:
        modem.answer([], "OK") if works else _error(modem, 148)

    modem.activate(cid, done)


def _deactivate(modem: "Modem", cid: int) -> None:
    modem.active.discard(cid)
    modem.answer([], "OK", 0.3)


def _cgatt(modem: "Modem", body: str) -> None:
    if body == "+CGATT?":
        modem.answer([f"+CGATT: {int(modem.serving)}"], "OK")
    else:
        _error(modem, 4)


def _cgpaddr(modem: "Modem", body: str) -> None:
    found = re.fullmatch(r"\+CGPADDR=([1-9])", body)
    if found is None:
        _error(modem, 4)
        return
    address = modem.network.address if int(found[1]) in modem.active else "0.0.0.0"  # noqa: S104
    modem.answer([f'+CGPADDR: {found[1]},"{address}"'], "OK")


def _character_set(modem: "Modem", body: str) -> None:
    answers = {"+CSCS?": ['+CSCS: "IRA"'], "+CSCS=?": ['+CSCS: ("IRA")'], '+CSCS="IRA"': []}
    modem.answer(answers[body], "OK") if body in answers else _error(modem, 4)


def _dial(modem: "Modem", body: str) -> None:
    # 27.007 clause 10.2.1.1: *99***<cid># asks for packet data, bytes are data from CONNECT on
    found = re.fullmatch(r"D\*99\*\*\*([1-9])#", body)
    if found is None or not modem.serving:
        modem.answer([], "NO CARRIER")
        return

    def done(works: bool) -> None:
        modem.answer([], "CONNECT 150000000" if works else "NO CARRIER")
        modem.in_data = works

    modem.activate(int(found[1]), done)


def _cmee(modem: "Modem", body: str) -> None:
    if body == "+CMEE?":
        modem.answer([f"+CMEE: {modem.cmee}"], "OK")
    elif body == "+CMEE=?":
        modem.answer(["+CMEE: (0,1,2)"], "OK")
    else:
        _error(modem, 4)


_HANDLERS: dict[str, _Handler] = {
    **dict.fromkeys(("I", "+CGMI", "+CGMM", "+CGMR", "+CGSN"), _identity),
    **dict.fromkeys(("+CREG", "+CGREG", "+CEREG"), _registration),
    **dict.fromkeys(("+CSQ", "+CESQ"), _signal),
    "+CPIN": _cpin,
    "+CIMI": _cimi,
    "+CRSM": _crsm,
    "+CFUN": _cfun,
    "+COPS": _cops,
    "+CEER": _ceer,
    "+CGDCONT": _cgdcont,
    "+CGACT": _cgact,
    "+CGATT": _cgatt,
    "+CGPADDR": _cgpaddr,
    "+CSCS": _character_set,
    "D": _dial,
    "+CMEE": _cmee,
}
