"""Meanings of lines composed from the specifications and vendors' manuals."""

from typing import Any

import pytest

from gateway.modem.errors import Class, classify
from gateway.modem.explain import explain
from gateway.modem.grammar import final
from tests.gateway.modem.responses import within

OK = "\r\n\r\nOK\r\n"

CASES: list[tuple[str | None, str, Any]] = [
    # 27.007 10.1.22: <n>,<stat>,<tac>,<ci>,<AcT>,<cause_type>,<reject_cause>
    (
        "AT+CEREG?",
        '+CEREG: 3,3,"1F00","0079D903",7,0,11',
        {"type": "reg", "stat": 3, "act": 7, "cause_type": 0, "reject_cause": 11},
    ),
    (
        None,
        '+CEREG: 5,"1F00","0079D903",8,,,"00100100","01000111"',
        {"stat": 5, "act": 8, "active_time": "00100100", "periodic_tau": "01000111"},
    ),
    # 10.1.20: <lac>,<ci>,<AcT>,<rac>,<cause_type>,<reject_cause>
    (
        "AT+CGREG?",
        '+CGREG: 3,3,"1F00","0079D903",3,"0A",0,7',
        {"stat": 3, "rac": 10, "cause_type": 0, "reject_cause": 7, "packet_service_usable": False},
    ),
    ("AT+CREG?", '+CREG: 2,"1F00","0079D903",7', None),
    ("AT+CEREG?", "+CEREG: 0,42", {"stat": 42, "stat_name": None, "packet_service_usable": None}),
    ("AT+CEREG?", "+CEREG: 0,x", None),
    ("AT+CSQ", "+CSQ: 31,7", {"rssi": 31, "ber": 7, "dbm": -51}),
    ("AT+CSQ", "+CSQ: 32,8", {"rssi": None, "ber": None, "dbm": None}),
    ("AT+CESQ", "+CESQ: 99,99,255,255,0,0", {"rsrq_db": -20.0, "rsrp_dbm": -141.0}),
    ("AT+COPS?", "+COPS: 0", {"mode": 0, "format": None, "operator": None, "act": None}),
    ("AT+COPS?", '+COPS: 4,2,"26201",9', {"mode": 4, "operator": "26201", "act": 9}),
    ("AT+CPIN?", "+CPIN: SIM PIM", None),
    (None, "+CPIN: NOT READY", {"type": "cpin", "state": "NOT READY"}),
    ("AT+CGATT?", "+CGATT: 1", {"type": "cgatt", "attached": True}),
    ("AT+CGATT?", "+CGATT: 2", None),
    (
        "AT+CGPADDR",
        '+CGPADDR: 1,"10.0.0.2"\r\n+CGPADDR: 2',
        [{"cid": 1, "addrs": ["10.0.0.2"]}, {"cid": 2, "addrs": []}],
    ),
    (
        "AT+CGCONTRDP=1",
        '+CGCONTRDP: 1,5,"iot","10.0.0.2","10.0.0.1","8.8.8.8","8.8.4.4","","",0,0,1430',
        {"address": "10.0.0.2", "subnet": None, "gateway": "10.0.0.1", "mtu": 1430},
    ),
    (
        "AT+CGCONTRDP=1",
        "+CGCONTRDP: 1,5,iot,10.0.0.2.255.0.0.0,10.0.0.1",
        {"apn": "iot", "address": "10.0.0.2", "subnet": "255.0.0.0", "gateway": "10.0.0.1"},
    ),
    (None, "+CGEV: ME PDN ACT 1,0", {"event": "ME PDN ACT", "cid": 1, "reason": 0}),
    (None, "+CGEV: NW PDN DEACT 3", {"event": "NW PDN DEACT", "cid": 3, "reason": None}),
    (None, "+CGEV: NW DETACH", {"event": "NW DETACH", "cid": None}),
    (None, '+CGEV: NW DEACT "IP","10.0.0.2",1', {"event": "NW DEACT", "cid": 1}),
    (None, "+CGEV: NW ACT 1,6,0", {"event": "NW ACT", "cid": 6}),
    ("AT+CEER", "+CEER: No cause information available", {"type": "ceer", "cause": None}),
    (
        "AT+CEER",
        '+CEER: "EMM_CAUSE",15,"No suitable cells in tracking area"',
        {"cause": "EMM_CAUSE ,15, No suitable cells in tracking area"},
    ),
    ("AT+CEER", '+CEER: "EMM cause",11', {"emm": 11, "sm": None}),
    ("AT+CEER", '+CEER: "SM/ESM",33,"option not subscribed"', {"sm": 33, "emm": None}),
    ("AT+CIMI", "001010123456789", {"type": "imsi", "imsi": "001010123456789"}),
    ("AT+QCCID", "+QCCID: 8944200053671052499F", {"iccid": "8944200053671052499"}),
    ("AT+QPINC?", '+QPINC: "SC",3,10\r\n+QPINC: "P2",2,9', {"pin1": 3, "puk1": 10, "pin2": 2}),
    ("AT+CPINR", "+CPINR: SIM PIN,2,3", {"code": "SIM PIN", "left": 2, "pin1": 2}),
    ("AT#PCT", "#PCT: 1", {"type": "pin_retries", "left": 1}),
    ("AT+SPIC", "+SPIC: 3,10,0,10", {"pin1": 3, "puk1": 10, "pin2": 0, "puk2": 10}),
    ("AT+CRSM=176,28486,0,0,17", '+CRSM: 144,0,"00FF"', {"sw1": 144, "sw2": 0, "data": "00FF"}),
    (
        "AT+CRSM=176,28539,0,0,12",
        '+CRSM: 144,0,"62F210130062FFFFFF130014"',
        {"type": "fplmn", "plmns": ["26201", "310260", "310410"]},
    ),
    ("AT+CRSM=176,28539,0,0,12", "+CRSM: 106,130", None),
    (
        "AT+QCSQ",
        '+QCSQ: "LTE",-52,-81,195,-10',
        {"mode": "LTE", "rssi_dbm": -52, "rsrp_dbm": -81, "sinr_raw": 195, "rsrq_db": -10},
    ),
    ("AT+QCSQ", '+QCSQ: "NOSERVICE"', {"mode": "NOSERVICE", "rssi_dbm": None}),
    ('AT+QENG="servingcell"', '+QENG: "servingcell","SEARCH"', {"state": "SEARCH", "rat": None}),
    ("AT+QNWINFO", "+QNWINFO: No Service", {"type": "qnwinfo", "act": None}),
    (
        "AT+QNWINFO",
        '+QNWINFO: "FDD LTE","46001","LTE BAND 3",1650',
        {"act": "FDD LTE", "plmn": "46001", "band": "LTE BAND 3", "channel": 1650},
    ),
    (
        "AT+CPSI?",
        "+CPSI: LTE,Online,460-01,0x230A,175499523,318,EUTRAN-BAND3,1650,5,0,21,67,255,19",
        {"plmn": "460-01", "tac": 0x230A, "cell": 175499523, "rsrp_raw": 67, "sinr_raw": 19},
    ),
    ("AT+CPSI?", "+CPSI: NO SERVICE,Online", {"mode": "NO SERVICE", "plmn": None, "cell": None}),
    ('AT+QCFG="usbnet"', '+QCFG: "usbnet",1', {"type": "usbnet", "mode": 1}),
    ("AT#ECM?", "#ECM: 0,1", {"type": "ecm", "active": True}),
    ("AT#USBCFG?", "#USBCFG: 4", {"type": "usbmode", "profile": 4, "mode": None}),
    (None, '+UUPSDA: 0,"10.1.1.1"', {"type": "data_session", "ip": "10.1.1.1"}),
    (None, '+QIURC: "pdpdeact",1', {"type": "data_session", "cid": 1}),
    (
        "ATI",
        "Quectel\r\nEC25\r\nRevision: EC25EFAR06A06M4G",
        {"manufacturer": "Quectel", "model": "EC25", "revision": "EC25EFAR06A06M4G"},
    ),
    (
        "ATI",
        "Manufacturer: SIMCOM INCORPORATED\r\nModel: SIM7600E\r\nRevision: X1",
        {"manufacturer": "SIMCOM INCORPORATED", "model": "SIM7600E", "revision": "X1"},
    ),
    ("AT+CGMM", "BG95-M3", {"type": "identity", "model": "BG95-M3"}),
    (
        'AT+QPING=1,"h"',
        '+QPING: 0,"10.0.0.1",32,61,64\r\n+QPING: 0,4,3,1,61,90,70',
        {"sent": 4, "received": 3, "lost": 1, "min": 61, "max": 90, "avg": 70},
    ),
    ("AT+CFUN=?", "+CFUN: (0-1,4)", {"type": "list", "values": [0, 1, 4]}),
    (
        "AT!GSTATUS?",
        "!GSTATUS: \r\nCurrent Time:  73\t\tTemperature: 33\r\n"
        "Reset Counter: 1\t\tMode:        ONLINE\r\n"
        "System mode:   LTE\t\tPS state:    Attached\r\n"
        "EMM state:     Registered     \tNormal Service\r\nRRC state:     RRC Connected\r\n"
        "PCC RxM RSSI:  -52\t\tRSRP (dBm):  -84\r\nPCC RxD RSSI:  -64\t\tRSRP (dBm):  -98\r\n"
        "Tx Power:      --\t\tTAC:         2C2D (11309)\r\n"
        "RSRQ (dB):     -12.8\t\tCell ID:     01A2B3C4 (27440068)\r\nSINR (dB):     10.2",
        {
            **{"mode": "ONLINE", "ps_state": "Attached", "emm": "Registered", "tac": 11309},
            **{"rrc": "RRC Connected", "rsrp_main": -84, "rsrp_div": -98, "cell": 27440068},
            **{"rsrq": -12.8, "sinr": 10.2},
        },
    ),
    ("AT+CUNKNOWN?", "+CUNKNOWN: 1,2,3", None),
]


