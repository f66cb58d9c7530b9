"""A real board and who touches it: the fixture's lines, a person's Enter, and a story on both.

No Pico is here: the boards are emulated ones behind their ports (`tests.sim.wired`).
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import tty
from pathlib import Path

import pytest

from sim.board import serial_hands
from sim.board.serial import SerialBoard
from sim.board.serial_hands import Fixture, HandsError, Person

STORY = """
name = "on-the-bench"
story = "A dose and an answer, while the gateway dies and comes back."
days = 0.0002
diary = '''
day 1 00:00:02  open; take 1; close; press 3
day 1 00:00:12  fault gateway_killed for 3 s
day 1 00:00:13  press 1
'''
"""


class Bench:
    """A fixture's port with somebody else at its other end, who answers as `answer` says."""

    def __init__(self, answer):
        self.said = []
        self._answer = answer
        self._end, port = os.openpty()
        tty.setraw(port)
        self.path = Path(os.ttyname(port))
        self._port = port
        asyncio.get_running_loop().add_reader(self._end, self._heard)

    def _heard(self):
        for line in os.read(self._end, 1000).decode().splitlines():
            self.said.append(line)
            os.write(self._end, self._answer(len(self.said), line))

    def close(self):
        asyncio.get_running_loop().remove_reader(self._end)
        os.close(self._end)
        os.close(self._port)


def with_fixture(answer, work):
    async def scenario():
        bench = Bench(answer)
        fixture = Fixture(bench.path)
        try:
            return await work(fixture), bench.said
        finally:
            await fixture.close()
            bench.close()

    return asyncio.run(scenario())


def obedient(_, line):
    return f"ok {line}\r\n".encode()


def test_a_fixture_moves_what_it_is_told_and_lets_go_at_the_end():
    before = time.time_ns()
    moved, said = with_fixture(obedient, lambda fixture: fixture.move("beam2", True))
    assert before <= moved <= time.time_ns()
    assert said == ["beam2 1", "all 0"]


def test_late_answers_and_noise_are_passed_over_and_a_silent_fixture_is_asked_again():
    def slow(number, line):
        return b"" if number == 1 else b"ok lid 0\r\nrubbish\xff\r\n" + obedient(number, line)

    _, said = with_fixture(slow, lambda fixture: fixture.move("lid", True))
    assert said[:2] == ["lid 1", "lid 1"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [(lambda *_: b"error: no lid\r\n", "error: no lid"), (lambda *_: b"", "docs/hardware.md")],
)
def test_a_fixture_that_does_not_obey_is_told_in_one_line(answer, told, monkeypatch):
    monkeypatch.setattr(serial_hands, "_ANSWERS_WITHIN_S", 0.2)
    with pytest.raises(HandsError, match=told) as error:
        with_fixture(answer, lambda fixture: fixture.move("lid", True))
    assert "\n" not in str(error.value)


def test_a_fixture_that_is_not_there_is_told(tmp_path):
    with pytest.raises(HandsError, match="No such file"):
        asyncio.run(Fixture(tmp_path / "no").let_go())


@contextlib.contextmanager
def typing(monkeypatch, text):
    """Somebody has typed this, and then left."""
    ours, theirs = os.pipe()
    os.write(theirs, text)
    os.close(theirs)
    with os.fdopen(ours) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield


def test_a_person_is_asked_in_plain_words_and_enter_is_the_time(monkeypatch, capsys):
    with typing(monkeypatch, b"\n"):
        before = time.time_ns()
        assert asyncio.run(Person("d1").move("button3", True)) >= before
    assert capsys.readouterr().out.startswith("d1: press button 3 and keep it pressed; then")


def test_a_person_who_has_left_ends_the_run(monkeypatch, tmp_path):
    async def cut():
        board = SerialBoard(tmp_path / "d1", "d1", tmp_path, Person("d1"), Person("d1"))
        await board.power_cut()

    with typing(monkeypatch, b""), pytest.raises(HandsError, match="nobody is there to pull"):
        asyncio.run(cut())


def test_without_a_person_nobody_pulls_a_cable(tmp_path):
    async def unplug():
        await SerialBoard(tmp_path / "d1", "d1", tmp_path, Fixture(tmp_path), None).unplug()

    with pytest.raises(HandsError, match="by-hand"):
        asyncio.run(unplug())


# --- the whole chain, in real time


@pytest.fixture
def wired(tmp_path):
    """The ports of an emulated dispenser and an emulated fixture, in a process of their own."""
    command = [sys.executable, "-m", "tests.sim.wired", str(tmp_path / "wired")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()
        finally:
            process.kill()


def dosewire(folder, board, **pipes):
    (folder / "story.toml").write_text(STORY)
    words = ["sim", "run", str(folder / "story.toml"), "--board", board]
    words += ["--runs", str(folder / "runs"), "--report", str(folder)]
    return subprocess.Popen([sys.executable, "-m", "tools.main", *words], text=True, **pipes)


def judged(folder):
    (result,) = json.loads((folder / "results.json").read_text())
    assert result["wrong"] == [] and result["skipped"] == ""
    verified = [sys.executable, "-m", "tools.main", "sim", "verify", result["run"]]
    told = subprocess.run(verified, capture_output=True, text=True, check=False)
    assert "report: confirmed" in told.stdout, told.stdout
    return json.loads((Path(result["run"]) / "report.json").read_text())


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_a_story_on_a_board_that_a_fixture_touches(wired, tmp_path):
    board, fixture = wired
    with dosewire(tmp_path, f"serial:{board},fixture={fixture}", stdout=subprocess.PIPE) as run:
        said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said
    report = judged(tmp_path)
    assert report["stimuli"] == 8 and report["records_expected"] == 6
    assert report["faults"] == {"gateway_killed": 1}


DEEDS = {
    "open the lid": "lid 1",
    "close the lid": "lid 0",
    "put a hand into compartment 1": "beam1 1",
    "take the hand out of compartment 1": "beam1 0",
    "press button 3 and keep it pressed": "button3 1",
    "let button 3 go": "button3 0",
    "press button 1 and keep it pressed": "button1 1",
    "let button 1 go": "button1 0",
}


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_a_story_on_a_board_that_a_person_touches(wired, tmp_path):
    """The person reads what is on the screen, has the fixture do it, and presses Enter."""
    board, fixture = wired
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        dosewire(tmp_path, f"serial:{board},by-hand", **pipes) as run,
        Path(fixture).open("r+b", buffering=0) as hands,
    ):
        tty.setraw(hands)
        said = ""
        while letter := run.stdout.read(1):
            said += letter
            if not said.endswith("Enter at once "):
                continue
            deed = said.rsplit("d1: ", 1)[1].split(";")[0]
            if deed in DEEDS:
                hands.write(DEEDS[deed].encode() + b"\n")
                while not hands.readline().startswith(b"ok"):
                    pass
            run.stdin.write("\n")
            run.stdin.flush()
        run.wait(timeout=60)
    assert run.returncode == 0, said
    report = judged(tmp_path)
    assert report["stimuli"] == 8 and report["records_expected"] == 6
