"""Every mistake in a configuration is one line that names file, key and what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway import cli
from sim.certificates import Pki
from tests.support.gateway import GATEWAY, ROOT


@pytest.fixture
def good(tmp_path: Path, pki: Pki) -> str:
    own = pki.gateways[GATEWAY]
    return (
        f'[gateway]\nid = "{GATEWAY}"\ndata = "{tmp_path / "data"}"\n'
        '[[dispenser]]\nport = "/dev/ttyX"\n'
        f'[uplink]\nhost = "h"\nport = 8883\nca = "{pki.ca}"\ncert = "{own.cert}"\n'
        f'key = "{own.key}"\n'
    )


def _check(path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    path.write_text(text)
    code = cli.main(["check", "--config", str(path)])
    return code, capsys.readouterr().err


def test_good(tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(tmp_path / "g.toml", good, capsys) == (0, "")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[gateway]", "[gateway", "is not TOML"),
        (f'id = "{GATEWAY}"', "", "gateway: missing key `id`"),
        (f'id = "{GATEWAY}"', 'id = "GW_1"', "gateway.id: 'GW_1' must be 1 to 32 of a-z"),
        ("port = 8883", "port = 70000", "uplink.port: Expected `int` <= 65535"),
        ("port = 8883", 'port = "x"', "uplink.port: Expected `int`, got `str`"),
        ("port = 8883", "port = 1\nretry_max = 0.1", "uplink.retry_max: must not be below"),
        ("port = 8883", "port = 1\nconfirm = 3", "uplink: unknown key `confirm`; `dosewire"),
        ("[uplink]", "[uplnk]", "the file: unknown key `uplnk`"),
        ("port = 8883", "port = 1\nkeepalive = 0", "uplink.keepalive: Expected `int` >= 5"),
        ('"/dev/ttyX"', '"ttyX"', "dispenser[0].port: 'ttyX' must be an absolute path"),
        ('[[dispenser]]\nport = "/dev/ttyX"\n', "[discovery]\nusb = []\n", "discovery.usb: "),
        ("[[dispenser]]", '[discovery]\nusb = ["2E8A"]\n[[dispenser]]', "discovery.usb"),
        ("[[dispenser]]", "[metrics]\nport = 0\n[[dispenser]]", "metrics.port: Expected `int`"),
        ("[[dispenser]]", '[[dispenser]]\nport="/dev/ttyX"\n[[dispenser]]', "is there twice"),
        ("ca.pem", "none.pem", "must be a readable PEM file"),
        ("/data", "/g.toml", "gateway.data: "),
        ("/data", "/g.toml/below", "gateway.data: "),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str], old: str, new: str, says: str
) -> None:
    assert old in good
    code, line = _check(tmp_path / "g.toml", good.replace(old, new, 1), capsys)
    assert code == 2
    assert line.count("\n") == 1
    assert line.startswith(str(tmp_path / "g.toml"))
    assert says in line


def test_files_that_hold_something_else(
    tmp_path: Path, good: str, pki: Pki, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, says in (("ca", "uplink.ca must be"), ("key", "uplink.cert and uplink.key must be")):
        wrong = tmp_path / "wrong.pem"
        wrong.write_text("nothing of the kind")
        path = {"ca": pki.ca, "key": pki.gateways[GATEWAY].key}[name]
        text = good.replace(f'{name} = "{path}"', f'{name} = "{wrong}"')
        code, line = _check(tmp_path / "g.toml", text, capsys)
        assert (code, line.count("\n")) == (2, 1)
        assert str(wrong) in line and says in line


def test_missing_file_by_the_real_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli", "run", "--config", str(tmp_path / "none.toml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    says = f"{tmp_path / 'none.toml'}: cannot be read (No such file or directory); name another"
    assert done.stderr.startswith(says) and done.stderr.count("\n") == 1


def test_help_teaches() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    for word in ("[[dispenser]]", "exit codes", "status", "doctor", "install"):
        assert word in done.stdout
