"""What the cards say, without a browser."""

import asyncio
import os
import shutil
from types import SimpleNamespace

import pytest

from sim.clock import VirtualClock
from sim.console.states import States, Word, _broken, _head, _line, _text
from sim.console.switchboard import grouped
from sim.faults import FAULTS, make
from sim.trace import STRACE
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


@pytest.mark.parametrize("virtual", [False, True])
def test_every_fault_of_simulator_cell_and_modem_has_a_switch(tmp_path, virtual):
    async def groups():
        names, clock = ("gw-1", "gw-2"), VirtualClock() if virtual else None
        world = World(tmp_path / "world", 1, ("d1",), gateways=names, clock=clock)
        try:
            world.cell, world.modem = SimpleNamespace(interface="tun0"), SimpleNamespace()
            return grouped(world)
        finally:
            world.cell = world.modem = None
            await world.close()

    lacking = set() if virtual else {"virtual time"}
    lacking |= set() if os.geteuid() == 0 and shutil.which("mount") else {"small disk"}
    lacking |= set() if STRACE else {"strace"}
    found = [name for group in asyncio.run(groups()).values() for name in group]
    assert sorted(found) == sorted(n for n, fault in FAULTS.items() if not fault.needs & lacking)
    assert len(found) > 40


def test_in_virtual_time_loops_that_look_seldom_are_not_told_to_stand_still(tmp_path):
    states = States(SimpleNamespace(virtual=True, folder=tmp_path, dispensers={}), {})
    late = {"part": "daemon", "text": "stands still: spool", "works": False, "remedy": "restart"}
    assert states._word("gw-1", "", late).well is None
    states = States(SimpleNamespace(virtual=False, folder=tmp_path, dispensers={}), {})
    assert states._word("gw-1", "", late).well is False


def test_a_port_of_another_gateways_cable_is_no_fault(tmp_path):
    cable = SimpleNamespace(gateway="gw-1")
    world = SimpleNamespace(virtual=False, folder=tmp_path, dispensers={"d1": cable})
    empty = {"part": "port /run/gw-2/d1", "text": "cannot be opened", "works": False, "remedy": ""}
    assert States(world, {})._word("gw-2", "", empty).well is None
    assert States(world, {})._word("gw-1", "", empty).well is False


def test_what_is_ill_since_a_moment_ago_may_pass(tmp_path):
    states = States(SimpleNamespace(virtual=False, folder=tmp_path, dispensers={}), {})
    ill = {"part": "uplink", "text": "no answer", "works": False, "remedy": ""}
    found = [states._word("gw-1", "", {**ill, "for_seconds": s}).well for s in (0.4, 3.0, 90.0)]
    assert found == [None, False, False]
    assert states._word("gw-1", "", ill).well is False
    assert states._word("gw-1", "", {**ill, "works": True, "for_seconds": 0}).well is True


def test_what_ended_in_order_is_not_ill(tmp_path):
    states = States(SimpleNamespace(virtual=False, folder=tmp_path, dispensers={}), {})
    states.end()
    asyncio.run(states.look())
    assert _head(states.words) == "How it is" and "is over" in states.words[0].text