@pytest.mark.parametrize(("text", "line", "expected"), CASES)
def test_meaning(text: str | None, line: str, expected: Any) -> None:
    raw = f"\r\n{line}{OK if text else chr(13) + chr(10)}".encode("latin-1")
    got = explain(text, [raw])
    assert got.parsed is None if expected is None else within(expected, got.parsed), got.parsed
    assert got.final == ("OK" if text else None)
    # byte by byte, cut anywhere, behind the command's echo: it means the same
    assert explain(text, [raw[i : i + 1] for i in range(len(raw))]) == got
    for at in range(1, len(raw)):
        assert explain(text, [raw[:at], raw[at:]]) == got, at
    if text is not None:
        echoed = explain(text, [text.encode() + b"\r" + raw])
        assert (echoed.parsed, echoed.final, echoed.echo) == (got.parsed, "OK", text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+CME ERROR: 10", Class.SIM_MISSING),
        ("+CME ERROR: SIM PIN required", Class.PIN),
        ("+CME ERROR: 12", Class.PUK),
        ("+CME ERROR: 14", Class.RETRY),
        ("+CME ERROR: 107", Class.REFUSED),
        ("+CME ERROR: 149", Class.APN),
        ("+CME ERROR: 100", Class.UNKNOWN),
        ("+CME ERROR: ", Class.UNKNOWN),
        ("ERROR", Class.UNKNOWN),
    ],
)
def test_class_of_an_error(line: str, expected: Class) -> None:
    found = final(line.strip())
    assert found is not None and classify(found) is expected
