"""Sets a gateway up on its host: files for systemd, udev and people, then the commands that read
them. Done twice it changes nothing; a configuration that is there is never touched.

sysusers.d(5), tmpfiles.d(5), systemd.exec(5), udev(7).
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.config import PICO

_TEMPLATES = Path(__file__).parent / "templates"
_USER = "dosewire"
_ETC = "/etc/dosewire"
_DATA = "/var/lib/dosewire"


@dataclass(frozen=True, slots=True)
class File:
    """A file to be put in place: why, where, from which template; `once`: never over another."""

    why: str
    path: str
    template: str
    mode: int = 0o644
    once: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command to be run if its program is there, and why."""

    why: str
    words: tuple[str, ...]


FILES = (
    File(
        "user and group of its own, without shell or home",
        "/etc/sysusers.d/dosewire.conf",
        "sysusers.conf.in",
    ),
    File(
        "folders for configuration and spool, closed to others",
        "/etc/tmpfiles.d/dosewire.conf",
        "tmpfiles.conf.in",
    ),
    File(
        "dispensers' ports belong to that group, ModemManager leaves them alone",
        "/etc/udev/rules.d/60-dosewire.rules",
        "60-dosewire.rules.in",
    ),
    File(
        "the service: started at boot, restarted if it dies or hangs, locked in",
        "/etc/systemd/system/dosewire-gateway.service",
        "dosewire-gateway.service.in",
    ),
    File(
        "an example configuration to be completed",
        f"{_ETC}/gateway.toml",
        "gateway.toml.in",
        mode=0o640,
        once=True,
    ),
)
COMMANDS = (
    Command("make the user", ("systemd-sysusers", "/etc/sysusers.d/dosewire.conf")),
    Command("make the folders", ("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/dosewire.conf")),
    Command("let the gateway read its configuration", ("chgrp", _USER, f"{_ETC}/gateway.toml")),
    Command("read the udev rules", ("udevadm", "control", "--reload")),
    Command("apply them to what is plugged in", ("udevadm", "trigger", "--subsystem-match=tty")),
    Command("read the unit", ("systemctl", "daemon-reload")),
)
_NEXT = f"""\
next:
  1. put ca.pem, gateway.pem and gateway.key into {_ETC} (root:{_USER}, mode 0640)
  2. edit {_ETC}/gateway.toml
  3. dosewire gateway check && dosewire gateway doctor
  4. systemctl enable --now dosewire-gateway
  5. dosewire gateway status"""


def main(prefix: Path | None, *, dry_run: bool, say: Callable[[str], None] = print) -> int:
    """Set up below `prefix` (None: this host, with the commands); returns the exit code."""
    if prefix is None and not dry_run and os.geteuid() != 0:
        print(
            "dosewire gateway install: needs root; --dry-run shows what it does", file=sys.stderr
        )
        return 1
    try:
        for file in FILES:
            say(_put(file, prefix or Path("/"), dry_run))
        for command in COMMANDS:
            say(_run(command, skip=dry_run or prefix is not None))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"dosewire gateway install: {error}", file=sys.stderr)
        return 1
    say(_NEXT)
    if Path(_command()).is_relative_to("/home") or Path(_command()).is_relative_to("/root"):
        say(f"warning: the unit shuts out home folders, and {_command()} is in one: use /opt")
    return 0


def render(template: str) -> str:
    """Return a template's text for this host."""
    vendor, product = PICO.split(":")
    words = {"user": _USER, "etc": _ETC, "data": _DATA, "config": f"{_ETC}/gateway.toml"}
    words |= {"command": _command(), "usb": PICO, "vendor": vendor, "product": product}
    text = (_TEMPLATES / template).read_text()
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    return text


def _put(file: File, root: Path, dry_run: bool) -> str:
    path, content = root / file.path.lstrip("/"), render(file.template)
    if path.exists() and (file.once or path.read_text() == content):
        return f"keep   {path}: {file.why}"
    verb = "change" if path.exists() else "write"
    if not dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(content)
        new.chmod(file.mode)
        new.replace(path)
    return f"{verb:6} {path}: {file.why}"


def _run(command: Command, skip: bool) -> str:
    line = f"{' '.join(command.words)}: {command.why}"
    if skip:
        return f"to run {line}"
    if shutil.which(command.words[0]) is None:
        return f"skip   {line} (not on this host)"
    if command.words[0] in ("systemctl", "udevadm") and not Path("/run/systemd/system").exists():
        return f"skip   {line} (systemd does not run here)"
    subprocess.run(command.words, check=True)
    return f"ran    {line}"


def _command() -> str:
    # the script beside this interpreter; without one the module does the same
    script = Path(sysconfig.get_path("scripts")) / "dosewire"
    return str(script) if script.exists() else f"{sys.executable} -m tools.main"
