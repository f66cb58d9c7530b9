"""What dispensers are told of the way to the broker: minutes without one, and only then."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config
from gateway.actions import Send
from gateway.aliases import Aliases
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.daemon import Gateway
from gateway.incidents import Incidents
from gateway.keepalive import Keepalive
from gateway.modem.figures import Figures
from gateway.modem.service import Cellular
from gateway.modem.supervisor import Fault, Order, Seen
from gateway.reach import away
from gateway.session import Session
from gateway.uplink import Uplink


@pytest.mark.parametrize(
    ("now", "lost", "minutes"),
    [
        (5000.0, (5000.0,), 0),
        (5000.0, (4940.1,), 0),
        (5000.0, (4940.0,), 1),
        (5000.0, (4400.1,), 9),
        (5000.0, (4400.0,), 10),
        (99_999.0, (0.0,), 255),
        (5000.0, (None,), 0),
        (5000.0, (None, 0.0), 0),  # a session, whatever the modem says of itself
        (5000.0, (0.0, None), 0),  # the modem carries: the broker is away, no window helps
        (5000.0, (100.0, 4300.0), 11),  # the broker was away first, then the network
        (5000.0, (4300.0, 100.0), 11),
    ],
)
def test_minutes_for_which_there_was_no_way_at_all(
    now: float, lost: tuple[float | None, ...], minutes: int
) -> None:
    assert away(now, *lost) == minutes


@given(st.floats(0, 1e6), st.lists(st.floats(0, 1e6), min_size=1, max_size=3))
def test_never_more_than_has_passed(age: float, ages: list[float]) -> None:
    told = away(2e6, *(2e6 - one for one in [age, *ages]))
    assert 0 <= told <= 255 and told * 60 <= min([age, *ages]) + 1e-3


def test_every_greeting_tells() -> None:
    session = Session("port", Counters(), lambda: None, Incidents(lambda: 0.0))

    def bodies(minutes: int) -> list[bytes]:
        session.away = lambda: minutes
        return [a.frame.body for a in session.opened(0.0) if isinstance(a, Send)]

    # two versions as of old, then the minutes
    assert [bodies(n) for n in (0, 9, 255)] == [[b"\1\1\0"], [b"\1\1\x09"], [b"\1\1\xff"]]


class World:
    """An uplink that connects when it is told to, and its clock."""

    def __init__(self, mocker: Any) -> None:
        self.now = 1000.0
        self.uplink = Uplink(
            config.Uplink(host="h", port=1, ca="", cert="", key=""), "gw-1", mocker.Mock(),
            Counters(), Clock(lambda: self.now, lambda: self.now), mocker.Mock(),
        )  # fmt: skip
        self.uplink._keepalive = mocker.Mock(spec=Keepalive)
        self.client = mocker.Mock()

    def told(self, seconds: float) -> float | None:
        self.now += seconds
        return self.uplink.lost_at


def test_when_an_uplink_is_lost(mocker: Any) -> None:
    async def scenario() -> None:
        world = World(mocker)
        uplink = world.uplink
        assert world.told(30) == 1000, "it was to begin"
        uplink._listener = mocker.Mock()
        uplink._connected(0, False, Aliases())
        assert world.told(4000) is None
        uplink._drop(world.client)
        assert world.told(100) == 5030
        uplink._drop(world.client)
        assert world.told(100) == 5030, "a try that came to nothing loses nothing more"
        uplink._connected(0, False, Aliases())
        uplink.sleep(3600)
        uplink._drop(world.client)
        assert world.told(3000) is None, "asleep on purpose"
        uplink.wake()
        await uplink._sleep_out(3600)
        assert world.told(20) == 8230, "awake, and not connected yet"

    asyncio.run(scenario())


def test_since_when_a_modem_is_ill(mocker: Any) -> None:
    figures = Figures()
    modem = mocker.Mock(figures=figures, _started=7.0, works=False)
    told = []
    looks = [
        (50.0, None), (60.0, Fault.UNREGISTERED), (90.0, Fault.NO_CONTEXT), (99.0, Fault.NONE),
        (120.0, Fault.SERVER), (150.0, Fault.NO_DATA),
    ]  # fmt: skip
    for now, fault in looks:
        if fault is not None:
            figures.note(now, Seen(), Order(fault, 1.0))
        modem.works = fault in (Fault.NONE, Fault.SERVER)
        told.append(Cellular.ill_since.fget(modem))  # type: ignore[attr-defined]
    assert told == [7.0, 60.0, 60.0, None, None, 150.0]


def test_the_daemon_asks_uplink_and_modem(mocker: Any, tmp_path: Path) -> None:
    gateway = mocker.Mock(_clock=Clock(lambda: 5000.0, lambda: 0.0))
    gateway._uplink.lost_at, gateway._modem = 3000.0, None
    assert Gateway._away(gateway) == 33
    gateway._modem = mocker.Mock(ill_since=4000.0)
    assert Gateway._away(gateway) == 16
    gateway._modem.ill_since = None
    assert Gateway._away(gateway) == 0
