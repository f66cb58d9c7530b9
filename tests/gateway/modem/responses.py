"""The published responses: a data file beside the checkout, or where DOSEWIRE_AT_RESPONSES says.

It carries no licence that would let it be copied into this project, so tests that need it are
skipped where it is not there. `OWN` is this project's own, composed from the specifications.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).parents[4] / "shared" / "data" / "at_responses.json"
PATH = Path(os.environ.get("DOSEWIRE_AT_RESPONSES", _BESIDE))
CASES: list[dict[str, Any]] = json.loads(PATH.read_text())["cases"] if PATH.exists() else []

published = pytest.mark.skipif(
    not CASES, reason="no file of published responses: set DOSEWIRE_AT_RESPONSES to its path"
)

# command, bytes from the modem: enough to exercise the engine without the data file
OWN: list[tuple[str | None, bytes]] = [
    ("AT+CSQ", b"AT+CSQ\r\r\n+CSQ: 14,99\r\n\r\nOK\r\n"),
    ("AT+CREG?", b'\r\n+CREG: 2,5,"00A1","01B2C3D4",7\r\n\r\nOK\r\n'),
    ("AT+CPIN?", b"+CPIN: READY\nOK\n"),
    ("AT+COPS?", b'\r\r\n+COPS: 0,0,"One, Two",7\r\r\n\r\r\nOK\r\r\n'),
    ("AT+CGSN", b"\x00\r\n490154203237518\r\n\r\nOK\r\n"),
    ("AT+CGACT=1,1", b"\r\n+CME ERROR: 148\r\n"),
    ("AT+CMGS=12", b"\r\n+CMS ERROR: unknown error\r\n"),
    ("ATD*99#", b"\r\nCONNECT 150000000\r\n"),
    ("AT+CGDCONT?", b'\r\n+CGDCONT: 1,"IP","a.b"\r\n+CGDCONT: 2,"IPV6",""\r\n\r\nOK\r\n'),
    (None, b'\r\n+CEREG: 5,"00A1","01B2C3D4",7\r\n'),
]


def delivered() -> list[tuple[str, str | None, bytes]]:
    """Return every conversation there is: name, command, bytes."""
    own = [(f"own-{i}", text, raw) for i, (text, raw) in enumerate(OWN)]
    return own + [
        (case["id"], case["command"], case["raw_response"].encode("latin-1")) for case in CASES
    ]


def within(expected: Any, got: Any) -> bool:
    """Whether everything expected is there; a field that is expected null may be missing."""
    if isinstance(expected, dict):
        return isinstance(got, dict) and all(
            within(value, got.get(key)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(got, list) and len(expected) == len(got) and all(map(within, expected, got))
        )
    return bool(expected == got)
