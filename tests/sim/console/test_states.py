"""What the cards say, without a browser."""

import asyncio

from sim.console.states import Word, _broken, _head, _line, _text
from sim.console.switchboard import grouped
from sim.faults import FAULTS, make
from sim.world import World


def test_what_is_not_well_is_counted_in_the_head():
    well, ill = Word("spool", True, "takes records"), Word("broker", False, "is off")
    assert _head([well, well]) == "How it is: all well"
    assert _head([well, ill]) == "How it is: 1 of 2 not well"
    assert _head([]) == "How it is"


def test_how_long_is_told_of_what_does_not_work_only():
    finding = {"text": "is off", "works": False, "for_seconds": 90, "remedy": ""}
    assert "for" in _text(finding)
    assert _text({**finding, "works": True}) == "is off"


def test_words_of_others_are_escaped():
    assert "<b>x</b>" not in _line(Word("port", None, "<b>x</b>"))


def test_what_was_broken_by_hand_is_told_in_plain_words():
    word = _broken("cable_out", "d2", make("cable_out", "d2"))
    assert (word.part, word.well) == ("d2", False)
    assert word.text.startswith("broken by hand, cable out: The USB cable is pulled")


def test_only_faults_that_can_be_here_are_switches(tmp_path):
    async def groups():
        world = World(tmp_path / "world", 1, ("d1",))
        try:
            return grouped(world)
        finally:
            await world.close()

    found = asyncio.run(groups())
    names = [name for group in found.values() for name in group]
    assert "dispenser_lost_after_ack" not in names  # it needs virtual time
    assert set(names) <= set(FAULTS) and len(names) == len(set(names))
    assert "cable_out" in found["dispenser"] and "backend_down" in found["broker, backend"]
