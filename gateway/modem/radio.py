"""Signal and serving cell. Scales that differ from model to model stay raw numbers."""

import re

import msgspec

from gateway.modem.fields import Field, Line, hexadecimal, number, parse

_RSRP = (-156, -31)
_RSRQ = (-43, 20)
_RSSI = (-130, -1)
_TAC_NONE = frozenset((0, 0xFFFE, 0xFFFF))  # TS 23.003 clause 19.4.2.3 reserves 0 and FFFE


class Csq(msgspec.Struct, frozen=True, tag_field="type", tag="csq"):
    """27.007 clause 8.5: rssi 0 to 31 is -113 + 2n dBm, 0 is a value, 99 unknown; ber 0 to 7."""

    rssi: int | None
    ber: int | None
    dbm: int | None


class Cesq(msgspec.Struct, frozen=True, tag_field="type", tag="cesq"):
    """27.007 clause 8.69; the scales of TS 45.008, 25.133 and 36.133."""

    rxlev: int | None = None
    ber: int | None = None
    rssi_dbm: float | None = None
    rscp_dbm: float | None = None
    ecn0_db: float | None = None
    rsrq_db: float | None = None
    rsrp_dbm: float | None = None


class Xcesq(msgspec.Struct, frozen=True, tag_field="type", tag="xcesq"):
    """Intel XMM: indices as in +CESQ, signal to noise in half decibels."""

    rsrq_idx: int | None
    rsrp_idx: int | None
    rssnr_idx: int | None
    rsrp_dbm: int | None


class Qcsq(msgspec.Struct, frozen=True, tag_field="type", tag="qcsq"):
    """Quectel AT+QCSQ; the scale of sinr_raw depends on the model."""

    mode: str
    rssi_dbm: int | None = None
    rsrp_dbm: int | None = None
    sinr_raw: int | None = None
    rsrq_db: int | None = None
    rssi_out_of_range: bool = False


class Serving(msgspec.Struct, frozen=True, tag_field="type", tag="qeng_serving"):
    """Quectel AT+QENG="servingcell"."""

    state: str
    rat: str | None = None
    duplex: str | None = None
    mcc: int | None = None
    mnc: str | None = None
    cell: int | None = None
    pci: int | None = None
    earfcn: int | None = None
    band: int | None = None
    tac: int | None = None
    rsrp: int | None = None
    rsrq: int | None = None
    rssi: int | None = None
    sinr_raw: int | None = None


class Qnwinfo(msgspec.Struct, frozen=True, tag_field="type", tag="qnwinfo"):
    """Quectel AT+QNWINFO; act None: no service."""

    act: str | None
    plmn: str | None = None
    band: str | None = None
    channel: int | None = None


class Cpsi(msgspec.Struct, frozen=True, tag_field="type", tag="cpsi"):
    """SIMCom AT+CPSI; the scales of the raw figures depend on the model."""

    mode: str
    state: str
    plmn: str | None = None
    tac: int | None = None
    cell: int | None = None
    band: str | None = None
    rsrq_raw: int | None = None
    rsrp_raw: int | None = None
    rssi_raw: int | None = None
    sinr_raw: int | None = None


class Rfsts(msgspec.Struct, frozen=True, tag_field="type", tag="rfsts"):
    """Telit AT#RFSTS on LTE."""

    plmn: str | None = None
    earfcn: int | None = None
    rsrp: int | None = None
    rssi: int | None = None
    rsrq: int | None = None
    tac: int | None = None
    operator: str | None = None


def csq(text: str) -> Csq | None:
    """Understand +CSQ."""
    line = parse(text)
    if len(line) < 2:
        return None
    rssi = number(line[0], 0, 31)
    dbm = None if rssi is None else -113 + 2 * rssi
    return Csq(rssi, number(line[1], 0, 7), dbm)


def cesq(text: str) -> Cesq | None:
    """Understand +CESQ."""
    line = parse(text)
    if len(line) < 6:
        return None
    rxlev = number(line[0], 0, 63)
    return Cesq(
        rxlev,
        number(line[1], 0, 7),
        _scaled(rxlev, 1, -111),
        _scaled(number(line[2], 0, 96), 1, -121),
        _scaled(number(line[3], 0, 49), 0.5, -24.5),
        _scaled(number(line[4], 0, 34), 0.5, -20),
        _scaled(number(line[5], 0, 97), 1, -141),
    )


