"""Flashing: what a board goes through, whatever state it was left in."""

import fcntl
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from protocol.schema import RecordType, ReleaseAction, Service
from tests.tools.desk import Recorder, built, copied, desks, sources
from tools import facts as asking
from tools.exits import Exit, ToolError
from tools.flash import FlashError, StoppedError, flash
from tools.plan import Allowed
from tools.prompt import Prompt
from tools.session import events_from

pytestmark = pytest.mark.slow
MPREMOTE = Path(sys.executable).with_name("mpremote")


def mpremote(port, *words):
    done = subprocess.run(
        [MPREMOTE, "connect", port, *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put(port, name, text):
    mpremote(port, "exec", f"with open({name!r}, 'w') as f: f.write({text!r})")


def version(hello):
    return hello.major, hello.minor, hello.patch


def ask(port):
    with Prompt(port) as prompt:
        facts = asking.ask(prompt)
        prompt.reset()
    return facts


def test_a_second_release_goes_beside_the_first(desk, new):
    before = desk.hello()
    with Prompt(desk.port) as prompt:
        prompt.run("import os\nfor p in ('/slots/b', '/slots/b/dispenser'): os.mkdir(p)")
        prompt.write("/slots/b/dispenser/stale.mpy", b"old", lambda _: None)
        prompt.reset()
    recorder = Recorder()
    done = flash(desk.port, new, recorder)
    assert (done.plan.slot, version(done.hello)) == ("b", (0, 2, 0))
    assert (done.hello.epoch, done.hello.service) == (before.epoch, Service.ok)
    assert done.hello.next >= before.next
    assert recorder.arrived >= recorder.total > 50_000
    assert recorder.steps == ["probe", "copy", "verify", "self-test", "switch", "start"]
    with Prompt(desk.port) as prompt:
        names = prompt.run("import os; print(os.listdir('/slots/b/dispenser'))")
        prompt.reset()
    assert "app.mpy" in names and "stale.mpy" not in names
    facts = ask(desk.port)
    assert facts.versions == {"a": "0.1.0", "b": "0.2.0"}
    assert facts.slot == "b"

    again = flash(desk.port, new, Recorder())
    assert again.plan.current


@pytest.mark.soak
def test_a_third_release_goes_over_the_first(desk, new, tmp_path):
    flash(desk.port, new, Recorder())
    third = built(sources(tmp_path / "third", (0, 3, 0)))
    # b has not run for 20 s: the one before, in a, is kept
    assert flash(desk.port, third, Recorder()).plan.slot in ("a", "b")
    assert version(desk.hello()) == (0, 3, 0)


@pytest.mark.soak
def test_it_waits_until_the_dispenser_confirms(desk, new):
    before = desk.hello()
    assert flash(desk.port, new, Recorder(), confirm=True).confirmed is True

    async def told():
        found = []
        async for record in events_from(desk.port, before.epoch, before.next, 1.0):
            if record.type == RecordType.release:
                found.append((record.data[0], tuple(record.data[1:4]), chr(record.data[4])))
        return found

    import asyncio

    assert asyncio.run(told())[-1] == (ReleaseAction.confirmed, (0, 2, 0), "b")


@pytest.mark.soak
def test_a_downgrade_is_refused_unless_allowed(desk, old, new):
    flash(desk.port, new, Recorder())
    with pytest.raises(ToolError, match=r"holds 0\.2\.0, the release is 0\.1\.0") as refused:
        flash(desk.port, old, Recorder())
    assert refused.value.exit == Exit.DOWNGRADE
    assert version(desk.hello()) == (0, 2, 0)
    flash(desk.port, old, Recorder(), Allowed(downgrade=True))
    assert version(desk.hello()) == (0, 1, 0)


def test_a_release_that_does_not_load_never_becomes_the_one_that_starts(desk, tmp_path):
    source = sources(tmp_path / "broken", (0, 2, 0))
    (source / "dispenser" / "app.py").write_text("import nowhere\n")
    with pytest.raises(ToolError, match="nowhere"):
        flash(desk.port, built(source), Recorder())
    assert version(desk.hello()) == (0, 1, 0)
    assert ask(desk.port).slot == "a"


def test_a_release_that_crashes_is_left_by_the_board(desk, tmp_path):
    # confirmed, so that there is something to go back to
    with Prompt(desk.port) as prompt:
        prompt.write("/slots/a/state", b"confirmed", lambda _: None)
        prompt.reset()
    source = sources(tmp_path / "broken", (0, 2, 0))
    with (source / "dispenser" / "app.py").open("a") as file:
        file.write("\n\ndef _crash(self):\n    raise ValueError\n\n\nDispenser.run = _crash\n")
    with pytest.raises(FlashError, match="the board went back"):
        flash(desk.port, built(source), Recorder())
    assert version(desk.hello()) == (0, 1, 0)


@pytest.mark.soak
def test_a_stop_in_the_middle_leaves_the_first_release_and_the_next_run_goes_on(desk, new):
    def stop(calls):
        if calls == 40:
            raise StoppedError("enough")

    first = Recorder(stop)
    with pytest.raises(StoppedError):
        flash(desk.port, new, first)
    assert version(desk.hello()) == (0, 1, 0)
    second = Recorder()
    assert version(flash(desk.port, new, second).hello) == (0, 2, 0)
    assert second.total < first.total - first.arrived + 5000


PROGRAMS = {
    "prints": "while True: print('x' * 100)",
    "restarts": "import machine, time\ntime.sleep_ms(300)\nmachine.reset()",
    "starves": "from machine import WDT\nwatchdog = WDT(timeout=1000)\nwhile True: pass",
    "raises": "raise ValueError",
    "resists": "import time\nwhile True:\n    try:\n        time.sleep_ms(200)\n"
    "    except KeyboardInterrupt:\n        print('not yet')\n        time.sleep_ms(300)\n"
    "        raise SystemExit",
}
IN_CI = ("restarts",)


@pytest.mark.parametrize(
    "main",
    [
        pytest.param(text, id=name, marks=[] if name in IN_CI else pytest.mark.soak)
        for name, text in PROGRAMS.items()
    ],
)
def test_a_board_with_a_bad_program_can_be_flashed(tmp_path, old, main):
    with desks(tmp_path / "board") as (desk,):
        put(desk.port, "main.py", main)
        desk.off()
        desk.on()
        done = flash(desk.port, old, Recorder(), Allowed(foreign=True))
        assert done.hello.service == Service.unprovisioned


MIDDLES = [b"\r\x01\x05A\x01pri", b"\x01", b"\x05x = (", b"while 1:\r\n"]


@pytest.mark.parametrize(
    "typed", [MIDDLES[0], *(pytest.param(typed, marks=pytest.mark.soak) for typed in MIDDLES[1:])]
)
def test_a_board_left_in_the_middle_of_something_can_be_flashed(desk, new, typed):
    with desk.port.open("r+b", buffering=0) as port:
        port.write(b"\r\x03\x03" + typed)
        assert version(flash(desk.port, new, Recorder()).hello) == (0, 2, 0)


@pytest.mark.soak
def test_somebody_elses_board_is_left_alone(tmp_path, old):
    with desks(tmp_path / "board") as (desk,):
        put(desk.port, "main.py", "x = 1")
        put(desk.port, "w.txt", "")
        with pytest.raises(ToolError, match=r"main\.py, w\.txt") as refused:
            flash(desk.port, old, Recorder())
        assert refused.value.exit == Exit.FOREIGN
        desk.up()
        assert "x = 1" in mpremote(desk.port, "cat", ":main.py")
        flash(desk.port, old, Recorder(), Allowed(foreign=True))
        assert "w.txt" in mpremote(desk.port, "ls")


@pytest.mark.soak
def test_mpremote_is_shut_out_while_we_work_and_works_afterwards(desk, new):
    seen = []

    def other(calls):
        if calls == 20:
            done = subprocess.run(
                [MPREMOTE, "connect", desk.port, "ls"], capture_output=True, text=True
            )
            seen.append(done.returncode)

    flash(desk.port, new, Recorder(other))
    assert seen == [1]
    assert "slots" in mpremote(desk.port, "ls")
    # left at its prompt by mpremote
    assert flash(desk.port, new, Recorder()).plan.current


def test_a_port_that_another_program_holds_is_said(desk, new):
    with desk.port.open("rb", buffering=0) as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        with pytest.raises(ToolError, match="another program holds it") as refused:
            flash(desk.port, new, Recorder())
    assert refused.value.exit == Exit.BUSY


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.soak)])
def test_boards_at_once_from_stock(tmp_path, old, count):
    folders = [tmp_path / f"b{number}" for number in range(count)]
    with desks(*folders) as boards:
        words = [word for desk in boards for word in ("--port", str(desk.port))]
        command = [sys.executable, "-m", "tools.main", "flash", "--yes", "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=80)
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(told) == count
        assert {entry["port"] for entry in told} == {str(desk.port) for desk in boards}
        assert all(entry["written"] for entry in told)
        assert all(desk.hello().service == Service.unprovisioned for desk in boards)


@pytest.mark.soak
def test_one_board_that_fails_does_not_keep_the_others(tmp_path, flashed, new):
    with desks(*(copied(flashed, tmp_path / name) for name in "ab")) as (one, other):
        one.off()
        command = [sys.executable, "-m", "tools.main", "flash", "--yes"]
        command += ["--port", str(one.port), "--port", str(other.port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=80)
        assert done.returncode == Exit.NO_DEVICE
        assert done.stderr.count("dosewire flash:") == 1
        assert "already runs" in done.stdout


def test_ctrl_c_stops_and_the_first_release_starts(desk, new, tmp_path):
    from protocol import bundle
    from tests.tools.desk import KEY

    path, key = tmp_path / "new.zip", tmp_path / "key.pub"
    path.write_bytes(bundle.pack(new.signed, new.files))
    from cryptography.hazmat.primitives import serialization

    key.write_bytes(
        KEY.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    words = ["flash", "--yes", "--port", str(desk.port), "--release", str(path)]
    command = [sys.executable, "-m", "tools.main", *words, "--key", str(key)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    copying = threading.Event()
    slot = desk.folder / "flash.img"
    assert slot.exists()
    begun = desk.board.operations
    while not copying.wait(0.02):
        if desk.board.operations > begun + 100:
            copying.set()
    process.send_signal(2)
    _, told = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED
    assert "still starts" in told
    assert "Traceback" not in told
    assert version(desk.hello()) == (0, 1, 0)
