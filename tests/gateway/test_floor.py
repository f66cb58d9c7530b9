"""Dispensers get no time that cannot be right: 1970, and a clock that jumps back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock, HostTime
from gateway.floor import RELEASED, Floor

NOW = RELEASED + 100 * 86_400.0


class World:
    """A host whose clocks and kernel are set by hand; restarts keep the file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "last_seen"
        self.unix = NOW
        self.up = 1000.0
        self.kernel: int | None = None
        self.trusted: int | None = None
        self.restart()

    def restart(self) -> None:
        self.floor = Floor(self.file, lambda: self.up)
        clock = Clock(lambda: self.up, lambda: self.unix)
        self.host = HostTime(clock, self.trusted, lambda: self.kernel, self.floor)

    def gives(self, after: float = 0.0) -> bool:
        self.unix += after
        self.up += after
        return self.host.now() is not None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_1970_is_not_given_whoever_vouches_for_it(world: World) -> None:
    world.unix, world.trusted, world.kernel = 3600.0, 1000, 1
    world.restart()
    assert not world.gives()
    world.kernel = 5
    assert not world.gives(after=7200.0), "even synchronised for hours"


def test_before_the_release_is_not_given(world: World) -> None:
    world.unix, world.kernel = RELEASED - 3600.0, 1
    assert not world.gives()
    assert world.floor.behind
    assert world.gives(after=3601.0)
    assert not world.floor.behind


def test_a_clock_that_jumps_back_is_not_given_until_it_is_right(world: World) -> None:
    world.trusted = 500
    world.restart()
    assert world.gives()
    world.unix -= 86_400
    assert not world.gives()
    assert not world.gives(after=7200.0), "nobody but the configuration vouches for it"
    world.unix += 86_400
    assert world.gives()


def test_the_floor_survives_a_restart_and_a_lost_clock(world: World) -> None:
    world.trusted = 500
    world.restart()
    assert world.gives()
    world.floor.keep()
    world.up, world.unix = 5.0, NOW - 40 * 86_400
    world.restart()
    assert not world.gives()
    world.unix = NOW + 60
    assert world.gives()


def test_a_synchronised_clock_is_believed_after_an_hour(world: World) -> None:
    world.kernel = 20
    world.unix = NOW + 10 * 365 * 86_400.0  # a wrong time source, ten years ahead
    assert world.gives()
    world.unix = NOW
    assert not world.gives()
    assert not world.gives(after=3000.0)
    world.kernel = None
    assert not world.gives(after=3000.0), "synchronisation was lost meanwhile"
    world.kernel = 20
    assert not world.gives(after=3000.0)
    assert world.gives(after=1000.0)
    world.restart()
    assert world.gives(after=1.0), "and remembered"


def test_small_corrections_back_are_no_jump(world: World) -> None:
    world.kernel = 20
    assert world.gives()
    world.unix -= 2.0
    assert world.gives()


def test_it_is_written_seldom(world: World) -> None:
    world.kernel = 20
    written = set()
    for _ in range(1200):
        world.gives(after=1.0)
        written.add(world.file.read_text())
    assert len(written) == 2


@given(content=st.binary(max_size=40))
def test_any_file_is_survived(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("floor") / "last_seen"
    file.write_bytes(content)
    floor = Floor(file, lambda: 0.0)
    assert not floor.passes(0.0, synchronised=True)


def test_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    floor = Floor(tmp_path / "none" / "last_seen", lambda: 0.0)
    assert floor.passes(NOW, synchronised=False)


def test_who_only_looks_writes_nothing(tmp_path: Path) -> None:
    floor = Floor(tmp_path / "last_seen", lambda: 0.0, keeps=False)
    assert floor.passes(NOW, synchronised=False)
    assert list(tmp_path.iterdir()) == []
