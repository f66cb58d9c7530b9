"""`dosewire gateway install` into an empty folder, and what systemd thinks of the unit."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway import cli, config, install
from sim.certificates import Pki
from tests.support.gateway import GATEWAY

UNIT = "etc/systemd/system/dosewire-gateway.service"
RULES = "etc/udev/rules.d/60-dosewire.rules"


def _tree(root: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode, path.stat().st_ino)
        for path in root.rglob("*")
        if path.is_file()
    }


def _install(root: Path, *words: str) -> int:
    return cli.main(["install", "--prefix", str(root), *words])


def test_dry_run_changes_nothing_and_explains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _install(tmp_path, "--dry-run") == 0
    assert list(tmp_path.iterdir()) == []
    out = capsys.readouterr().out
    for word in (UNIT, RULES, "sysusers", "tmpfiles", "gateway.toml", "systemctl enable --now"):
        assert word in out


def test_twice_is_once_and_a_configuration_is_never_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _install(tmp_path) == 0
    before = _tree(tmp_path)
    assert {UNIT, RULES, "etc/dosewire/gateway.toml"} < set(before)
    assert before["etc/dosewire/gateway.toml"][1] & 0o007 == 0
    capsys.readouterr()
    assert _install(tmp_path) == 0
    assert _tree(tmp_path) == before
    assert "write " not in capsys.readouterr().out
    (tmp_path / "etc/dosewire/gateway.toml").write_text("mine")
    (tmp_path / UNIT).write_text("old")
    assert _install(tmp_path) == 0
    after = _tree(tmp_path)
    assert after["etc/dosewire/gateway.toml"][0] == b"mine"
    assert after[UNIT][0] == before[UNIT][0]


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc").write_text("a file")
    assert _install(tmp_path) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_is_left_to_be_filled_in() -> None:
    for file in install.FILES:
        text = "".join(
            line
            for line in install.render(file.template).splitlines()
            if not line.startswith("SystemCallFilter=@")
        )
        assert not re.search(r"@[a-z]+@", text), file.template


def test_the_example_is_a_configuration(tmp_path: Path, pki: Pki) -> None:
    own = pki.gateways[GATEWAY]
    text = install.render("gateway.toml.in")
    for name, path in (("ca.pem", pki.ca), ("gateway.pem", own.cert), ("gateway.key", own.key)):
        text = text.replace(f"/etc/dosewire/{name}", str(path))
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    assert config.load(file).usb == {"2e8a:0005"}


def test_the_unit_is_valid_and_locked_in(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    assert _install(tmp_path) == 0
    unit = str(tmp_path / UNIT)
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", unit]
    told = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", told)
    assert found is not None, told
    print(f"exposure {found[1]}")
    assert float(found[1]) <= 2.5


def test_the_units_syscalls_are_enough(tmp_path: Path, pki: Pki) -> None:
    """What the daemon calls from start to end is on the unit's list."""
    if shutil.which("systemd-analyze") is None or shutil.which("strace") is None:
        pytest.skip("systemd-analyze or strace is not installed")
    allowed = _allowed(install.render("dosewire-gateway.service.in"))
    own = pki.gateways[GATEWAY]
    file = tmp_path / "g.toml"
    file.write_text(
        f'[gateway]\nid = "{GATEWAY}"\ndata = "{tmp_path / "data"}"\n[uplink]\n'
        f'host = "127.0.0.1"\nport = 9\nca = "{pki.ca}"\ncert = "{own.cert}"\nkey = "{own.key}"\n'
    )
    trace = tmp_path / "trace"
    python = str(Path(install.sys.executable))
    # the signal ends it 3 s after it began: by then it has tried to connect
    command = ["timeout", "--signal=TERM", "3", python, "-m", "gateway.cli", "run", "--config"]
    subprocess.run(
        ["strace", "-f", "-qq", "-o", str(trace), *command, str(file)],
        capture_output=True,
        check=False,
    )
    # from the first import on: what the loader and systemd do before is theirs
    text = trace.read_text()
    text = text[text.index("gateway/cli.py") :]
    called = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", text, re.M))
    assert {"fdatasync", "connect"} <= called
    assert any("adjtime" in name for name in called)
    # glibc can do without the stack's limit; SQLite gives files away only when run by root
    assert called - allowed <= {"prlimit64", "fchown"}
    # MemoryDenyWriteExecute=
    assert "PROT_WRITE|PROT_EXEC" not in text
    assert not re.search(r"mprotect\(.*PROT_EXEC", text)


def _allowed(unit: str) -> set[str]:
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        names = {name for word in line.lstrip("~").split() for name in _expand(word)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def _expand(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
    ).stdout
    entries = {line.strip() for line in told.splitlines()[1:]}
    entries = {entry for entry in entries if entry and not entry.startswith("#")}
    return {name for entry in entries for name in _expand(entry)}
