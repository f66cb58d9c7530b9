"""The real, unmodified mpremote against the emulated board."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

from tests.sim.board.bench import Bench

RUNNING = """
import time
print("app runs")
while True:
    time.sleep(10)
"""


def test_it_looks_like_a_pico(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        says = await bench.run(
            "import sys, gc, os, machine, time; gc.collect()\n"
            "print(sys.platform, time.gmtime(0)[0], machine.freq(), machine.unique_id().hex())\n"
            "print(gc.mem_free())\n"
            "s = os.statvfs('/'); print(s[0], s[2])"
        )
        first, free, flash = says.splitlines()
        assert first == f"rp2 1970 125000000 {bench.board.unique_id.hex()}"
        assert flash == "4096 352"
        # 241,000-241,800 bytes are free on the chip; words are twice as long here
        assert 2 * 240_000 <= int(free) <= 2 * 243_000

    on_bench(scenario)


def test_files_go_there_and_back(on_bench: Callable[..., None], tmp_path: Path) -> None:
    data = random.Random(1).randbytes(20_000)
    (tmp_path / "out").write_bytes(data)

    async def scenario(bench: Bench) -> None:
        await bench.mpremote("fs", "cp", tmp_path / "out", ":data.bin")
        assert "20000 data.bin" in await bench.mpremote("fs", "ls")
        digest = hashlib.sha256(data).hexdigest()
        assert digest in await bench.mpremote("fs", "sha256sum", "data.bin")
        await bench.mpremote("fs", "cp", ":data.bin", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data
        assert bench.read("data.bin") == data
        assert sum(bench.board.wear.values()) >= 5  # 20,000 bytes are five blocks
        assert bench.board.operations >= 5 + 20  # and are programmed 1024 bytes at a time

    on_bench(scenario)


def test_soft_reset_interrupts_a_running_main(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=RUNNING)
        await bench.board.power_on()
        await bench.printed(b"app runs")
        await bench.mpremote("soft-reset")
        await bench.board.wait_for(lambda: bench.console.count(b"app runs") >= 1)
        assert b"KeyboardInterrupt" in bench.console
        assert bench.board.exits[-1].cause == "soft reset"
        assert (await bench.run("import machine; print(machine.reset_cause())")).strip() == "1"

    on_bench(scenario, off=True)


def test_resume_keeps_state_and_mount_works(on_bench: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "remote.py").write_text("print('from the host', 6 * 7)")

    async def scenario(bench: Bench) -> None:
        await bench.run("x = 41")
        boots = bench.board.boots
        assert (await bench.mpremote("resume", "exec", "print(x + 1)")).strip() == "42"
        assert bench.board.boots == boots
        says = await bench.mpremote("mount", tmp_path / "host", "exec", "import remote")
        assert "from the host 42" in says

    on_bench(scenario)


def test_reset_gives_a_new_port_under_the_same_path(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        before = bench.board.port.readlink()
        await bench.mpremote("reset")
        await bench.board.wait_for(lambda: bench.board.exits[-1].cause == "reset")
        await bench.board.wait_for(lambda: bench.board.state == "running")
        assert bench.board.port.is_symlink()
        assert str(before).startswith("/dev/pts/")
        assert (await bench.run("import machine; print(machine.reset_cause())")).strip() == "3"

    on_bench(scenario)


def test_the_hardware_clock_is_set_and_lost_at_a_hard_reset(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        assert "(2021, 1, 1, 4, 0, 0, " in await bench.mpremote("rtc")
        await bench.mpremote("rtc", "--set")
        assert "(2021, 1, 1" not in await bench.mpremote("rtc")
        await bench.mpremote("reset")
        await bench.board.wait_for(lambda: bench.board.exits[-1].cause == "reset")
        await bench.board.wait_for(lambda: bench.board.state == "running")
        assert "(2021, 1, 1, 4, 0, 0, " in await bench.mpremote("rtc")

    on_bench(scenario)
