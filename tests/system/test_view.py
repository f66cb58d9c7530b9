"""The live view on a terminal: records travel on it, and Ctrl-C ends it."""

import os
import pty
import re
import select
import sys
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
COMMAND = [sys.executable, "-m", "tools.main", "sim", "demo", "--seed", "3", "--runs"]
CONFIRMED = re.compile(r"(DOSE|LID|RESPONSE)[^\n]*(\+\d+ ms\s+){4,5}")
WITHIN = 60


def screen_until(terminal, pattern):
    seen, end = "", time.monotonic() + WITHIN
    while not pattern.search(seen):
        assert time.monotonic() < end, seen[-3000:]
        if select.select([terminal], [], [], 0.2)[0]:
            piece = os.read(terminal, 65536).decode(errors="replace")
            seen = (seen + re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", piece))[-50_000:]
    return seen


def test_records_travel_on_the_screen_until_ctrl_c(tmp_path):
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", COLUMNS="160", LINES="50")
        os.execv(COMMAND[0], [*COMMAND, str(tmp_path)])
    try:
        seen = screen_until(terminal, CONFIRMED)
        assert "mpremote connect" in seen
        assert "store.db" in seen
        os.write(terminal, b"\x03")
        screen_until(terminal, re.compile("everything is stopped"))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 130
    finally:
        # hangs up on what may still run
        os.close(terminal)
