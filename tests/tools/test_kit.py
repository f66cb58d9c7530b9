"""`dosewire kit check` in a whole world: emulated board, real gateway, mosquitto, backend."""

import asyncio
import contextlib
import json
import os
import sys

import pytest
from sqlalchemy.exc import OperationalError

from protocol.schema import Mode, RecordType
from sim.backend.store import StoreError, open_store
from sim.report import STORE
from sim.world import World
from tests.tools.desk import dosewire
from tests.tools.test_provision import press
from tools import kit
from tools.exits import Exit

pytestmark = pytest.mark.slow
SEED = 20240101
# WS2812, green first, the status light is the last of eight; in mode bench nothing else is green
GREEN = bytes((60, 0, 0)), bytes((8, 0, 0))


class Tech:
    """Runs the command and does what it says; looks at the status light."""

    def __init__(self, folder, image):
        self.saw_green = False
        self.world = World(
            folder / "world",
            SEED,
            ("d1",),
            image=image,
            panels={"d1": self},
        )
        self.dispenser = self.world.dispensers["d1"]
        self.said = ""

    def take(self, event):
        if event.kind == "pixels" and event.data[21:24] in GREEN:
            self.saw_green = True

    @contextlib.asynccontextmanager
    async def kit(self):
        try:
            await self.world.begin()
            await self.world.gateway.start()
            async with asyncio.timeout(60):
                while not stored(self):
                    await asyncio.sleep(0.1)
            yield self
        finally:
            await self.world.close()

    async def begin(self, *words):
        self.said = ""
        await self.dispenser.to_bench()
        command = ("-m", "tools.main", "kit", "check", "--port", self.dispenser.board.port, *words)
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *map(str, command), "--json",
            stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip

    async def hear(self, words):
        async with asyncio.timeout(60):
            while words not in self.said:
                more = await self.process.stderr.read(1000)
                assert more, self.said
                self.said += more.decode()

    async def answer(self, word):
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()

    async def press(self):
        self.saw_green = False
        for active in (True, False):
            self.dispenser.touch("button4", active)
            await asyncio.sleep(0.3)

    async def light(self):
        async with asyncio.timeout(60):
            while not self.saw_green:
                await asyncio.sleep(0.05)

    async def end(self):
        out, err = await asyncio.wait_for(self.process.communicate(), 60)
        self.said += err.decode()
        return self.process.returncode, json.loads(out)


@pytest.fixture
def tech(tmp_path, flashed):
    return lambda: Tech(tmp_path, (flashed / "flash.img").read_bytes())


def test_a_press_is_followed_to_the_store_and_back(tech, tmp_path):
    async def story():
        async with tech().kit() as t:
            await t.begin("--store", t.world.folder / STORE)
            await t.hear("into the gateway")
            await t.dispenser.to_gateway()
            await t.press()
            await t.hear("green once")
            await t.light()
            await t.answer("y")
            code, report = await t.end()
            records = stored(t)
        assert code == Exit.DONE, t.said
        assert report["good"]
        assert report["dispenser"] == t.dispenser.id
        assert [step["step"] for step in report["steps"]] == [
            "bench", "stored", "watermark", "panel",
        ]  # fmt: skip
        assert report["gateway"] == "gw-1"
        (found,) = [r for r in records if r.type == RecordType.response]
        assert (found.seq, found.stamp >> 12 & 3) == (report["seq"], Mode.bench)

    asyncio.run(story())


def stored(t):
    if not (t.world.folder / STORE).exists():
        return []
    try:
        store = open_store(t.world.folder / STORE, readonly=True)
    except (StoreError, OperationalError):  # its tables are being made
        return []
    try:
        return store.records(t.dispenser.id, t.dispenser.epoch)
    finally:
        store.close()


@pytest.mark.soak
def test_without_the_store_the_dispenser_says_and_a_dead_backend_fails_it(tech):
    async def story():
        async with tech().kit() as t:
            await t.begin()
            await t.hear("into the gateway")
            await t.dispenser.to_gateway()
            await t.press()
            await t.light()
            await t.dispenser.to_bench()
            await t.answer("")
            await t.hear("green once")
            await t.answer("n")
            code, report = await t.end()
            assert (code, report["good"]) == (Exit.FAULTY, False), t.said
            steps = [(step["step"], step["good"]) for step in report["steps"]]
            assert steps == [
                ("bench", True), ("written", True), ("watermark", True), ("panel", False),
            ]  # fmt: skip

            await t.world.backend.kill()
            await t.begin("--store", t.world.folder / STORE, "--within", "1")
            await t.hear("into the gateway")
            await t.dispenser.to_gateway()
            code, report = await t.end()
            assert code == Exit.FAULTY
            assert report["steps"][-1]["step"] == "stored"
            assert "gateway status" in t.said

    asyncio.run(story())


def test_a_press_of_a_dispenser_that_restarted_on_the_way_is_told(desk):
    """Without batteries it forgets mode bench: the press would be the patient's."""

    class Tired:
        def tell(self, text):
            pass

        def wait(self, text):
            desk.off()
            desk.on()
            press(desk)

        def yes(self, question):
            raise AssertionError(question)

    checking = kit.Check(desk.port, Tired(), 5)
    with pytest.raises(kit.ToolError, match="batteries") as told:
        checking.run(None)
    assert told.value.exit == Exit.FAULTY
    assert checking.report.steps[-1].good is False


def test_what_cannot_be_looked_at_is_said_before_anybody_walks(tmp_path):
    done = dosewire("kit", "check", "--port", "/dev/null", "--store", tmp_path / "none.db")
    assert (done.returncode, done.stderr) == (
        Exit.USAGE, f"dosewire kit: store {tmp_path / 'none.db'}: no such file\n",
    )  # fmt: skip
    done = dosewire("kit", "check", "--port", tmp_path / "gone")
    assert done.returncode == Exit.NO_DEVICE
