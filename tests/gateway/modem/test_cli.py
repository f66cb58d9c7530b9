"""`modem explain`: JSON lines for programs, plain words for people, bad input answered."""

import io
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.modem.cli import _lines, explain_capture, explain_jsonl, main
from tests.support.gateway import ROOT


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
    assert list(explain_capture(io.BytesIO(raw))) == [
        "by itself: RDY",
        "AT+CSQ: OK",
        "  csq: nothing that can be understood",
        "AT+CPIN?: +CME ERROR",
        "  error: class +CME ERROR, code 10",
    ]


def test_a_command_that_is_repeated_is_answered_each_time() -> None:
    once = b"AT+CSQ\r\r\n+CSQ: 99,99\r\n\r\nOK\r\n"
    # sent, and shown once more as its echo
    raw = b"AT+CSQ\r\n" + once * 3
    assert list(explain_capture(io.BytesIO(raw))).count("AT+CSQ: OK") == 3


@given(st.binary(max_size=400))
@example(b"AT\x1b]0;title\x07\r\nOK\r\n")
@example(b"\x9b31mred\r\n")
@example(b"AT\0\r\nO\0K\r\n")
def test_nothing_reaches_a_terminal_but_text(raw: bytes) -> None:
    for line in explain_capture(io.BytesIO(raw)):
        assert line.isprintable(), line


def test_lines_without_end_cost_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        left = 300

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"A" * size if self.left > 0 else b""

        def readline(self, size: int | None = -1) -> bytes:
            return self.read(size or 0)

    tracemalloc.start()
    told = [*explain_capture(Endless()), *explain_jsonl(_lines(Endless()))]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 << 20, "20 and 300 MB were read"
    assert len(told) == 2 and "error" in json.loads(told[1])


def test_ids_come_back_as_they_were() -> None:
    lines = [b'{"id":7,"raw":"\\r\\nRDY\\r\\n"}', '{"id":"x","raw":"\u20ac"}'.encode()]
    got = [json.loads(line) for line in explain_jsonl(lines)]
    assert [one["id"] for one in got] == [7, "x"]
    assert got[0]["urc"] == ["RDY"] and "latin-1" in got[1]["error"]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_bytes(b"AT+CGATT?\r\n+CGATT: 1\r\nOK\r\n")
    assert main(["explain", str(tmp_path / "log")]) == 0
    assert capsys.readouterr().out == "AT+CGATT?: OK\n  cgatt: attached yes\n"
    assert main(["explain", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err


def test_works_without_the_tools() -> None:
    code = (
        "import sys\n"
        "gone = ('typer', 'rich', 'serial', 'usb', 'cryptography')\n"
        "sys.modules |= dict.fromkeys(gone)\n"
        "from tools.main import main\n"
        "try: main(['modem', 'explain', '--jsonl'])\n"
        "finally: print(sorted(m for m in sys.modules if m.startswith(('paho', 'construct'))))\n"
    )
    lines = ({"id": 1}, {"id": "b", "command": "AT+CGATT?", "raw": "+CGATT: 0\r\nOK\r\n"})
    asked = "\n".join(map(json.dumps, lines)).encode()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input=asked, capture_output=True, check=True
    )
    first, second, loaded = done.stdout.decode().splitlines()
    assert "error" in first and json.loads(second)["parsed"]["attached"] is False
    assert loaded == "[]", "explaining needs no daemon"


def test_a_host_without_modem_or_gateway_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "g.toml"
    path.write_text(
        f'[gateway]\nid = "gw-1"\ndata = "{tmp_path}"\n[uplink]\nhost = "h"\nport = 1\n'
        'ca = "c"\ncert = "c"\nkey = "k"\n'
    )
    assert main(["status", "--config", str(path)]) == 3
    assert "does not run" in capsys.readouterr().err
    assert main(["supervise", "--dry-run", "--config", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: has no [modem]\n"
    path.write_text(path.read_text() + "[modem]\n")
    assert main(["supervise", "--dry-run", "--looks", "1", "--json", "--config", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "no modem on USB" and told["rung"] is None
    assert sorted(one.name for one in tmp_path.iterdir()) == ["g.toml"], "nothing was written"
    assert main(["status", "--config", str(tmp_path / "none.toml")]) == 2


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"AT\r\nOK\r\n" * 20_000)
    words = [sys.executable, "-m", "tools.main", "modem", "explain", str(tmp_path / "log")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as one:
        assert one.stdout is not None and one.stderr is not None
        one.stdout.readline()
        one.stdout.close()
        assert one.stderr.read() == b"" and one.wait(30) == 0
