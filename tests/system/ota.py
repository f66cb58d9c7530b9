"""A world whose gateway takes releases: building, queueing, and what became of one."""

import asyncio
import json
import sqlite3
import time
from pathlib import Path

from protocol.schema import RecordType, ReleaseAction
from sim.child import dosewire, run
from sim.report import STORE
from sim.world import World
from tests.tools.desk import sources

SEED = 20240101
NEW = (0, 2, 0)
LIMIT = 180
TOLD = [ReleaseAction.received, ReleaseAction.started, ReleaseAction.confirmed]


class Ota:
    """A world whose gateway takes releases of one builder."""

    def __init__(self, folder: Path, image: bytes) -> None:
        self.folder = folder
        self.world = World(folder / "world", SEED, ("d1",), image=image)
        self.dispenser = self.world.dispensers["d1"]
        self.key = folder / "builder.pem"
        self.log = folder / "commands.log"

    async def begin(self) -> None:
        await self.word("release", "key", self.key)
        await self.world.begin()
        with (self.world.folder / "gateway.toml").open("a") as file:
            file.write(f'[release]\nkey = "{self.key.with_suffix(".pub")}"\n')
        await self.world.gateway.start()
        first = f"SELECT seq FROM records WHERE type = {int(RecordType.epoch)}"
        await self.until(lambda: self.ready() and self.query(first))

    def ready(self) -> bool:
        # the backend makes its tables in one transaction
        return bool(self.query("SELECT name FROM sqlite_master WHERE name = 'records'"))

    async def word(self, *words: object) -> str:
        return await run(str(words[0]), dosewire(*map(str, words)), self.log, 60)

    async def built(self, version: tuple[int, int, int], key: Path | None = None) -> Path:
        out = self.folder / f"{version}.zip"
        source = sources(self.folder / f"source{version}", version)
        await self.word(
            "release", "build", "--firmware", source, "--key", key or self.key, "--out", out
        )
        return out

    async def send(self, bundle: Path, key: Path | None = None) -> dict:
        config, public = self.world.folder / "backend.toml", (key or self.key).with_suffix(".pub")
        words = ("--config", config, self.dispenser.id, bundle, "--key", public, "--json")
        told = await self.word("backend", "send", "release", *words)
        return json.loads(told)

    def query(self, sql: str) -> list[tuple]:
        if not (self.world.folder / STORE).exists():
            return []
        with sqlite3.connect(f"file:{self.world.folder / STORE}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    def told(self) -> list[int]:
        """What verified records say of the new release, in order."""
        sql = f"SELECT data FROM records WHERE type = {int(RecordType.release)} ORDER BY seq"
        return [data[0] for (data,) in self.query(sql) if tuple(data[1:4]) == NEW]

    def command(self) -> tuple[str, str | None]:
        found = self.query("SELECT state, reason FROM commands ORDER BY id DESC LIMIT 1")
        return found[0] if found else ("", None)

    def asked(self) -> int:
        return sum(
            value for (value,) in self.query("SELECT value FROM counters WHERE name = 'pieces'")
        )

    async def until(self, fits, limit: float = LIMIT) -> None:
        end = time.monotonic() + limit
        while not fits():
            self.world.check()
            assert time.monotonic() < end, self.state()
            await asyncio.sleep(0.05)

    def state(self) -> str:
        log = (self.world.logs / "gateway.log").read_text()[-1500:]
        return f"{self.command()} {self.told()} {self.asked()}\n{log}"
