"""The daemon's import path stays light: it runs for years on a small board."""

import json
import subprocess
import sys

from tests.support.gateway import ROOT

_ALLOWED = {"gateway", "protocol", "construct", "construct_typed", "msgspec", "paho"}
_ALLOWED |= {"typing_extensions", "__main__"}
_FOREVER = "import gateway.cli, gateway.daemon, gateway.logs, json, sys\n"
_TELL = "print(json.dumps(sorted(sys.modules)))"
_FORBIDDEN = {
    *("typer", "click", "rich", "pydantic", "structlog", "prometheus_client", "cryptography"),
    *("matplotlib", "numpy", "sqlalchemy", "serial", "usb", "mpremote", "tools", "sim"),
    # of the standard library: what only commands need
    *("unittest", "xml", "multiprocessing", "sysconfig"),
}
_MOST = 380
"""Modules, those of the interpreter itself included: each costs a small board time and memory."""


def _modules(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_daemon_imports_stay_light() -> None:
    loaded = _modules(_FOREVER + _TELL)
    # what site-packages' .pth files bring in before any line of ours
    bare = {name.split(".")[0] for name in _modules(f"import json, sys\n{_TELL}")}
    tops = {name.split(".")[0] for name in loaded} - bare
    foreign = {name for name in tops if name not in sys.stdlib_module_names} - _ALLOWED
    assert not foreign, f"not for the daemon: {sorted(foreign)}"
    assert not tops & _FORBIDDEN
    print(f"{len(loaded)} modules")
    assert len(loaded) <= _MOST


def test_commands_do_not_load_the_daemon() -> None:
    loaded = _modules(f"import gateway.cli, json, sys\n{_TELL}")
    assert not {"gateway.daemon", "paho", "construct"} & loaded
