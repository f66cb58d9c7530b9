"""The daemon's import path stays light: it runs for years on a small board."""

import json
import subprocess
import sys

from tests.support.gateway import ROOT

_ALLOWED = {"gateway", "protocol", "construct", "construct_typed", "msgspec", "paho"}
_ALLOWED |= {"typing_extensions", "__main__"}
_TELL = "import gateway.cli, gateway.daemon, json, sys; print(json.dumps(sorted(sys.modules)))"


def test_daemon_imports_stay_light() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TELL], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tops = {name.split(".")[0] for name in json.loads(done.stdout)}
    foreign = {name for name in tops if name not in sys.stdlib_module_names} - _ALLOWED
    # what site-packages' .pth files bring in before any line of ours
    bare = subprocess.run(
        [sys.executable, "-c", "import json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    foreign -= {name.split(".")[0] for name in json.loads(bare.stdout)}
    assert not foreign, f"not for the daemon: {sorted(foreign)}"
