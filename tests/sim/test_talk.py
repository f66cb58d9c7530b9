"""A program that asks is heard and answered; one that ends or waits too long is told."""

import asyncio
import sys

import pytest

from sim.child import ChildError
from sim.talk import talk

ASKS = """
import sys
print("what is your name? ", end="", file=sys.stderr, flush=True)
name = input()
print(f"hello {name}", file=sys.stderr)
sys.exit(0 if name == "d1" else 23)
"""


def spoken(tmp_path, program, conversation, within=60):
    async def story():
        command = [sys.executable, "-c", program]
        async with talk("asker", command, tmp_path / "log", within) as tool:
            await conversation(tool)

    asyncio.run(story())


def test_it_is_heard_answered_and_logged(tmp_path):
    async def polite(tool):
        await tool.hear("your name")
        await tool.answer("d1")
        await tool.end()

    spoken(tmp_path, ASKS, polite)
    assert (tmp_path / "log").read_text() == "what is your name? hello d1\n"


def test_a_bad_end_is_told_with_what_it_said(tmp_path):
    async def wrong(tool):
        await tool.hear("your name")
        await tool.answer("d2")
        await tool.end()

    with pytest.raises(ChildError, match=r"asker ended with 23:\n.*hello d2"):
        spoken(tmp_path, ASKS, wrong)


def test_words_that_never_come_are_told(tmp_path):
    async def deaf(tool):
        await tool.answer("d1")
        await tool.hear("goodbye")

    with pytest.raises(ChildError, match="asker ended before 'goodbye'"):
        spoken(tmp_path, ASKS, deaf)


def test_one_that_waits_for_ever_is_ended(tmp_path):
    ended = []

    async def silent(tool):
        ended.append(tool._process)
        await tool.hear("goodbye")

    with pytest.raises(ChildError, match="takes longer than 1 s"):
        spoken(tmp_path, ASKS, silent, within=1)
    assert ended[0].returncode is not None