def xcesq(text: str) -> Xcesq | None:
    """Understand +XCESQ."""
    line = parse(text)
    if len(line) < 8:
        return None
    rsrp = number(line[6], 0, 97)
    dbm = None if rsrp is None else rsrp - 141
    return Xcesq(number(line[5], 0, 34), rsrp, number(line[7], -100, 100), dbm)


def qcsq(text: str) -> Qcsq | None:
    """Understand +QCSQ."""
    line = parse(text)
    mode = line[0].some
    if mode is None:
        return None
    rssi = number(line[1], *_RSSI)
    outside = rssi is None and number(line[1]) is not None
    if len(line) < 5:
        return Qcsq(mode, rssi, rssi_out_of_range=outside)
    rsrp, rsrq = number(line[2], *_RSRP), number(line[4], *_RSRQ)
    return Qcsq(mode, rssi, rsrp, number(line[3], -100, 500), rsrq, outside)


def serving(text: str) -> Serving | None:
    """Understand +QENG: "servingcell"."""
    line = parse(text)
    state = line[1].some
    if line[0].text != "servingcell" or state is None or line.broken:
        return None
    rat = line[2].some
    cell = Serving(state, rat)
    if rat in ("LTE", "eMTC", "NBIoT", "CAT-M", "CAT-NB"):
        return _serving_lte(cell, Line("", line.fields[3:], ""))
    if rat in ("GSM", "WCDMA", "TDSCDMA"):
        mcc, mnc = _mcc(line[3]), _mnc(line[4])
        return msgspec.structs.replace(cell, mcc=mcc, mnc=mnc, cell=hexadecimal(line[6], 8))
    return cell


def _serving_lte(cell: Serving, line: Line) -> Serving:
    return msgspec.structs.replace(
        cell,
        duplex=line[0].text if line[0].text in ("FDD", "TDD") else None,
        mcc=_mcc(line[1]),
        mnc=_mnc(line[2]),
        cell=hexadecimal(line[3], 8),
        pci=number(line[4], 0, 503),
        earfcn=number(line[5], 0, 262143),
        band=number(line[6], 1, 255),
        tac=_tac(hexadecimal(line[9], 4)),
        rsrp=number(line[10], *_RSRP),
        rsrq=number(line[11], *_RSRQ),
        rssi=number(line[12], *_RSSI),
        sinr_raw=number(line[13], -100, 500),
    )


def qnwinfo(text: str) -> Qnwinfo | None:
    """Understand +QNWINFO."""
    line = parse(text)
    if line[0].text.lower() == "no service":
        return Qnwinfo(None)
    if len(line) < 4 or line.broken:
        return None
    return Qnwinfo(line[0].some, line[1].some, line[2].some, number(line[3], 0))


def cpsi(text: str) -> Cpsi | None:
    """Understand +CPSI; figures on LTE only, whose layout all models share."""
    line = parse(text)
    mode, state = line[0].some, line[1].some
    if mode is None or state is None or line.broken:
        return None
    plmn = line[2].text if re.fullmatch(r"[0-9]{3}-[0-9]{2,3}", line[2].text) else None
    if plmn is None or plmn.startswith("000-"):
        return Cpsi(mode, state)
    found = Cpsi(mode, state, plmn, _tac(hexadecimal(line[3], 4)), number(line[4], 0))
    if not mode.startswith("LTE"):
        return found
    return msgspec.structs.replace(
        found,
        band=line[6].some,
        rsrq_raw=number(line[10]),
        rsrp_raw=number(line[11]),
        rssi_raw=number(line[12]),
        sinr_raw=number(line[13]),
    )


def rfsts(text: str) -> Rfsts | None:
    """Understand #RFSTS; only the layout of LTE is taken for what it looks like."""
    line = parse(text)
    rsrp, rssi = number(line[2], *_RSRP), number(line[3], *_RSSI)
    if rsrp is None or rssi is None or len(line) < 14:
        return None
    plmn = "".join(line[0].text.split())
    return Rfsts(
        plmn if plmn.isdigit() and len(plmn) in (5, 6) else None,
        number(line[1], 0),
        rsrp,
        rssi,
        number(line[4], *_RSRQ),
        _tac(hexadecimal(line[5], 4)),
        line[13].some,
    )


def _scaled(n: int | None, step: float, offset: float) -> float | None:
    return None if n is None else n * step + offset


def _tac(value: int | None) -> int | None:
    return None if value in _TAC_NONE else value


def _mcc(field: Field) -> int | None:
    return number(field, 1, 999)


def _mnc(field: Field) -> str | None:
    return field.text if re.fullmatch(r"[0-9]{1,3}", field.text) else None
