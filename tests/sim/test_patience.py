"""Patience: the same thing may be waited for only so long."""

import pytest

from sim.patience import Patience, PatienceError


def test_what_stays_the_same_is_told_after_its_time_and_what_changes_is_not():
    now = [0.0]
    patience = Patience(10, lambda: now[0])
    for moment, what in ((0, ["a"]), (9, ["a"]), (11, ["a", "b"]), (20, ["a", "b"])):
        now[0] = moment
        patience.wait(what)
    patience.rest()
    now[0] = 22
    patience.wait(["a", "b"])
    now[0] = 32
    patience.wait(["a", "b"])
    now[0] = 33
    with pytest.raises(PatienceError, match=r"10 s: .*b"):
        patience.wait(["a", "b"])
