"""Tasks that hang or crash: what resets the dispenser, and what the next start tells."""

import asyncio
import time
from pathlib import Path

from protocol import schema, wire
from protocol.schema import FaultKind, MessageType, RecordType
from tests.firmware.rig import Rig, Scenario, ask, copy, files, find, play, play_all
from tests.support.micropython import FIRMWARE

HUNG = 0xFFFF0000
STARVED_S = 9.0
HUNG_S = 12.0
# replaced in main.py; `later` is what becomes of a task after a second
PATCH = """
        import asyncio
        async def forever(*_):
            await asyncio.Event().wait()
        async def spin(*_):
            while True:
                pass
        async def crash(*_):
            raise ValueError("boom")
        def change(owner, name, after):
            original = getattr(owner, name)
            async def changed(*bit):
                try:
                    await asyncio.wait_for(original(*bit), 1)
                except asyncio.TimeoutError:
                    await after()
            setattr(owner, name, changed)
        dispenser._safe or change({owner}, {name!r}, {after})
        dispenser.run()
"""


def patch(folder: Path, owner: str, name: str, after: str) -> None:
    """Let a task of the app end badly."""
    with files(folder) as system:
        with system.open("/main.py", "r") as file:
            text = file.read()
        lines = PATCH.format(owner=owner, name=name, after=after)
        with system.open("/main.py", "w") as file:
            file.write(text.replace("        dispenser.run()\n", lines))


TASKS = {
    "receive": ("dispenser", "_receive"), "send": ("dispenser", "_send"),
    "keeper": ("dispenser._keeper", "run"), "live": ("dispenser", "_live"),
}  # fmt: skip


def hang(task: str) -> Scenario:
    async def scenario(rig: Rig) -> None:
        began = time.time_ns()
        if task not in ("live", "loop"):  # it hangs when something comes that it does not do
            await asyncio.sleep(3)
            rig.send(MessageType.hello, wire.build(schema.HelloRequest(1, 1)))
            now = int(time.time() - schema.TIME_BASE)
            rig.send(
                MessageType.time, wire.build(schema.Time(now, 0, 5, schema.TimeSource.gateway))
            )
            began = time.time_ns()
        try:
            await rig.board.wait_for(lambda: len(rig.board.exits) > 0, HUNG_S + 10)
        except TimeoutError:
            raise AssertionError(f"{task} hangs and nothing happens") from None
        end = rig.board.exits[0]
        assert end.cause == "watchdog", task
        assert (end.time_ns - began) / 1e9 < HUNG_S, task
        # what hung is told by the next start
        await rig.board.wait_for(lambda: rig.board.state == "running")
        if task not in ("receive", "send", "loop"):
            fault = wire.parse(schema.Fault, (await find(rig, RecordType.fault)).data)
            assert (fault.kind, fault.value & HUNG) == (FaultKind.crash, HUNG), task
            assert bin(fault.value & ~HUNG).count("1") == (task != "live"), task

    return scenario


def test_each_task_that_hangs_ends_in_a_reset(provisioned: Path, tmp_path: Path) -> None:
    scenarios = {}
    cases = {**{name: (*task, "forever") for name, task in TASKS.items()},
             "loop": ("dispenser", "_live", "spin")}  # fmt: skip
    for name, change in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        patch(copy(provisioned, folder), *change)
        scenarios[folder] = hang(name)
    play_all(scenarios)


def test_crashes_are_told_and_lead_to_a_safe_mode_that_records(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.board.wait_for(lambda: len(rig.board.exits) == 3, 20)
        assert {end.cause for end in rig.board.exits} == {"reset"}
        await rig.board.wait_for(lambda: rig.board.state == "running")
        body = await ask(rig, MessageType.log, wire.build(schema.LogGet(999)), MessageType.log)
        assert b"safe" in body
        rig.board.set_input("lid", True)
        await rig.press("beam2", 100)
        await rig.press("button3")
        rig.board.set_input("lid", False)
        await find(rig, RecordType.lid_closed)
        held = await rig.records(0, (await rig.hello()).next)
        kinds = [r.type for r in held]
        for kind in (RecordType.lid_opened, RecordType.dose, RecordType.response):
            assert kinds.count(kind) == 1
        told = [wire.parse(schema.Fault, r.data) for r in held if r.type == RecordType.fault]
        assert 2 <= len(told) <= 3 and len({fault.value for fault in told}) == 1
        assert told[0].kind == FaultKind.crash and told[0].value < HUNG
        assert "boom" in await rig.mpremote("cat", ":/crash")

    folder = copy(provisioned, tmp_path)
    patch(folder, "dispenser", "_live", "crash")
    play(folder, scenario)


def test_a_hang_after_ctrl_d_resets(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        await rig.mpremote("resume", "exec", "1")  # the watchdog runs on, the feeder feeds it
        await rig.mpremote("resume", "fs", "cp", str(tmp_path / "hang.py"), ":main.py")
        rig.send(MessageType.hello, b"")
        assert rig.host
        rig.host.write(b"\r\x03\x02\x04")
        began = time.monotonic()
        await rig.board.wait_for(
            lambda: any(end.cause == "watchdog" for end in rig.board.exits), STARVED_S + 1
        )
        assert time.monotonic() - began < STARVED_S

    folder = copy(provisioned, tmp_path)
    text = (FIRMWARE / "main.py").read_text()
    hung = text.replace("        dispenser.run()", "        while True:\n            pass")
    (tmp_path / "hang.py").write_text(hung)
    play(folder, scenario)
