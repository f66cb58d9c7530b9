"""What became of a release is told once, after a crash loop and over power cuts, too.

After starts that came to nothing the dispenser keeps what is not about the patient in memory.
"""

import json
from pathlib import Path

from protocol.schema import ReleaseAction
from tests.firmware.conftest import Interpreter

STARTED, CONFIRMED, REVERTED = (
    int(ReleaseAction.started), int(ReleaseAction.confirmed), int(ReleaseAction.reverted),
)  # fmt: skip


def lived(interpreter: Interpreter, folder: Path, *starts: tuple) -> list:
    told = interpreter.run("mp_told.py", str(folder / "root"), json.dumps(starts))
    return json.loads(told)


def test_a_release_tells_that_it_started_and_then_that_it_is_confirmed(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    cut, lasted = lived(interpreter, tmp_path, ("", None, 5), (None, None, 25))
    assert cut in ([[], "", ""], [[STARTED], "started", ""])
    assert lasted == [[STARTED, CONFIRMED], "confirmed", ""]


def test_a_release_that_was_left_is_told_of_though_the_power_is_cut_soon(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    starts = ("confirmed", "reverted", 5), (None, None, 59), (None, None, 62), (None, None, 62)
    *cut, lasted, again = lived(interpreter, tmp_path, *starts)
    for actions, _, state in cut:
        assert (actions, state) in (([], "reverted"), ([REVERTED], "told"))
    assert lasted == again == [[REVERTED], "confirmed", "told"]
