"""A bench with one emulated board on it, and the real mpremote."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from littlefs import LittleFS

from hardware import board
from sim.board.emulated import EmulatedBoard, OutputEvent

MPREMOTE = Path(sys.executable).with_name("mpremote")
PICO = board.load("pico")


class Bench:
    """A board, what its outputs did, and what a tech can do with it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.events: list[OutputEvent] = []
        options = {"on_output": self.events.append, **options}
        self.board = EmulatedBoard(folder, PICO, name="bench", **options)

    def filesystem(self) -> LittleFS:
        """The flash image as it is now; changes go nowhere unless `store` is called."""
        fs = LittleFS(
            block_size=PICO.flash.block_size, block_count=PICO.flash.blocks, prog_size=256,
            read_size=32, cache_size=1024, lookahead_size=32, mount=False,
        )  # fmt: skip
        fs.context.buffer[:] = (self.folder / "flash.img").read_bytes()
        return fs

    def install(self, **files: str) -> None:
        """Write `name`.py files onto the flash of a board that is off."""
        fs = self.filesystem()
        if set(fs.context.buffer) == {0xFF}:
            fs.format()
        fs.mount()
        for name, text in files.items():
            with fs.open(f"{name}.py", "wb") as file:
                file.write(text.encode())
        (self.folder / "flash.img").write_bytes(fs.context.buffer)

    def read(self, path: str) -> bytes:
        """A file from the flash image."""
        fs = self.filesystem()
        fs.mount()
        with fs.open(path, "rb") as file:
            return bytes(file.read())

    @property
    def console(self) -> bytes:
        """All that the board has ever printed."""
        return (self.folder / "console.log").read_bytes()

    async def printed(self, text: bytes, timeout: float = 10) -> None:
        """Wait until the board has printed `text`."""
        await self.board.wait_for(lambda: text in self.console, timeout)

    async def mpremote(
        self, *arguments: str | Path, code: int | None = 0, timeout: float = 15
    ) -> str:
        """Run mpremote on the board's port and check its exit code; its output."""
        words = ["connect", str(self.board.port), *map(str, arguments)]
        process = await asyncio.create_subprocess_exec(
            MPREMOTE, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(timeout):
                output = (await process.communicate())[0].decode(errors="replace")
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"mpremote hangs; console: {self.console[-500:]!r}") from None
        assert code in (None, process.returncode), f"{process.returncode}: {output}"
        return output

    async def run(self, code: str) -> str:
        """Execute code on the board, after a soft reset as mpremote does; what it printed."""
        return await self.mpremote("exec", code)
