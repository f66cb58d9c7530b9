"""A bit flipped anywhere on the flash, littlefs' own metadata too: no seq reused, loss told."""

import json
from pathlib import Path

import pytest

from tests.support import micropython

SCRIPT = Path(__file__).parent / "device" / "mp_flip_flash.py"
WRITTEN = 60  # records before the flip
DAMAGED = 2  # cause of a GAP


@pytest.mark.parametrize(
    ("step", "offset"), [(31, 0), pytest.param(5, 3, marks=pytest.mark.soak)], ids=["some", "many"]
)
def test_bits_flipped_anywhere(step: int, offset: int) -> None:
    out = micropython.run(SCRIPT, str(step), str(offset), heap="8M", limit=300)
    told = [json.loads(line) for line in out.splitlines()]
    started = [flip for flip in told if flip["mounted"] and flip["found"]]
    # the rest is "needs service": the superblock or the journal's own folder
    assert len(started) > 0.97 * len(told) > 100
    for flip in started:
        assert min(flip["new"]) >= WRITTEN, f"{flip['at']}: a seq is used again"
        assert {cause for _, _, cause in flip["gaps"]} <= {DAMAGED}, flip["at"]
        covered = {seq for first, last, _ in flip["gaps"] for seq in range(first, last + 1)}
        assert set(flip["lost"]) <= covered, f"{flip['at']}: lost and not told"
        assert len(flip["gaps"]) <= 2, f"{flip['at']}: told again and again"
    assert any(flip["lost"] for flip in started), "no flip hit anything"
