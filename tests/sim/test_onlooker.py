"""Somebody looks at a panel after a press; what it answers meanwhile is in the ledger."""

import pytest

from sim.board.events import OutputEvent
from sim.ledger import Answer, Ledger, load
from sim.onlooker import Onlooker

BEGAN = 1_790_000_000_000  # Unix ms
HOUR = 3_600_000
DARK, GREEN, WHITE = bytes(3), bytes((60, 0, 0)), bytes((60, 60, 60))


class Rig:
    def __init__(self, folder):
        self.path = folder / "ledger.jsonl"
        self.heard = []
        self.onlooker = Onlooker("d1", Ledger(self.path))
        self.onlooker.hear = self.heard.append

    def look(self, ms):
        self.onlooker.look((BEGAN + ms) * 10**6)

    def shows(self, *changes):
        for ms, colour in changes:
            data = bytes(21) + colour
            self.onlooker.take(OutputEvent((BEGAN + ms) * 10**6, "lights", "pixels", data=data))

    def glows(self, ms):
        self.shows((ms, GREEN), (ms + 1_500, DARK))

    def told(self):
        found = load(self.path)
        assert all(isinstance(one, Answer) and one.dispenser == "d1" for one in found)
        return [(one.t // 10**6 - BEGAN, one.answer) for one in found]


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_answers_are_kept_with_their_times(rig):
    rig.look(0)
    rig.shows((30, WHITE), (250, DARK), (450, WHITE), (650, DARK))
    rig.glows(40_000)
    assert rig.told() == [(450, "noted"), (41_500, "delivered")]


def test_delivered_ends_it_unless_it_becomes_seen(rig):
    rig.look(0)
    rig.glows(40_000)
    rig.glows(42_000)
    assert rig.told() == [(41_500, "delivered"), (43_500, "seen")]
    assert rig.heard == [True]
    rig.shows((60_000, GREEN))
    assert rig.heard == [True, False]


def test_half_an_hour_without_delivered_ends_it_until_the_next_press(rig):
    rig.look(0)
    rig.shows((HOUR // 2 - 1_000, GREEN))
    rig.look(HOUR // 2 - 500)
    assert rig.heard == [True]
    rig.shows((HOUR, GREEN))
    assert rig.heard == [True, False]
    rig.look(2 * HOUR)
    assert rig.heard == [True, False, True]


def test_what_began_while_nobody_looked_is_no_answer(rig):
    rig.look(0)
    rig.shows((HOUR, GREEN))
    rig.look(HOUR + 100)
    rig.shows((HOUR + 1_500, DARK))
    assert rig.told() == []
    rig.glows(HOUR + 10_000)
    assert rig.told() == [(HOUR + 11_500, "delivered")]
