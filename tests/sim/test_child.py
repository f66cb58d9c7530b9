"""Processes of a world: ended by us, or noticed when they end by themselves."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sim.child import Child, ChildError, run, tied

PATIENT = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True);"
    "time.sleep(60)",
]


async def up(child):
    while "up" not in child.log.read_text():
        await asyncio.sleep(0.01)


def test_started_killed_started_again_and_stopped(tmp_path):
    async def scene():
        child = Child("x", PATIENT, tmp_path / "x.log")
        await child.start()
        await up(child)
        with pytest.raises(ChildError, match="already"):
            await child.start()
        child.check()
        await child.kill()
        assert not child.running
        child.check()
        await child.start()
        await child.stop()
        assert not child.running
        await child.stop()

    asyncio.run(scene())


def test_one_that_ends_by_itself_is_told_with_the_end_of_its_log(tmp_path):
    async def scene():
        command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
        child = Child("x", command, tmp_path / "x.log")
        await child.start()
        with pytest.raises(ChildError, match=r"(?s)x ended with 1.*no such thing"):
            while True:
                child.check()
                await asyncio.sleep(0.01)
        await child.kill()

    asyncio.run(scene())


def test_one_that_does_not_stop_is_killed_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.child._STOPPED_WITHIN", 0.2)

    async def scene():
        child = Child("x", STUBBORN, tmp_path / "x.log")
        await child.start()
        await up(child)
        with pytest.raises(ChildError, match="did not stop"):
            await child.stop()

    asyncio.run(scene())


def test_a_command_that_fails_or_hangs_is_told(tmp_path):
    fails = [sys.executable, "-c", "import sys; print('out'); sys.exit('because')"]
    with pytest.raises(ChildError, match=r"(?s)fails ended with 1.*because"):
        asyncio.run(run("fails", fails, tmp_path / "log", 10))
    with pytest.raises(ChildError, match="longer"):
        asyncio.run(run("hangs", PATIENT, tmp_path / "log", 0.3))
    works = [sys.executable, "-c", "print('out')"]
    assert asyncio.run(run("works", works, tmp_path / "log", 10)) == "out\n"


def test_it_dies_with_us_whatever_happens_to_us(tmp_path):
    code = f"""
        import asyncio, os, pathlib
        from sim.child import Child
        async def main():
            child = Child("x", {PATIENT!r}, pathlib.Path({str(tmp_path / "x.log")!r}))
            await child.start()
            print(child._process.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    child = Path(f"/proc/{int(parent.stdout.readline())}")
    assert child.exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()
    end = time.monotonic() + 10
    while child.exists() and " Z " not in (child / "stat").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_does_not_begin_if_we_are_gone_already(tmp_path, monkeypatch):
    there = tmp_path / "there"
    command = [sys.executable, "-c", f"open({str(there)!r}, 'w')"]
    assert subprocess.run(tied(command), check=False).returncode == 0
    assert there.exists()
    there.unlink()
    # as seen by a child whose parent is another one by now
    monkeypatch.setattr("sim.child.os.getpid", lambda: 1)
    assert subprocess.run(tied(command), check=False).returncode == 1
    assert not there.exists()
