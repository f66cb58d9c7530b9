"""Power cut at every flash operation of a release's transfer and switch."""

import json

from protocol.schema import ReleaseAction
from tests.firmware.conftest import DEVICE
from tests.support import micropython


def test_the_old_or_the_new_release_starts_and_the_next_transfer_ends() -> None:
    out = micropython.run(DEVICE / "mp_cut_release.py", extra=DEVICE)
    head, *cuts = [json.loads(line) for line in out.splitlines()]
    assert len(cuts) == head["operations"] > 60
    for cut in cuts:
        assert cut["starts"] in (["a", "old"], ["b", "new"]), cut
        assert cut["end"] == ["b", "new"], cut
        # a cut between the record and the switch: told twice
        assert cut["told"] in ([ReleaseAction.received], [ReleaseAction.received] * 2), cut
    assert {cut["starts"][0] for cut in cuts} == {"a", "b"}
