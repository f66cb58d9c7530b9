"""Power cut or cable pulled at every step of flashing: the board starts the old release or the
new one, never neither, keeps its journal, and the next flash completes."""

import random
from pathlib import Path

import pytest

from protocol.schema import Service
from tests.tools.desk import Desk, Recorder, copied, desks
from tools.exits import ToolError
from tools.flash import Installer, StoppedError, flash

pytestmark = pytest.mark.slow
OLD, NEW = (0, 1, 0), (0, 2, 0)
SEED = 20260801


def version(hello):
    return hello.major, hello.minor, hello.patch


@pytest.fixture(scope="module")
def almost(tmp_path_factory, provisioned, new) -> Path:
    """Images of a board on which the new release is copied, and nothing is switched yet."""
    folder = copied(provisioned, tmp_path_factory.mktemp("almost"))

    class Before(Recorder):
        def step(self, name: str) -> None:
            if name == "verify":
                raise StoppedError("here")

    with desks(folder) as (desk,), pytest.raises(StoppedError):
        flash(desk.port, new, Before())
    return folder


def operations(folder: Path, start: Path, new) -> int:
    """Count the flash operations from there until the new release is switched to."""
    counted = 0
    with desks(copied(start, folder)) as (desk,):
        begun = None

        class Counting(Recorder):
            def planned(self, facts, plan):
                nonlocal begun
                begun = desk.board.operations

            def step(self, name: str) -> None:
                nonlocal counted
                if name == "start":
                    counted = desk.board.operations - begun

        flash(desk.port, new, Counting())
    return counted


def cut(folder: Path, start: Path, new, operation: int, byte: int) -> tuple[int, int, int]:
    """Cut the power there; return what started then, after a flash that had to complete."""
    label = f"operation {operation}, byte {byte}, seed {SEED}"
    with desks(copied(start, folder)) as (desk,):
        epoch = desk.hello().epoch

        class Armed(Recorder):
            def planned(self, facts, plan):
                desk.do(desk.board.cut_at(operation, byte))

        with pytest.raises(ToolError):
            flash(desk.port, new, Armed())
        desk.do(desk.board.wait_cut())
        return _after(desk, new, epoch, label)


def _after(desk: Desk, new, epoch: int, label: str) -> tuple[int, int, int]:
    desk.off()
    desk.on()
    hello = desk.hello()
    assert version(hello) in (OLD, NEW), label
    assert (hello.epoch, hello.service) == (epoch, Service.ok), label
    done = flash(desk.port, new, Recorder())
    assert version(done.hello) == NEW, label
    assert (done.hello.epoch, done.hello.service) == (epoch, Service.ok), label
    print(f"{label}: {version(hello)} started", flush=True)
    return version(hello)


def test_power_cut_inside_the_switch(tmp_path, almost, new):
    count = operations(tmp_path / "whole", almost, new)
    rng = random.Random(SEED)
    # the pointer is last: one cut just before it is there, one anywhere before
    for number in (count, rng.randrange(1, count)):
        byte = rng.choice((0, rng.randrange(1, 256)))
        cut(tmp_path / f"{number}", almost, new, number, byte)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_power_cut_inside_every_operation_of_the_switch(tmp_path, almost, new):
    count = operations(tmp_path / "whole", almost, new)
    rng = random.Random(SEED)
    started = [
        cut(tmp_path / f"{number}", almost, new, number, rng.choice((0, rng.randrange(1, 256))))
        for number in range(1, count + 1)
    ]
    assert {OLD, NEW} >= set(started)
    print(f"{len(started)} cuts: {started.count(OLD)} started the old release")


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_power_cut_while_each_file_is_written(tmp_path, provisioned, new):
    count = operations(tmp_path / "whole", provisioned, new)
    rng = random.Random(SEED)
    numbers = sorted(rng.sample(range(1, count), 60))
    for number in numbers:
        cut(tmp_path / f"{number}", provisioned, new, number, rng.randrange(256))


def pulled(folder: Path, start: Path, new, at: int) -> None:
    """Pull the cable as the bytes of write number `at` have arrived."""
    with desks(copied(start, folder)) as (desk,):
        epoch = desk.hello().epoch

        def pull(calls):
            if calls == at:
                desk.do(desk.board.unplug())

        with pytest.raises(ToolError, match="check cable"):
            flash(desk.port, new, Recorder(pull))
        desk.do(desk.board.plug())
        # at its prompt still, or after the watchdog: both must do
        done = flash(desk.port, new, Recorder())
        assert version(done.hello) == NEW, at
        assert done.hello.epoch == epoch, at


def test_cable_pulled_while_a_file_is_written(tmp_path, provisioned, new):
    pulled(tmp_path / "a", provisioned, new, random.Random(SEED).randrange(1, 60))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_cable_pulled_at_each_file(tmp_path, provisioned, new):
    recorder = Recorder()
    with desks(copied(provisioned, tmp_path / "whole")) as (desk,):
        flash(desk.port, new, recorder)
    for at in range(1, recorder.calls + 1):
        pulled(tmp_path / f"{at}", provisioned, new, at)


STEPS = ("_clear", "_prove", "_try", "_replace", "_point")


@pytest.mark.parametrize(
    "step", [pytest.param(s, marks=[] if s == "_point" else pytest.mark.soak) for s in STEPS]
)
@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.soak)])
def test_cable_pulled_between_steps(tmp_path, provisioned, new, monkeypatch, step, when):
    with desks(copied(provisioned, tmp_path / "d")) as (desk,):
        epoch = desk.hello().epoch
        real = getattr(Installer, step)

        def around(self, *words):
            if when == "before":
                desk.do(desk.board.unplug())
            found = real(self, *words)
            if when == "after":
                desk.do(desk.board.unplug())
            return found

        with monkeypatch.context() as patched:
            patched.setattr(Installer, step, around)
            with pytest.raises(ToolError):
                flash(desk.port, new, Recorder())
        desk.do(desk.board.plug())
        _after(desk, new, epoch, f"{when} {step}")


def test_an_empty_board_cut_at_its_first_flash_starts_nothing_and_the_next_completes(
    tmp_path, old
):
    with desks(tmp_path / "stock") as (desk,):

        class Armed(Recorder):
            def planned(self, facts, plan):
                desk.do(desk.board.cut_at(random.Random(SEED).randrange(50, 300), 17))

        with pytest.raises(ToolError):
            flash(desk.port, old, Armed())
        desk.do(desk.board.wait_cut())
        desk.on()
        done = flash(desk.port, old, Recorder())
        assert done.hello.service == Service.unprovisioned
