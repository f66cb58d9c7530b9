"""A day of boots, one a second: no record of the patient is pushed out."""

import json
from pathlib import Path

import pytest

from protocol.schema import RecordType
from tests.firmware.conftest import Interpreter

BEFORE = 10_000  # records that the journal must be able to hold
QUIET_BOOTS = 3  # that write although nothing happened to the patient
DAY = 86_400


@pytest.mark.parametrize(
    ("boots", "between"),
    [(1000, 250), pytest.param(DAY, 8640, marks=[pytest.mark.soak])],
    ids=["some", "a day"],
)
def test_no_record_of_the_patient_is_pushed_out(tmp_path: Path, boots: int, between: int) -> None:
    out = Interpreter("cpython").run(
        "mp_brown_out.py", str(tmp_path / "journal"), str(BEFORE), str(boots), str(between),
        limit=300,
    )  # fmt: skip
    told = json.loads(out)
    kinds = {int(kind): count for kind, count in told["kinds"].items()}
    presses = boots // between
    assert told["first"] == 0 and kinds[RecordType.lid_opened] == BEFORE + presses
    # BOOT, FAULT, STATE and TIME_SET of the boots that may write, and of those with a press
    assert told["next"] - BEFORE <= (presses + 1) * (QUIET_BOOTS + 1) * 4 + presses
    assert kinds[RecordType.boot] >= presses
