"""`modem explain`: JSON lines for programs, plain words for people, bad input answered."""

import json
from pathlib import Path

import pytest

from gateway.modem.cli import explain_capture, explain_jsonl, main


def test_jsonl() -> None:
    asked = [
        {"id": "a", "command": "AT+CSQ", "raw": "\r\n+CSQ: 18,99\r\n\r\nOK\r\n"},
        {"id": "b", "command": None, "raw": "\r\n+CEREG: 1\r\n"},
    ]
    lines = [json.dumps(one).encode() for one in asked] + [b"", b"{", b'{"raw": 3}', b"\xff"]
    got = [json.loads(line) for line in explain_jsonl(lines)]
    assert got[0] == {
        "id": "a",
        "final": "OK",
        "info": ["+CSQ: 18,99"],
        "urc": [],
        "echo": None,
        "parsed": {"type": "csq", "rssi": 18, "ber": None, "dbm": -77},
    }
    assert got[1]["urc"] == ["+CEREG: 1"] and got[1]["parsed"]["stat"] == 1
    assert [one["id"] for one in got[2:]] == [None] * 3 and all("error" in one for one in got[2:])


def test_a_capture_in_plain_words() -> None:
    raw = b"\r\nRDY\r\nAT+CSQ\r\r\n+CSQ: 99,99\r\n\r\nOK\r\nAT+CPIN?\r\r\n+CME ERROR: 10\r\n"
    assert list(explain_capture(raw)) == [
        "by itself: RDY",
        "AT+CSQ: OK",
        "  csq: nothing that can be understood",
        "AT+CPIN?: +CME ERROR",
        "  error: class +CME ERROR, code 10",
    ]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_bytes(b"AT+CGATT?\r\n+CGATT: 1\r\nOK\r\n")
    assert main(["explain", str(tmp_path / "log")]) == 0
    assert capsys.readouterr().out == "AT+CGATT?: OK\n  cgatt: attached yes\n"
    assert main(["explain", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
